"""JSON of others: what is said of its depth by its brackets alone is so."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from netanomaly import json_input
from netanomaly.registry import documents, parsing
from netanomaly.registry.errors import DamagedRegistry

# Texts that look like structure, escapes, and what needs several bytes in UTF-8.
TEXTS = st.text(st.sampled_from('[]{}"\\,:a\u5b5d\u0101\n'), max_size=6)
DOCUMENTS = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=40,
)


def depth(document):
    inside = document.values() if isinstance(document, dict) else document if isinstance(document, list) else None
    return 0 if inside is None else 1 + max(map(depth, inside), default=0)


@given(DOCUMENTS, st.integers(1, 6), st.booleans())
@example(["]", [[[]]], "["], 3, False)
@example(['"]"', [[[]]], '"["'], 3, False)
@example({"}": {"a": {"b": {}}}, "~": "{"}, 3, False)
@example([["", "]", ""], [[[]]], ["", "[", ""]], 3, False)
def test_what_is_called_shallow_is(document, deepest, escaped):
    text = json.dumps(document).encode() if escaped else msgspec.json.encode(document)
    if json_input.surely_shallow(text, deepest):
        assert depth(document) <= deepest
        json_input.refuse_deep(document, deepest)


@given(DOCUMENTS.filter(lambda document: not set('[]{}\\"\n') & set("".join(texts(document)))), st.integers(1, 6))
def test_brackets_tell_exactly_where_none_is_in_a_text(document, deepest):
    assert json_input.surely_shallow(msgspec.json.encode(document), deepest) == (depth(document) <= deepest)


def test_a_record_as_it_is_registered_is_told_by_its_brackets():
    """The walk over its values took more time than all other checks of a record together."""
    metadata = {"columns": {f"c{number}": {"range": [0, 1], "words": ["a", "b"]} for number in range(80)}}
    assert json_input.surely_shallow(documents.canonical(metadata), 64)


@pytest.mark.parametrize("text", ["", "]" * 200, '"', "\\"])
def test_a_record_that_is_too_deep_is_refused_whatever_its_texts(text):
    deep = text
    for _ in range(80):
        deep = [text, deep, text]
    record = documents.Record(
        format=1,
        model="m",
        key="0" * 64,
        contents="0" * 64,
        created_at="now",
        metadata={"deep": deep},
        artifact=documents.File("models/m", "0" * 64, 1),
    )
    with pytest.raises(DamagedRegistry, match="more than 64 deep"):
        parsing.record(documents.encode_record(record), "models/m/records/x.json")


def texts(document):
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        yield from document
        for inner in document.values():
            yield from texts(inner)
    elif isinstance(document, list):
        for inner in document:
            yield from texts(inner)
