"""Profiles of parts add up to that of the whole, in any order and grouping."""

import dataclasses
import itertools
import json
import os

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.errors import DataError, ModelError
from netanomaly.models.rows import learn_schema
from netanomaly.monitoring import reference as references
from netanomaly.monitoring.encoded import encode
from netanomaly.monitoring.layout import learn_layout
from netanomaly.monitoring.profile import Profile
from netanomaly.monitoring.regulars import SOURCE, TARGET, without

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


@pytest.mark.parametrize("columns", [60, 500])
def test_a_reference_of_many_columns_and_hosts_is_held_to_its_bound_in_less_detail(columns):
    rng = np.random.default_rng(columns)
    rows = 4000
    made = {f"a column with number {each}": rng.lognormal(size=rows) for each in range(columns)}
    for each in range(20):
        made[f"a category {each}"] = np.array([f"{'long' * 100} {code}" for code in rng.integers(0, 60, rows)], object)
    table = pa.table(made)
    categories = [name for name in made if name.startswith("a category")]
    schema = learn_schema(table.select(categories), table.column_names, categories)
    read = schema.rows(table)
    layout = learn_layout(schema, read)
    hosts = pa.array([f"10.{each >> 8 & 255}.{each & 255}.1" for each in rng.zipf(1.2, rows)])
    found = references.build([encode(layout, read, source=hosts, target=hosts)], layout, references.Rates(), {})
    assert found is not None
    whole = dataclasses.replace(
        found, rates=references.Rates((10**7,) * 40, (10**6,) * 40, (10**6,) * 40, (10**7,) * 40, 9)
    )
    assert whole.size() <= references.MOST_BYTES
    again = references.read(whole.text().encode())
    assert (again.layout == layout) == (columns == 60)
    assert again.layout.names == layout.names


def test_what_cannot_be_held_however_coarse_is_refused_in_one_line(world, monkeypatch):
    monkeypatch.setattr(references, "MOST_BYTES", 5_000)
    with pytest.raises(DataError, match="train on fewer columns to have the model monitored"):
        references.build([world.encoded], world.layout, references.Rates(), {})


def test_hosts_that_were_much_of_training_are_kept_and_a_reference_of_before_has_none(world):
    kept = references.read(world.reference.text().encode()).regulars
    assert [(each.kind, each.place) for each in kept] == [(each.kind, each.place) for each in world.reference.regulars]
    assert all(same(one.profile, other.profile) for one, other in zip(kept, world.reference.regulars, strict=True))
    largest = next(each for each in kept if each.kind == TARGET)
    theirs = world.encoded.target % np.uint64(1 << 16) == largest.place
    rest = Profile.of(world.encoded.take(~theirs), world.layout)
    target = world.encoded.target[theirs][:1]
    assert np.array_equal(without(world.reference.profile, kept, TARGET, target).bins, rest.bins)
    # Of another kind, or of a host that was hardly there, nothing is left out.
    assert without(world.reference.profile, kept, SOURCE, np.array([1], np.uint64)) is world.reference.profile
    document = world.reference.document()
    del document["regulars"]
    assert references.read(json.dumps(document).encode()).regulars == ()


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
