"""Where `netanomaly run` looks for data: in the configuration's folder, then in the working folder."""

from pathlib import Path

import pytest
from netanomaly.cli.run import _located
from netanomaly.flows import sources


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration's folder, with a name that is a pattern too, and beside it the working folder."""
    for name in ("a[1]/flows.csv", "here/flows.csv", "here/more.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a\n1\n")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "a[1]"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("flows.csv", "a[1]/flows.csv"),
        ("f*.csv", "a[1]/flows.csv"),
        ("more.csv", "here/more.csv"),
        ("m*.csv", "here/more.csv"),
    ],
)
def test_the_configurations_folder_comes_first(folder: Path, source: str, found: str):
    (file,) = sources.resolve([_located(source, folder)]).files
    assert Path(file.uri) == folder.parent / found


@pytest.mark.parametrize("source", ["s3://bucket/key", "/data/flows.csv"])
def test_what_is_not_relative_stays_as_it_is(folder: Path, source: str):
    assert _located([source], folder) == [source]


@pytest.mark.parametrize("source", ["nowhere.csv", "**x/*.csv", "x" * 5000, "a\0b", "[", " "])
def test_what_names_nothing_is_left_to_prepare_to_refuse(folder: Path, source: str):
    assert _located(source, folder) == str(folder / source)
