"""Suppressed incidents stay, say by what, and come back when the verdict no longer holds."""

import copy
from datetime import UTC, datetime, timedelta

import pytest
from netanomaly.errors import InputError
from netanomaly.feedback.book import open_book
from netanomaly.feedback.suppression import heard

from tests.unit.feedback.conftest import verdict

THEN = datetime(2026, 6, 14, tzinfo=UTC)


@pytest.fixture
def book(tmp_path):
    return open_book(tmp_path / "feedback")


def suppressed(book, incident, at=THEN):
    return heard(book, "office", at).mark([copy.deepcopy(incident)])[0]["suppressed_by"]


def test_a_benign_verdict_marks_its_like_and_says_who_and_why(book, incident):
    added = book.add(verdict(incident))
    found = suppressed(book, {**incident, "id": "tomorrow's"})
    assert found == {
        "verdict": added.id,
        "alert": incident["id"],
        "by": "jo",
        "at": "2026-06-13T08:00:00+00:00",
        "why": "the inventory",
        "expires_at": "2026-07-13T08:00:00+00:00",
    }


def test_nothing_else_of_an_incident_changes(book, incident):
    book.add(verdict(incident))
    (marked,) = heard(book, "office", THEN).mark([copy.deepcopy(incident)])
    assert {name: value for name, value in marked.items() if name != "suppressed_by"} == incident


def test_without_verdicts_nothing_is_suppressed(book, incident):
    assert suppressed(book, incident) is None


def test_it_ends_when_it_expires(book, incident):
    book.add(verdict(incident))
    end = datetime(2026, 7, 13, 8, tzinfo=UTC)
    assert suppressed(book, incident, end - timedelta(seconds=1))
    assert suppressed(book, incident, end) is None


@pytest.mark.parametrize("expires", ["", "soon"])
def test_a_verdict_without_an_end_suppresses_nothing(book, incident, expires):
    book.add(verdict(incident, expires_at=expires))
    assert suppressed(book, incident) is None


def test_it_ends_when_it_is_withdrawn_and_stays_in_the_book(book, incident):
    added = book.add(verdict(incident))
    book.withdraw("office", added.id, why="wrong", by="al", at="2026-06-13T09:00:00+00:00")
    assert suppressed(book, incident) is None
    pages = book.pages("office")
    assert [each.id for each in pages.verdicts] == [added.id]
    assert pages.withdrawn[added.id].why == "wrong"
    with pytest.raises(InputError, match="was withdrawn before, by al on 2026-06-13: wrong"):
        book.withdraw("office", added.id, why="again", by="jo", at="2026-06-13T10:00:00+00:00")


def test_the_last_word_on_an_alert_counts(book, incident):
    book.add(verdict(incident))
    book.add(verdict(incident, said="attack", at="2026-06-13T09:00:00+00:00", why="looked again", expires_at=""))
    assert suppressed(book, incident) is None
    assert [each.said for each in book.pages("office").last_words()] == ["attack"]


def test_where_an_attack_was_confirmed_no_other_verdict_counts(book, incident):
    book.add(verdict({**incident, "id": "one"}))
    book.add(verdict({**incident, "id": "other"}, said="attack", expires_at=""))
    assert suppressed(book, incident) is None


def test_verdicts_on_another_model_do_not_count(book, incident):
    book.add(verdict(incident, model="lab"))
    assert suppressed(book, incident) is None


def test_the_same_verdict_twice_is_one(book, incident):
    assert book.add(verdict(incident)).id == book.add(verdict(incident)).id
    assert len(book.pages("office").verdicts) == 1


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text[:-5], "Input data was truncated"),
        (lambda text: text.replace('"format":1', '"format":7'), "it has format 7"),
        (lambda text: text.replace('"said":"benign"', '"said":"fine"'), "Invalid enum value"),
        (lambda text: text.replace('"model":"office"', '"model":"lab"'), "moved here from another place"),
    ],
)
def test_what_cannot_be_read_suppresses_nothing_and_is_told(book, incident, tmp_path, spoil, says):
    added = book.add(verdict(incident))
    path = tmp_path / f"feedback/verdicts/office/{added.id}.json"
    path.write_text(spoil(path.read_text()))
    found = heard(book, "office", THEN)
    assert found.mark([incident])[0]["suppressed_by"] is None
    assert says in found.unreadable[f"verdicts/office/{added.id}.json"]


def test_a_withdrawal_that_cannot_be_read_withdraws(book, incident, tmp_path):
    added = book.add(verdict(incident))
    book.withdraw("office", added.id, why="wrong", by="al", at="2026-06-13T09:00:00+00:00")
    (tmp_path / f"feedback/withdrawals/office/{added.id}.json").write_text("{")
    assert suppressed(book, incident) is None


def test_the_summary_says_what_each_verdict_did(book, incident):
    added = book.add(verdict(incident))
    found = heard(book, "office", THEN)
    marked = found.mark(
        [copy.deepcopy(incident), {**copy.deepcopy(incident), "entity": {"type": "source", "ip": "10.9.9.9"}}]
    )
    (said,) = found.document(marked)["verdicts"]
    assert (said["verdict"], said["suppressed"]) == (added.id, 1)
    assert said["scope"].startswith("source 10.0.0.5; T1046; by src_destinations_120s, service")
