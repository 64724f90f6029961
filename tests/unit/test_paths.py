"""A leading ~ is the home folder wherever a path is given."""

from pathlib import Path

import pytest
from netanomaly.cli.run import _absolute_uri, _located
from netanomaly.flows.sources import _local_path
from netanomaly.paths import expanded
from netanomaly.registry.location import _folder


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_every_place_that_takes_a_path_knows_the_home_folder(home):
    assert expanded("~/runs") == _local_path("~/runs") == _folder("~/runs") == home / "runs"
    assert _absolute_uri("~/runs", "out") == _located("~/runs", Path("/configs")) == str(home / "runs")


def test_what_is_no_home_folder_stays(home):
    assert [str(expanded(text)) for text in ("~nobody-here/a", "a~", "./~/a")] == ["~nobody-here/a", "a~", "~/a"]
    assert _located("s3://bucket/~", Path("/")) == "s3://bucket/~"
