"""Feedback on every store: everybody is heard, nothing is written twice, and flows come back as they were kept."""

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.errors import InputError
from netanomaly.feedback.book import open_book
from netanomaly.feedback.book import place as place_of
from netanomaly.feedback.confirmed import confirmed_of
from netanomaly.feedback.flows import read
from netanomaly.registry.fsck import fsck
from netanomaly.registry.location import locate

from tests.unit.alerts.test_forms import INCIDENT
from tests.unit.feedback.conftest import verdict

_PEOPLE = 8


@pytest.fixture
def uri(place):
    """Where feedback is by default: in the registry's folder."""
    return place_of("", place.uri)


def test_of_many_at_once_each_is_heard_once(uri):
    def say(number: int) -> str:
        book = open_book(uri)
        said = verdict(INCIDENT, by=f"person {number}", why="the same")
        return {book.add(said).id, book.add(said).id}.pop()

    with ThreadPoolExecutor(_PEOPLE) as people:
        ids = list(people.map(say, range(_PEOPLE)))
    pages = open_book(uri).pages("office")
    assert sorted(each.id for each in pages.verdicts) == sorted(ids)
    assert len(set(ids)) == _PEOPLE
    assert open_book(uri).models() == ["office"]


def test_of_two_who_withdraw_one_is_told_that_the_other_did(uri):
    added = open_book(uri).add(verdict(INCIDENT))

    def withdraw(by: str) -> str:
        try:
            open_book(uri).withdraw("office", added.id, why="wrong", by=by, at="2026-06-14T00:00:00+00:00")
        except InputError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(2) as people:
        said = sorted(people.map(withdraw, ["jo", "al"]))
    assert said[0] == ""
    assert "was withdrawn before, by" in said[1]
    assert list(open_book(uri).pages("office").withdrawn) == [added.id]


def test_kept_flows_are_read_back_by_their_address(uri, tmp_path):
    table = pa.table({"bytes_out": [1.0, 2.0], "service": ["smb", None]})
    pq.write_table(table, tmp_path / "rows.parquet")
    book = open_book(uri)
    rows = book.keep_rows("office", tmp_path / "rows.parquet", of=2, rows=2)
    book.add(verdict(INCIDENT, rows=rows))
    (kept,) = confirmed_of(uri, "office").benign
    assert read(kept).table.equals(table)


def test_a_registry_stays_sound_with_feedback_in_it(uri, place):
    open_book(uri).add(verdict(INCIDENT))
    assert fsck(locate(place.uri)).sound
