"""What people wrote on a page is there after a benchmark wrote its tables anew."""

import pytest

from tests.bench import measured_blocks
from tests.bench.quality_page import TABLES
from tests.command import ROOT

PAGE = """# Title

By hand before.
<!-- measured: one -->

| old |

<!-- end -->
Between.
<!-- measured: two -->
| stays |
<!-- end -->
By hand after.
"""


@pytest.fixture
def path(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    return page


def test_only_what_was_measured_is_written_anew(path):
    assert measured_blocks.put(path, {"one": ["| new |", "| --- |"], "two": []}) == ["two"]
    assert path.read_text() == PAGE.replace("| old |", "| new |\n| --- |")


def test_writing_the_same_again_changes_nothing(path):
    measured_blocks.put(path, {"one": ["| new |"]})
    once = path.read_text()
    measured_blocks.put(path, {"one": ["| new |"]})
    assert path.read_text() == once


@pytest.mark.parametrize("page", ["# No place\n", PAGE + PAGE])
def test_a_page_without_the_one_place_for_a_table_is_left_alone(path, page):
    path.write_text(page)
    with pytest.raises(SystemExit, match="places for the table 'one'"):
        measured_blocks.put(path, {"one": ["| new |"]})
    assert path.read_text() == page


def test_the_page_of_quality_has_a_place_for_every_table_of_its_benchmarks(tmp_path):
    page = tmp_path / "quality.md"
    page.write_text((ROOT / "docs" / "quality.md").read_text())
    assert set(measured_blocks.put(page, dict.fromkeys([*TABLES, "features"], ()))) == {*TABLES, "features"}
