"""What holds for every detector in the catalogue, whatever it is inside."""

from typing import cast

import joblib
import numpy as np
import pyarrow as pa
import pytest
from netanomaly.errors import DataError, ModelError
from netanomaly.models import model as model_file
from netanomaly.models.catalogue import CATALOGUE, check
from netanomaly.models.detector import make
from netanomaly.models.encoding import TwoViews
from netanomaly.models.isolation_forest import Forest
from netanomaly.models.model import AnomalyModel, versions
from netanomaly.models.rows import learn_schema
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from tests.unit.models_data import CATEGORICAL, FEATURES, traffic

TRAINING = traffic(1500, seed=1)
MIXED = traffic(400, 200, seed=2)
TRUTH = np.arange(600) >= 400
# Small enough for a test.
SMALL = {
    "isolation_forest": {"n_estimators": 40, "max_samples": 256},
    "gaussian_mixture": {"n_components": 2},
    "knn": {"reference_rows": 500},
    "lof": {"reference_rows": 500},
    "autoencoder": {"epochs": 5, "width": 16},
}


def fitted(model_type, table=TRAINING, seed=7):
    schema = learn_schema(table, FEATURES, CATEGORICAL)
    parameters = check(model_type, SMALL.get(model_type, {}))
    detector = make(model_type, parameters)
    detector.fit(schema.rows(table), seed)
    return AnomalyModel(model_type, parameters, schema, detector, [], 0.01, "all", versions())


@pytest.fixture(scope="module", params=list(CATALOGUE))
def model(request):
    return fitted(request.param)


def replaced(table, name, values):
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def test_higher_is_more_anomalous(model):
    assert roc_auc_score(TRUTH, model.score(MIXED)) > 0.9


def test_the_same_rows_parameters_and_seed_give_the_same_bytes(model, tmp_path):
    model.save(tmp_path / "one")
    fitted(model.model_type).save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_saved_model_scores_as_the_one_it_was(model, tmp_path):
    before = model.score(MIXED)
    model.save(tmp_path / "model.joblib")
    assert (model_file.load(tmp_path / "model.joblib").score(MIXED) == before).all()


def test_a_row_scores_the_same_alone_among_others_and_in_any_order(model):
    """Bit for bit, or what is served row by row would differ from what is scored in batches."""
    together = model.score(MIXED)
    alone = [model.score(MIXED.slice(position, 1)) for position in range(0, 600, 10)]
    assert (np.concatenate(alone) == together[::10]).all()
    by_sevens = [model.score(MIXED.slice(position, 7)) for position in range(0, 600, 7)]
    assert (np.concatenate(by_sevens) == together).all()
    order = np.random.default_rng(0).permutation(600)
    assert (model.score(MIXED.take(pa.array(order))) == together[order]).all()


def test_columns_may_come_in_any_order_with_others_between_them(model):
    turned = MIXED.select([*reversed(FEATURES), "label"])
    assert (model.score(turned) == model.score(MIXED)).all()


def test_a_pandas_frame_scores_as_the_table_it_is(model):
    np.testing.assert_array_equal(model.score(MIXED.to_pandas()), model.score(MIXED))


def test_any_finite_number_and_any_missing_value_has_a_finite_score(model):
    odd = [0.0, -1.0, 1e308, -1e308, 5e-324, None]
    for name in FEATURES[:4]:
        assert np.isfinite(model.score(replaced(MIXED.slice(0, 6), name, odd))).all()
    nothing = MIXED.slice(0, 6)
    for name in FEATURES:
        kind = pa.string() if name in CATEGORICAL else pa.float64()
        nothing = replaced(nothing, name, pa.nulls(6, kind))
    assert np.isfinite(model.score(nothing)).all()


def test_a_category_never_seen_in_training_scores_and_is_no_less_odd_than_a_common_one(model):
    rows = MIXED.slice(0, 100)
    unseen = model.score(replaced(rows, "service", ["gopher"] * 100))
    common = model.score(replaced(rows, "service", ["http"] * 100))
    assert np.isfinite(unseen).all()
    assert unseen.mean() >= common.mean()


def test_a_value_far_beyond_the_training_range_is_as_odd_as_the_oddest_in_training(model):
    """Or among the oddest tenth, for a detector that says it does not see how far beyond."""
    far = model.score(replaced(MIXED.slice(0, 50), "bytes_out", [1e15] * 50))
    assert np.median(far) >= np.quantile(model.score(TRAINING), 0.99 if model.detector.sees_beyond_training else 0.9)


def test_a_few_unlabelled_attacks_in_the_training_rows_do_little_harm(model):
    attacks = traffic(0, 80, seed=3)
    contaminated = fitted(model.model_type, pa.concat_tables([TRAINING, attacks]))
    assert roc_auc_score(TRUTH, contaminated.score(MIXED)) > 0.9


def test_duplicated_and_constant_training_rows_can_be_learnt(model):
    few = pa.concat_tables([TRAINING.slice(0, 5)] * 60)
    assert np.isfinite(fitted(model.model_type, few).score(MIXED)).all()


def test_no_rows_have_no_scores(model):
    assert model.score(MIXED.slice(0, 0)).shape == (0,)


def test_an_absent_column_and_text_among_numbers_are_named(model):
    with pytest.raises(DataError, match="needs the columns packets,"):
        model.score(MIXED.drop_columns(["packets"]))
    with pytest.raises(DataError, match="'packets' holds numbers, and here 'many'"):
        model.score(replaced(MIXED.slice(0, 1), "packets", ["many"]))


def test_forest_scores_are_those_of_scikit_learn():
    model = fitted("isolation_forest")
    rows = model.schema.rows(TRAINING)
    matrix = model.detector.encoding(rows)
    theirs = IsolationForest(n_estimators=40, max_samples=256, random_state=7).fit(matrix)
    ours = model.detector.score(model.schema.rows(MIXED))
    expected = -theirs.score_samples(model.detector.encoding(model.schema.rows(MIXED)))
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_a_forest_of_more_columns_than_a_small_integer_counts_scores_as_scikit_learn_does():
    """A column's number that wraps around would be read from beside the row."""

    class AsItIs:
        width_of_one_view = 40_000

        def cuts_in_one_view(self, columns, cuts):
            return columns, cuts

    matrix = np.zeros((60, AsItIs.width_of_one_view), dtype=np.float32)
    matrix[:, -300:] = np.random.default_rng(1).normal(size=(60, 300))
    theirs = IsolationForest(n_estimators=10, random_state=7).fit(matrix)
    ours = Forest.of(theirs, cast(TwoViews, AsItIs()))
    assert ours.columns.max() > 2**15
    np.testing.assert_allclose(ours.score(matrix), -theirs.score_samples(matrix), rtol=1e-6)


def test_codes_of_one_value_are_one_category_whether_whole_or_not():
    ports = pa.table({"port": pa.array([80.0, 443.0, None])})
    schema = learn_schema(ports, ["port"], ["port"])
    assert set(schema.vocabularies[0]) == {"80", "443", None}
    assert schema.rows(pa.table({"port": pa.array(["443", "80", "22"])})).codes[:, 0].tolist() == [
        schema.vocabularies[0].index("443"),
        schema.vocabularies[0].index("80"),
        -1,
    ]


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "text").write_text("hello")
    joblib.dump({"a": 1}, tmp_path / "dict")
    with pytest.raises(ModelError, match="cannot be read as a model file"):
        model_file.load(tmp_path / "text")
    with pytest.raises(ModelError, match="holds a dict"):
        model_file.load(tmp_path / "dict")


def test_a_model_of_another_minor_scikit_learn_is_refused_with_both_versions():
    model_file.check_versions({**versions(), "scikit-learn": versions()["scikit-learn"] + ".post1"})
    with pytest.raises(ModelError, match=r"scikit-learn 0\.24\.2 and this is scikit-learn"):
        model_file.check_versions({"scikit-learn": "0.24.2"})
