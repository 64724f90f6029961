"""Explanations: the features without which a row would score lower."""

import numpy as np
import pyarrow as pa
import pytest
from netanomaly.errors import ModelError
from netanomaly.models.catalogue import check
from netanomaly.models.detector import make
from netanomaly.models.explanation import Strongest, Typical, contributions
from netanomaly.models.model import AnomalyModel, versions
from netanomaly.models.rows import Rows, learn_schema

from tests.unit.models_data import CATEGORICAL, FEATURES, traffic

TRAINING = traffic(1500, seed=1)


@pytest.fixture(scope="module", params=["ensemble", "isolation_forest", "knn"])
def model(request):
    schema = learn_schema(TRAINING, FEATURES, CATEGORICAL)
    parameters = check(request.param, {})
    detector = make(request.param, parameters)
    rows = schema.rows(TRAINING)
    detector.fit(rows, 0)
    return AnomalyModel(request.param, parameters, schema, detector, [], 0.01, "all", versions(), Typical.learn(rows))


def changed(name, values):
    # Rows like the typical one: what is changed is all that can stand out.
    rows = TRAINING.slice(0, len(values))
    for each, usual in (("packets", 7.0), ("bytes_out", 700.0), ("duration_seconds", 0.7)):
        rows = rows.set_column(rows.column_names.index(each), each, pa.array([usual] * len(values)))
    return rows.set_column(rows.column_names.index(name), name, pa.array(values))


def test_the_feature_that_was_made_odd_comes_first_beside_its_normal_range(model):
    (found,) = model.explain(changed("duration_seconds", [1e4]))
    assert (found[0].name, found[0].value) == ("duration_seconds", 1e4)
    assert found[0].normal_low < 0.1 < 4 < found[0].normal_high < 10
    assert found[0].contribution > 0.5


def test_a_category_is_said_as_the_data_has_it(model):
    (found,) = model.explain(changed("service", ["gopher"]))
    first = next(each for each in found if each.name == "service")
    assert first.value == "never seen in training"
    assert first.normal_low in ("http", "dns")


def test_contributions_are_shares_in_falling_order_and_no_more_than_asked_for(model):
    for found in model.explain(traffic(0, 50, seed=3), most=3):
        shares = [each.contribution for each in found]
        assert len(shares) <= 3
        assert shares == sorted(shares, reverse=True)
        assert all(share > 0 for share in shares)
        assert sum(shares) <= 1 + 1e-9


def test_rows_are_explained_alike_alone_and_among_others(model):
    rows = traffic(0, 20, seed=3)
    together = model.explain(rows, most=1)
    alone = [model.explain(rows.slice(position, 1), most=1)[0] for position in range(20)]
    assert [each[0].name for each in together] == [each[0].name for each in alone]


def test_of_five_thousand_features_what_was_planted_is_named_without_scoring_gigabytes():
    """Each row scored with each feature changed were 2 GB of values, and ten times that in detectors."""
    draw = np.random.default_rng(0)
    columns = {f"x{place}": draw.normal(size=200) for place in range(4999)} | {"service": ["http"] * 200}
    schema = learn_schema(pa.table(columns), list(columns), ["service"])
    training = schema.rows(pa.table(columns))
    odd = {name: values[:40] for name, values in columns.items()} | {"service": ["http"] * 20 + ["gopher"] * 20}
    odd["x4321"] = np.r_[np.full(20, -30.0), odd["x4321"][20:]]
    scored = []

    def score(rows):
        scored.append(rows.numbers.size)
        return np.abs(rows.numbers).max(axis=1) + 50.0 * (rows.codes[:, 0] < 0)

    found = contributions(score, schema.rows(pa.table(odd)), schema, Typical.learn(training), 3)
    assert [each[0].name for each in found] == ["x4321"] * 20 + ["service"] * 20
    assert max(scored) < 10_000_000
    assert sum(scored) < 40 * 300 * 5000


def test_a_model_from_before_explanations_says_so(model):
    older = AnomalyModel(**{**model.__dict__, "typical": None})
    with pytest.raises(ModelError, match="train it again"):
        older.explain(TRAINING.slice(0, 1))


def test_the_strongest_of_a_stream_are_those_of_the_whole_one_for_each_score():
    draw = np.random.default_rng(0)
    scores = draw.integers(0, 50, 1000).astype(np.float32)
    rows = Rows(np.arange(1000.0)[:, np.newaxis], np.empty((1000, 0), dtype=np.int32))
    for size in (1000, 7):
        strongest = Strongest(5)
        for start in range(0, 1000, size):
            part = slice(start, start + size)
            strongest.offer(
                start, rows.take(part), scores[part], [f"{place}" for place in range(1000)][part].__getitem__
            )
        assert strongest.scores.tolist() == [49, 48, 47, 46, 45]
        assert strongest.places.tolist() == [int(np.argmax(scores == score)) for score in strongest.scores]
        assert strongest.labels == [f"{place}" for place in strongest.places]
        assert strongest.rows is not None
        assert strongest.rows.numbers[:, 0].tolist() == strongest.places.tolist()


@pytest.mark.parametrize("doubted", [False, True])
def test_the_planted_feature_is_named_first_in_at_least_95_of_100_alerts(doubted):
    """Rows of normal traffic, each with one feature far beyond what training had, or with a category it never had."""
    schema = learn_schema(TRAINING, FEATURES, CATEGORICAL)
    parameters = check("ensemble", {} if doubted else {"contamination": 0})
    detector = make("ensemble", parameters)
    rows = schema.rows(TRAINING)
    detector.fit(rows, 0)
    model = AnomalyModel("ensemble", parameters, schema, detector, [], 0.01, "all", versions(), Typical.learn(rows))
    draw = np.random.default_rng(5)
    fresh, planted, named = traffic(200, seed=9), [], []
    for row in range(200):
        one = fresh.slice(row, 1)
        name = FEATURES[[0, 1, 2, 4][row % 4]]
        value = "gopher" if name in CATEGORICAL else float(10 ** draw.uniform(5, 8))
        one = one.set_column(one.column_names.index(name), name, pa.array([value]))
        planted.append(name)
        named.append(model.explain(one, most=1)[0][0].name)
    assert np.mean([ours == theirs for ours, theirs in zip(planted, named, strict=True)]) >= 0.95
