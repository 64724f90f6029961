"""Profiles of parts add up to that of the whole, in any order and grouping."""

import dataclasses
import itertools
import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.errors import ModelError
from netanomaly.monitoring import reference as references
from netanomaly.monitoring.profile import Profile

from tests.unit.monitoring.worlds import World

# PROFILE_MERGES=2000 for more.
_MERGES = int(os.environ.get("PROFILE_MERGES", "40"))


@pytest.fixture(scope="module")
def world() -> World:
    return World.make(days=14, rows_a_day=600)


def same(one: Profile, other: Profile) -> bool:
    return all(
        np.array_equal(getattr(one, item.name), getattr(other, item.name)) for item in dataclasses.fields(Profile)
    )


@settings(max_examples=_MERGES, deadline=None)
@given(cuts=st.lists(st.integers(0, 8000), max_size=6), order=st.randoms())
def test_merging_is_associative_and_free_of_order(world, cuts, order):
    rows = world.encoded
    ends = sorted({0, *(min(cut, len(rows)) for cut in cuts), len(rows)})
    parts = [Profile.of(rows.take(slice(begin, end)), world.layout) for begin, end in itertools.pairwise(ends)]
    order.shuffle(parts)
    left = Profile.empty(world.layout)
    for part in parts:
        left = left.merged(part)
    right = Profile.empty(world.layout)
    for part in reversed(parts):
        right = part.merged(right)
    whole = Profile.of(rows, world.layout)
    assert same(left, whole)
    assert same(right, whole)
    assert same(whole.without(parts[0]).merged(parts[0]), whole)


def test_a_profile_comes_back_as_it_was_written(world):
    profile = world.reference.profile
    assert same(Profile.read(json.loads(json.dumps(profile.document())), world.layout), profile)


def test_a_reference_comes_back_in_at_most_200_kilobytes(world):
    text = world.reference.text()
    assert len(text.encode()) <= references.MOST_BYTES
    read = references.read(text.encode())
    assert read.layout == world.layout
    assert same(read.profile, world.reference.profile)
    assert [each.rows for each in read.limits] == [each.rows for each in world.reference.limits]
    assert np.allclose(read.limits[0].limits, world.reference.limits[0].limits, rtol=1e-3)
    assert np.array_equal(read.known.sources, world.reference.known.sources)


@pytest.mark.parametrize("how", ["cut", "negative", "huge", "newer", "other"])
def test_a_damaged_reference_is_one_line(world, how):
    document = json.loads(world.reference.text())
    if how == "cut":
        document["profile"]["bins"] = document["profile"]["bins"][:20]
    elif how == "negative":
        del document["limits"][0]["centre"][0]
    elif how == "huge":
        from netanomaly.monitoring.profile import _packed

        document["profile"]["bins"] = _packed(np.zeros(10**6, dtype=np.int64))
    elif how == "newer":
        document["format"] = 2
    else:
        document = ["no reference"]
    with pytest.raises(ModelError, match=r"reference\.json"):
        references.read(json.dumps(document).encode())


def test_votes_are_kept_with_the_alert_rates_and_a_reference_of_before_has_none(world):
    votes = references.Rates((500,) * 9, (5,) * 9, (10,) * 9, (15,) * 9, 3)
    document = dataclasses.replace(world.reference, rates=votes).document()
    assert references.read(json.dumps(document).encode()).rates == votes
    for name in ("asked", "votes", "voters"):
        del document["rates"][name]
    before = references.read(json.dumps(document).encode()).rates
    assert before == references.Rates((500,) * 9, (5,) * 9)
    document["rates"]["alerts"].append(1)
    with pytest.raises(ModelError, match="do not fit together"):
        references.read(json.dumps(document).encode())


def test_too_few_rows_give_no_reference(world):
    few = world.encoded.take(slice(0, references.LEAST_TRAINING_ROWS - 1))
    assert references.build([few], world.layout, references.Rates(), {}) is None
    enough = world.encoded.take(slice(0, references.LEAST_TRAINING_ROWS))
    assert references.build([enough], world.layout, references.Rates(), {}) is not None
