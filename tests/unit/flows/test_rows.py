"""Hashes of rows, what repeats, and the profile."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.flows.batch import Batch
from netanomaly.flows.contract import Contract, read_contract
from netanomaly.flows.distinct import DistinctRows
from netanomaly.flows.profile import Profile
from netanomaly.flows.row_hash import in_fraction, row_hashes
from netanomaly.flows.row_sample import RowSample

CONTRACT = Contract(("bytes", "proto", "packets"), ("proto",), "label")


def batch(rows, labels=None):
    """Rows of (bytes, proto, packets)."""
    numbers = np.array([[row[0], row[2]] for row in rows], dtype=float).reshape(-1, 2).T.copy()
    texts = pa.array([row[1] for row in rows], pa.string()).dictionary_encode()
    named = pa.array(labels, pa.string()).dictionary_encode() if labels else None
    return Batch(numbers, {"proto": texts}, named, {}, ~np.isnan(numbers).any(axis=1))


ROWS = [(1.0, "tcp", 2.0), (1.0, "udp", 2.0), (2.0, "tcp", 1.0), (1.0, None, 2.0), (float("nan"), "tcp", 2.0)]


HASHES = [
    "0x36a71f3d779a5f70",
    "0x32caed858563b4cd",
    "0x2b2e478cf12aacce",
    "0xa88e9a6ba65f7b5c",
    "0x46fb19bfe0bd871e",
]


def test_the_hash_of_a_row_is_the_same_in_every_run_and_version():
    """Held-out parts and leakage are compared across runs: this value must not change."""
    assert [hex(value) for value in row_hashes(batch(ROWS), CONTRACT).tolist()] == HASHES


def test_rows_that_differ_in_any_feature_hash_apart_and_equal_ones_alike():
    hashes = row_hashes(batch(ROWS + ROWS[::-1]), CONTRACT)
    assert len(set(hashes[: len(ROWS)].tolist())) == len(ROWS)
    assert hashes.tolist() == hashes[::-1].tolist()


def test_zero_has_no_sign_and_missing_has_one_form():
    odd = -np.frombuffer(np.uint64(0x7FF8000000000001).tobytes())[0]
    left, right = batch([(0.0, "tcp", float("nan"))]), batch([(-0.0, "tcp", odd)])
    assert row_hashes(left, CONTRACT) == row_hashes(right, CONTRACT)


def test_the_order_of_columns_makes_no_difference():
    other = Contract(("packets", "bytes", "proto"), ("proto",), None)
    rows = batch(ROWS)
    swapped = Batch(rows.numbers[::-1].copy(), rows.categories, None, rows.infinite, rows.complete[::-1])
    assert row_hashes(swapped, other).tolist() == row_hashes(rows, CONTRACT).tolist()


def test_small_whole_numbers_do_not_collide():
    """Their doubles differ in few high bits only, which a careless hash loses."""
    grid = [(float(left), "tcp", float(right)) for left in range(300) for right in range(300)]
    assert len(set(row_hashes(batch(grid), CONTRACT).tolist())) == len(grid)


@settings(deadline=None)
@given(fraction=st.floats(0.01, 0.99), seed=st.integers(0, 2**63))
def test_a_held_out_part_is_near_its_size_and_its_complement_is_the_rest(fraction, seed):
    hashes = row_hashes(batch([(float(row), "tcp", 0.0) for row in range(4000)]), CONTRACT)
    held_out = in_fraction(hashes, fraction, seed)
    # Six standard deviations of 4000 draws: of all the examples ever tried, chance takes none further.
    assert abs(held_out.mean() - fraction) < 6 * (fraction * (1 - fraction) / 4000) ** 0.5 + 1 / 4000


def test_parts_of_other_seeds_differ_and_of_the_same_agree():
    hashes = row_hashes(batch([(float(row), "tcp", 0.0) for row in range(1000)]), CONTRACT)
    assert in_fraction(hashes, 0.3, 1).tolist() == in_fraction(hashes, 0.3, 1).tolist()
    assert in_fraction(hashes, 0.3, 1).tolist() != in_fraction(hashes, 0.3, 2).tolist()


def test_repetitions_are_counted_exactly_while_there_is_room():
    rows = DistinctRows()
    rows.add(np.array([1, 2, 2, 3], dtype=np.uint64))
    rows.add(np.array([3, 3, 2**64 - 1], dtype=np.uint64))
    assert rows.duplicates() == {"rows": 3, "exact": True}
    assert rows.shared() == {"bound": 2**64, "values": [1, 2, 3, 2**64 - 1], "counts": [1, 2, 3, 1]}
    assert rows.shared(at_most=2) == {"bound": 3, "values": [1, 2], "counts": [1, 2]}


def test_repetitions_are_estimated_in_bounded_memory():
    hashes = np.random.default_rng(1).integers(0, 2**64, 50_000, dtype=np.uint64)
    rows = DistinctRows(distinct_at_most=2000)
    for part in np.array_split(np.concatenate([hashes, hashes[:25_000]]), 7):
        rows.add(part)
        rows._merge()
        assert len(rows._values) <= 2000
    found = rows.duplicates()
    assert not found["exact"]
    assert found["rows"] == pytest.approx(25_000, rel=0.15)


def test_a_sample_does_not_depend_on_batches_and_is_uniform():
    numbers = np.arange(30_000.0)[None, :]
    normal = numbers[0] % 3 == 0
    whole, cut = (RowSample(1, seed=3, size=1000) for _ in range(2))
    whole.add(numbers, normal)
    for part in np.array_split(np.arange(30_000), 41):
        cut.add(numbers[:, part], normal[part])
    (rows, normals), (same, same_normals) = whole.rows(), cut.rows()
    assert rows.shape == (1, 1000)
    assert rows.tolist() == same.tolist()
    assert normals.tolist() == same_normals.tolist() == (rows[0] % 3 == 0).tolist()
    assert rows.mean() == pytest.approx(15_000, rel=0.06)


def profile(*batches, **wishes):
    collected = Profile(CONTRACT, wishes.get("normal_labels", []), seed=0)
    for part in batches:
        collected.add(part)
    return {column["name"]: column for column in collected.columns()}, collected


def test_a_number_column_is_measured_without_its_missing_values():
    columns, _ = profile(
        batch([(1, "a", 0), (-3, "a", 0)], ["normal", "scan"]), batch([(float("nan"), "b", 0)], ["scan"])
    )
    column = columns["bytes"]
    assert (column["rows"], column["missing"], column["negative"], column["distinct"]) == (3, 1, 1, 2)
    assert (column["min"], column["max"], column["mean"], column["std"]) == (-3, 1, -1, 2)
    assert column["quantiles"][0] == -3
    assert column["quantiles"][100] == 1
    assert set(column["quantiles_normal"]) == {1.0}
    assert columns["packets"]["std"] == 0


def test_a_column_without_any_value_has_no_figures():
    columns, _ = profile(batch([(float("nan"), None, 1)], ["normal"]))
    assert [columns["bytes"][name] for name in ("missing", "min", "mean", "std", "quantiles")] == [
        1,
        None,
        None,
        None,
        None,
    ]
    assert (columns["proto"]["missing"], columns["proto"]["categories"]) == (1, {})


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 200), max_size=4))
def test_a_profile_does_not_depend_on_batches(cuts):
    random = np.random.default_rng(5)
    rows = [
        (float(value), str(value % 3), float("nan") if value % 5 == 0 else value / 7)
        for value in random.integers(-9, 1000, 200)
    ]
    labels = ["normal" if row[0] > 500 else "scan" for row in rows]
    edges = [0, *sorted(cuts), 200]
    whole, _ = profile(batch(rows, labels))
    cut, _ = profile(*(batch(rows[a:b], labels[a:b]) for a, b in itertools.pairwise(edges) if b > a))
    for name in CONTRACT.features:
        for figure in ("mean", "std"):
            assert cut[name].pop(figure, 0) == pytest.approx(whole[name].get(figure, 0), rel=1e-12)
        assert cut[name] == {figure: value for figure, value in whole[name].items() if figure not in ("mean", "std")}


def test_moments_are_those_of_numpy_where_naive_sums_cancel():
    values = 1e9 + np.random.default_rng(0).normal(size=5000)
    columns, _ = profile(
        *(batch([(value, "a", 0) for value in part], ["normal"] * len(part)) for part in np.split(values, 5))
    )
    assert columns["bytes"]["std"] == pytest.approx(values.std(), rel=1e-6)


def test_categories_are_counted_and_only_the_most_frequent_listed():
    rows = [(1, f"{number:03}", 1) for number in range(60)] + [(1, "059", 1)] * 5 + [(1, None, 1)]
    columns, collected = profile(batch(rows, ["normal"] * 60 + ["scan"] * 6))
    column = columns["proto"]
    assert (column["distinct"], len(column["categories"]), column["other"], column["missing"]) == (60, 50, 10, 1)
    assert next(iter(column["categories"].items())) == ("059", 6)
    assert column["categories_normal"]["059"] == 1
    assert (collected.normal_rows, dict(collected.labels)) == (60, {"normal": 60, "scan": 6})


def test_the_contract_comes_back_from_a_schema_and_a_foreign_or_newer_file_is_refused():
    schema = pa.schema([("bytes", pa.float64())], metadata=CONTRACT.metadata())
    assert read_contract(schema) == CONTRACT
    assert CONTRACT.numeric == ("bytes", "packets")
    with pytest.raises(Exception, match="no netanomaly flow contract"):
        read_contract(pa.schema([]))
    newer = {key: value.replace(b'"format": 1', b'"format": 2') for key, value in CONTRACT.metadata().items()}
    with pytest.raises(Exception, match="flow format 2 and this version reads 1"):
        read_contract(pa.schema([], metadata=newer))
