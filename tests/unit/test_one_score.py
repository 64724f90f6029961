"""The snippet of the README: a file scored as a frame gives the scores and alerts of the evaluation."""

import dataclasses
import hashlib
import lzma
from pathlib import Path

import pandas as pd
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from netanomaly.flows.flow_file import open_flows
from netanomaly.stages.evaluate.program import evaluate
from netanomaly.stages.train import program as training

from tests.unit.ingest.test_ingest import Ingested
from tests.unit.test_evaluate import settings
from tests.unit.test_train import SETTINGS

DATA = Path(__file__).parent / "flows" / "data"


def unpacked(source: Path, folder: Path) -> Path:
    path = folder / source.name.removesuffix(".xz")
    path.write_bytes(lzma.decompress(source.read_bytes()))
    return path


def digest(scores) -> str:
    return "sha256:" + hashlib.sha256(scores.tobytes()).hexdigest()


def hold(tmp_path, train, today, **wishes):
    """Train on one file, evaluate on the other, score it as a frame of every kind."""
    for name in ("train", "today"):
        (tmp_path / name).mkdir()
    done = Ingested(tmp_path / "train", train, **wishes)
    chosen = dataclasses.replace(SETTINGS, model_type="isolation_forest", model_parameters={"n_estimators": 25})
    model = training.train(open_flows(done.path), chosen).model
    judged = Ingested(tmp_path / "today", today, **wishes)
    document = evaluate(model, open_flows(judged.path), settings()).document
    frame = pd.read_csv(today, low_memory=False)
    scores = model.score(frame)
    assert digest(scores) == document["scores_digest"]
    assert int((scores > model.threshold).sum()) == document["at_threshold"]["alerts"]
    for other in (
        pd.read_csv(today, dtype=str),
        pd.read_csv(today, dtype_backend="pyarrow"),
        pacsv.read_csv(today),
        pq.read_table(judged.path),
        pd.read_parquet(judged.path),
    ):
        assert digest(model.score(other)) == document["scores_digest"]
    return model, document, frame


def test_a_frame_of_the_evaluated_file_gets_the_scores_of_the_evaluation(tmp_path):
    """Blanks after `TCP  `, `-` for a service that is not known."""
    train, today = (unpacked(DATA / f"{name}.csv.xz", tmp_path) for name in ("train", "today"))
    model, document, frame = hold(tmp_path, train, today)
    strongest = document["top_alerts"][0]
    record = frame.iloc[[strongest["flow"]["record"] - 1]]
    assert model.score(record)[0] == pytest.approx(strongest["score"])
    explained = model.explain(record)[0][0]
    assert explained.name == strongest["features"][0]["name"]


def test_the_same_numbers_with_and_without_thousands_separators_are_the_same_model(tmp_path):
    documents = []
    for name in ("amount_comma", "amount_plain"):
        (tmp_path / name).mkdir()
        path = unpacked(DATA / f"{name}.csv.xz", tmp_path / name)
        documents.append(hold(tmp_path / name, path, path, categorical_columns=["dst_port"])[1])
    assert documents[0]["scores_digest"] == documents[1]["scores_digest"]


def test_unsw_nb15_read_with_pandas_alerts_as_the_evaluation_does(shared_data, tmp_path):
    path = unpacked(shared_data / "unsw-nb15" / "UNSW_NB15_training-set.csv.xz", tmp_path)
    hold(tmp_path, path, path, ignore_columns=["id", "attack_cat"])
