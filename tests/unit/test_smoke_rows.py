"""Smoke rows: what is kept with a model to tell, wherever it is served, that it scores as it did when it was evaluated."""

import json
import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.models import smoke
from netanomaly.models.rows import Rows
from netanomaly.registry import smoke as kept
from netanomaly.registry.errors import DamagedRegistry, NewerFormat
from netanomaly.stages.evaluate.program import evaluate
from netanomaly.stages.train import program as training

from tests.unit.models_data import traffic, write
from tests.unit.test_evaluate import settings
from tests.unit.test_train import SETTINGS


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    file = write(traffic(1000, 50), tmp_path_factory.mktemp("training") / "flows.parquet")
    return training.train(file, SETTINGS).model


@pytest.fixture(scope="module")
def judged(model, tmp_path_factory):
    """Evaluation data with missing values and a service that training never saw."""
    table = traffic(400, 200, seed=9)
    return evaluate(model, write(table, tmp_path_factory.mktemp("evaluation") / "flows.parquet"), settings()), table


def test_the_scores_come_back_bit_for_bit_from_the_json(model, judged):
    evaluation, _ = judged
    document = json.loads(json.dumps(evaluation.smoke, allow_nan=False))
    scores = model.score(smoke.table(document))
    assert scores.astype(float).tolist() == document["scores"]
    one_by_one = [model.score(smoke.table(document).slice(row, 1))[0] for row in range(document["rows"])]
    assert one_by_one == scores.tolist()


def test_the_rows_are_spread_over_the_data_and_hold_the_models_columns_alone(model, judged):
    evaluation, table = judged
    assert evaluation.smoke["rows"] == smoke.ROWS
    assert [column["name"] for column in evaluation.smoke["columns"]] == list(model.schema.features)
    bytes_out = next(column for column in evaluation.smoke["columns"] if column["name"] == "bytes_out")
    everywhere = table["bytes_out"].to_pylist()
    places = [everywhere.index(value) for value in bytes_out["values"]]
    assert (places[0], places[-1]) == (0, 599)
    assert max(np.diff(places)) <= 32


def test_a_category_that_training_did_not_hold_is_not_told(model, judged):
    evaluation, table = judged
    assert "irc" in table["service"].to_pylist()
    (service,) = (column for column in evaluation.smoke["columns"] if column["name"] == "service")
    vocabulary = set(model.schema.vocabularies[model.schema.categorical.index("service")])
    assert {value for value in service["values"] if value not in vocabulary} <= {"unseen"}


@given(length=st.integers(0, 200), cuts=st.lists(st.integers(0, 200)), most=st.integers(1, 30))
def test_the_sample_does_not_depend_on_how_the_stream_is_cut(length, cuts, most):
    rows = Rows(np.arange(length, dtype=np.float64)[:, None], np.empty((length, 0), dtype=np.int32))
    scores = np.arange(length, dtype=np.float32)
    sample = smoke.Sample(length, most)
    edges = sorted({0, length, *(cut for cut in cuts if cut < length)})
    for start, end in pairwise(edges):
        sample.offer(start, rows.take(slice(start, end)), scores[start:end])
    assert sample.scores.tolist() == sample.places.tolist()
    assert len(sample.places) == min(most, length)
    if length:
        assert sample.rows is not None
        assert sample.rows.numbers[:, 0].tolist() == sample.places.tolist()


def test_what_is_kept_is_read_and_asked_as_an_inference_request(judged):
    evaluation, _ = judged
    rows = kept.parse(json.dumps(evaluation.smoke).encode())
    inputs = rows.inputs(3, 5)
    assert {each["name"]: each["datatype"] for each in inputs} == {
        column["name"]: {"number": "FP64", "category": "BYTES"}[column["kind"]]
        for column in evaluation.smoke["columns"]
    }
    assert [each["data"] for each in inputs] == [column["values"][3:5] for column in evaluation.smoke["columns"]]
    assert all(each["shape"] == [2] for each in inputs)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", DamagedRegistry),
        (b"[]", DamagedRegistry),
        (b'{"format": 1, "rows": 1, "columns": [], "scores": [1]}', DamagedRegistry),
        (
            b'{"format": 1, "rows": 2, "columns": [{"name": "a", "kind": "number", "values": [1]}], "scores": [1, 2]}',
            DamagedRegistry,
        ),
        (
            b'{"format": 1, "rows": 1, "columns": [{"name": "a", "kind": "odd", "values": [1]}], "scores": [1]}',
            DamagedRegistry,
        ),
        (b'{"format": 2}', NewerFormat),
    ],
)
def test_what_holds_no_smoke_rows_is_refused_in_one_line(text, error):
    with pytest.raises(error, match=r"smoke_rows\.json"):
        kept.parse(text)


@given(st.floats(width=32, allow_nan=False))
def test_a_score_is_the_same_however_json_wrote_it_and_another_is_not(score):
    short = float(np.format_float_positional(np.float32(score), unique=True)) if np.isfinite(score) else score
    assert kept.same_score(score, short)
    (other,) = struct.unpack("<f", struct.pack("<I", struct.unpack("<I", struct.pack("<f", score))[0] ^ 1))
    assert not kept.same_score(score, other)


@pytest.mark.parametrize("other", [None, "0.5", True, 1e300, [0.5], float("nan")])
def test_what_is_no_score_is_another_one(other):
    assert not kept.same_score(0.5, other)
