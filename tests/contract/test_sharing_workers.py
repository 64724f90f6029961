"""What a file makes once for its tests is made once, however many workers pytest has."""

import subprocess
import sys

from tests.command import ROOT

FILE = """
import os
import pathlib

import pytest

@pytest.fixture(scope="module")
def made():
    with pathlib.Path({made!r}).open("a") as file:
        file.write("made\\n")

@pytest.mark.parametrize("number", range(8))
def test_a(made, number):
    pass
"""


def test_a_fixture_of_a_file_is_made_by_one_worker(tmp_path):
    made, folder = tmp_path / "made", tmp_path / "tests"
    folder.mkdir()
    (folder / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (folder / "test_shared.py").write_text(FILE.format(made=str(made)))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--numprocesses",
        "2",
        "--dist",
        "loadgroup",
        "tests",
    ]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "8 passed" in ended.stdout, ended.stdout
    assert made.read_text() == "made\n"
