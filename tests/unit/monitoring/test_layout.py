"""Bins, and what they are called."""

import numpy as np
import pyarrow as pa
from netanomaly.models.rows import Rows, learn_schema
from netanomaly.monitoring.layout import Layout, learn_layout


def learnt(values: np.ndarray, words: list[str]) -> tuple[Layout, Rows]:
    table = pa.table({"size": values, "word": words})
    schema = learn_schema(table.select(["word"]), ["size", "word"], ["word"])
    rows = schema.rows(table)
    return learn_layout(schema, rows), rows


def test_a_frequent_value_and_missing_ones_have_bins_of_their_own():
    values = np.concatenate([np.full(500, 40.0), np.linspace(100, 900, 490), np.full(10, np.nan)])
    layout, rows = learnt(values, ["a"] * 600 + ["b"] * 400)
    bins = layout.bins(rows)[0]
    names = layout.bin_names(0)
    assert len(names) == layout.widths[0]
    assert names[bins[0]] == "40"
    assert np.count_nonzero(bins == bins[0]) == 500
    assert names[bins[-1]] == "missing"
    assert layout.missing_bin(0) == bins[-1]
    for value, place in ((39.0, 0), (41.0, bins[0] + 1)):
        other = layout.bins(Rows(np.array([[value]]), np.zeros((1, 1), dtype=np.int32)))[0]
        assert other[0] == place


def test_a_value_that_was_never_met_is_told_from_a_rare_one():
    layout, rows = learnt(np.arange(1000.0), [f"w{number % 50}" for number in range(1000)])
    bins = layout.bins(Rows(rows.numbers[:3], np.array([[0], [45], [-1]], dtype=np.int32)))[1]
    names = layout.bin_names(1)
    assert [names[each] for each in bins] == [layout.categorical[0][1][0], "other", "never met"]


def test_a_column_without_any_value_is_no_error():
    layout, rows = learnt(np.full(100, np.nan), ["a"] * 100)
    assert set(layout.bins(rows)[0]) == {layout.missing_bin(0)}


def test_a_coarser_layout_has_the_bins_that_it_was_merged_from():
    rng = np.random.default_rng(5)
    numbers = np.where(rng.random(2000) < 0.1, np.nan, np.rint(rng.lognormal(3, 2, 2000)))
    layout, rows = learnt(numbers, [f"w{int(each)}" for each in rng.zipf(1.3, 2000) % 90])
    unseen = Rows(np.array([[-5.0], [1e9], [np.nan]]), np.array([[-1], [70], [0]], dtype=np.int32))
    steps = 0
    while (found := layout.coarser()) is not None:
        coarser, parts = found
        for each in (rows, unseen):
            merged = np.stack([part[line] for part, line in zip(parts, layout.bins(each), strict=True)])
            assert np.array_equal(merged, coarser.bins(each))
        assert sum(coarser.widths) < sum(layout.widths)
        assert Layout.read(coarser.document()) == coarser
        layout, steps = coarser, steps + 1
    assert steps >= 4


def test_a_long_text_of_a_category_is_shown_cut():
    layout, _ = learnt(np.arange(100.0), ["x" * 5000] * 100)
    assert layout.categorical[0][1] == ("x" * 79 + "…",)
