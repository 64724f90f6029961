import hashlib
import os

import pytest
from netanomaly.errors import DataError
from netanomaly.flows import sources

from tests.unit.flows.reading import write


@pytest.fixture
def folder(tmp_path):
    """b.csv, a.csv.gz, deep/c.parquet, and what is no data: notes.md, .hidden.csv, _SUCCESS, _tmp/d.csv."""
    for name in ("b.csv", "a.csv.gz", "deep/c.parquet", "notes.md", ".hidden.csv", "_SUCCESS", "_tmp/d.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        write(path, name)
    return tmp_path


def names(*source):
    return [file.name for file in sources.resolve([str(item) for item in source]).files]


def test_a_folder_is_its_data_files_in_the_order_of_their_names(folder):
    assert names(folder) == ["a.csv.gz", "b.csv", "deep/c.parquet"]


def test_a_glob_names_files_from_its_fixed_part_on(folder):
    assert names(folder / "**" / "*.parquet") == ["deep/c.parquet"]
    assert names(folder / "[ab].csv*") == ["a.csv.gz", "b.csv"]


def test_a_list_keeps_its_order_and_a_file_named_twice_is_read_once(folder):
    assert names(folder / "b.csv", folder) == ["b.csv", "a.csv.gz", "deep/c.parquet"]
    assert names(folder / "b.csv", folder / "deep" / ".." / "b.csv") == ["b.csv"]


def test_a_file_uri_is_a_path_with_escapes(tmp_path):
    write(tmp_path / "a b.csv", "x")
    assert names(f"file://{tmp_path}/a%20b.csv") == ["a b.csv"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    write(tmp_path / "day[1].csv", "x")
    assert names(tmp_path / "day[1].csv") == ["day[1].csv"]


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ("absent.csv", "does not exist; check the path"),
        ("*.pcap", "matches no file"),
        ("empty", "holds no data file.*holds nothing.*csv.*parquet"),
        ("other", "holds no data file.*'notes.md'"),
        ("ftp://host/a.csv", "ftp:// is not a store"),
        ("file://host/a.csv", "names the host 'host'"),
        ("", "is not a path"),
        ("a\0b", "is not a path"),
    ],
)
def test_a_source_that_is_not_there_is_told_with_the_way_out(tmp_path, monkeypatch, item, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    write(tmp_path / "other" / "notes.md", "x")
    with pytest.raises(DataError, match=says):
        sources.resolve([item])
    with pytest.raises(DataError, match="no data source is given"):
        sources.resolve([])


@pytest.mark.parametrize("source", ["", "/*.csv"])
def test_a_link_that_leads_nowhere_is_not_left_out_without_a_word(folder, source):
    (folder / "lost.csv").symlink_to("elsewhere.csv")
    with pytest.raises(DataError, match=r"lost\.csv' is a link that leads nowhere"):
        sources.resolve([f"{folder}{source}"])


def test_a_folder_below_that_may_not_be_read_is_not_left_out_without_a_word(folder, monkeypatch):
    scandir = os.scandir

    def denied(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(DataError, match="deep' cannot be read: Permission denied"):
        sources.resolve([str(folder)])


def test_one_file_is_identified_by_its_bytes_alone(tmp_path):
    write(tmp_path / "a.csv", "1,2")
    write(tmp_path / "b.csv", "1,2")
    identity = sources.resolve([str(tmp_path / "a.csv")]).identity()
    assert identity == "sha256:" + hashlib.sha256(b"1,2").hexdigest()
    assert sources.resolve([str(tmp_path / "b.csv")]).identity() == identity


def test_several_files_are_identified_by_names_and_bytes_wherever_the_folder_lies(folder, tmp_path):
    def identity(*source):
        return sources.resolve([str(item) for item in source]).identity()

    first = identity(folder)
    moved = folder.parent / (folder.name + " moved")
    folder.rename(moved)
    assert identity(moved) == first
    (moved / "b.csv").rename(moved / "z.csv")
    renamed = identity(moved)
    write(moved / "z.csv", "changed")
    assert len({first, renamed, identity(moved)}) == 3
