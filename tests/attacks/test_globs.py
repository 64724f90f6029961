"""A glob over the keys of a bucket finds what a folder's finds, and takes no power of its stars to do so."""

import glob
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.errors import DataError
from netanomaly.flows import sources
from netanomaly.flows.glob_pattern import Glob

names = st.text("ab.", min_size=1, max_size=4).filter(lambda name: name.strip("."))
keys = st.lists(names, min_size=1, max_size=4).map("/".join)
parts = (
    st.text("ab.*?", min_size=1, max_size=5).filter(lambda part: "**" not in part and part.strip("."))
    | st.just("**")
    | st.sampled_from(["[ab]*", "[!a]", "[a-b]b", "[", "[]a]", "a[b"])
)
patterns = st.lists(parts, min_size=1, max_size=4).map("/".join)


@given(st.lists(keys, min_size=1, max_size=6), patterns)
def test_as_in_a_folder(tmp_path_factory, found, pattern):
    folder = tmp_path_factory.mktemp("glob")
    there = set()
    for key in found:
        path = folder / key
        if any(parent.is_file() for parent in path.parents) or path.is_dir():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        there.add(key)
    expected = {
        Path(match).relative_to(folder).as_posix()
        for match in glob.glob(f"{glob.escape(str(folder))}/{pattern}", recursive=True)  # noqa: PTH207 - as `sources` does
        if Path(match).is_file()
    }
    wanted = Glob(pattern)
    assert {key for key in there if wanted.matches(key)} == expected


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("**/" * 30 + "x", "a/" * 500 + "y"),
        ("**/a/" * 30 + "x", "a/" * 500 + "y"),
        ("*a" * 40 + "b", "a" * 1024),
        ("**/" * 3 + "*" * 100 + "x", "a/" * 100 + "a" * 800),
        ("[" * 1024, "[" * 1024),
        ("[!" * 1000, "a" * 1024),
    ],
    ids=["folders", "folders and names", "stars", "both", "brackets", "open classes"],
)
def test_any_number_of_stars_takes_no_time(pattern, key):
    started = time.process_time()
    Glob(pattern).matches(key)
    assert time.process_time() - started < 1


def test_a_pattern_longer_than_any_key_is_refused():
    with pytest.raises(DataError, match="matches no key"):
        Glob("*" * 10_000)


@pytest.mark.parametrize("name", ["x" * 5000, "a/" * 3000])
@pytest.mark.parametrize(
    "look", [lambda item: sources.resolve([item]), lambda item: sources.present([item], bool)], ids=["once", "again"]
)
def test_a_source_whose_name_no_file_can_have(tmp_path, name, look):
    with pytest.raises(DataError, match="cannot be read: File name too long"):
        look(f"{tmp_path}/{name}")
