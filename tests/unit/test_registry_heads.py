"""A head is read the same however its JSON is written, and a byte that changed is seen."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.registry import documents, parsing
from netanomaly.registry.documents import Alias, Entry, Event, Head
from netanomaly.registry.errors import DamagedRegistry, NewerFormat

KEY = "heads/m.json"
HEAD = Head(
    format=documents.FORMAT,
    model="m",
    revision=3,
    next=3,
    next_event=2,
    aliases={"champion": Alias(2, "2026-01-01T00:00:00.000+00:00", [1])},
    tail=[Entry(number, f"{number}" * 64, "b" * 64) for number in (1, 2)],
    log=[Event(1, "id", "2026-01-01T00:00:00.000+00:00", "me", "alias", 2, "champion", 1, "better")],
)
DATA = documents.encode_head(HEAD, {})


def same(found: Head) -> bool:
    return documents.head_document(found, {}) == documents.head_document(HEAD, {})


def test_a_head_is_read_as_it_was_written():
    found, unknown = parsing.head(DATA, KEY)
    assert same(found)
    assert unknown == {}


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_blanks_and_the_order_of_fields_say_nothing(indent):
    document = dict(reversed(json.loads(DATA).items()))
    assert same(parsing.head(json.dumps(document, indent=indent).encode(), KEY)[0])


def test_fields_of_another_version_are_kept_and_under_the_checksum():
    data = documents.encode_head(HEAD, {"later": {"a": [1]}})
    found, unknown = parsing.head(data, KEY)
    assert (same(found), unknown) == (True, {"later": {"a": [1]}})
    with pytest.raises(DamagedRegistry, match="checksum"):
        parsing.head(data.replace(b'"a":[1]', b'"a":[2]'), KEY)


@given(st.integers(0, len(DATA) - 1), st.integers(0, 255))
def test_a_byte_that_changed_is_seen_or_says_the_same(place, byte):
    data = DATA[:place] + bytes([byte]) + DATA[place + 1 :]
    with suppress(DamagedRegistry, NewerFormat):
        assert same(parsing.head(data, KEY)[0])
