"""What the default does with rows that are known to be normal, and with rows that nobody vouches for."""

import numpy as np
import pytest
from netanomaly.models.catalogue import check
from netanomaly.models.detector import make
from netanomaly.models.ensemble import EnsembleDetector, Surprise
from netanomaly.models.knn import covering
from netanomaly.models.opinion import Opinion
from netanomaly.models.rows import Rows
from netanomaly.models.scaled import Scaled
from netanomaly.models.trimming import untrimmed


def rows_of(numbers, codes=None):
    codes = np.empty((len(numbers), 0), dtype=np.int32) if codes is None else np.asarray(codes, dtype=np.int32)
    return Rows(np.asarray(numbers, dtype=np.float64), codes)


def cloud(rows, centre, spread, seed):
    return np.random.default_rng(seed).normal(centre, spread, (rows, 6))


def fitted(numbers, **parameters):
    detector = make("ensemble", check("ensemble", {"members": ["knn", "gaussian_mixture"], **parameters}))
    assert isinstance(detector, EnsembleDetector)
    detector.fit(rows_of(numbers), 0)
    return detector


# Most traffic, a rare kind of it, and something that is like neither.
COMMON, RARE, ATTACK = cloud(3000, 0, 1, 1), cloud(150, 9, 0.05, 2), cloud(200, -30, 4, 3)


def test_where_rows_are_known_to_be_normal_a_rare_kind_of_them_is_no_anomaly():
    detector = fitted(np.concatenate([COMMON, RARE]), contamination=0)
    assert detector.trusted is None
    rare, attack = detector.score(rows_of(RARE[:50])), detector.score(rows_of(ATTACK))
    assert np.median(rare) < 2 < attack.min()


def test_where_nobody_knows_a_rare_kind_is_odd_but_what_is_like_nothing_is_odder():
    """The same rows may be attacks or a rare kind of normal traffic: they rank over the common, and under the unknown."""
    detector = fitted(np.concatenate([COMMON, RARE]))
    common, rare, attack = (detector.score(rows_of(each)) for each in (cloud(500, 0, 1, 4), RARE, ATTACK))
    assert np.quantile(common, 0.95) < np.median(rare) < attack.min()
    assert detector.found["left_out"] == pytest.approx(0.25, abs=0.001)
    assert detector.found["stands_apart"] == pytest.approx(150 / 3150, abs=0.02)


@pytest.mark.parametrize(("contamination", "voters"), [(0, 2), (0.1, 4)])
def test_votes_are_members_that_would_alert_by_themselves_and_leave_the_scores_as_they_are(contamination, voters):
    """Where rows are doubted, members of the trusted rows vote, two of which bend to no small group."""
    detector = fitted(np.concatenate([COMMON, RARE]), contamination=contamination)
    rows = rows_of(np.concatenate([cloud(3000, 0, 1, 4), ATTACK]))
    scores, votes = detector.score_and_votes(rows, 0.01)
    assert np.array_equal(scores, detector.score(rows))
    assert detector.voters == voters
    assert set(votes.tolist()) <= set(range(voters + 1))
    assert (votes[3000:] == voters).mean() > 0.95
    # Each on about one row in a hundred, and where rows are doubted on those that were left out, too.
    assert 0.002 * voters < votes[:3000].mean() < (0.03 + contamination) * voters


def test_of_clean_rows_of_one_kind_hardly_any_stands_apart():
    assert fitted(COMMON).found["stands_apart"] < 0.02


@pytest.mark.parametrize(("columns", "told"), [(1, False), (4, False), (5, True)])
def test_of_few_columns_nothing_is_said_to_stand_apart(columns, told):
    """There the tail of one kind of traffic, a quarter of it taken out, is as far from the rest as another kind."""
    found = fitted(COMMON[:, :columns]).found
    assert ("stands_apart" in found) is told
    assert found.get("stands_apart", 0) < 0.02


def test_what_only_the_trusted_rows_find_odd_is_never_as_loud_as_they_say():
    detector = fitted(np.concatenate([COMMON, RARE]))
    assert detector.trusted is not None
    said = detector.trusted(rows_of(RARE))
    assert (detector.score(rows_of(RARE)) < np.maximum(4, 4 + 0.26 * (said - 4))).all()
    assert np.median(said) > 20


def test_a_model_of_generation_2_hears_its_second_opinion_as_it_did():
    detector, rows = fitted(np.concatenate([COMMON, RARE])), rows_of(RARE)
    state = {name: value for name, value in detector.__dict__.items() if name != "heard"}
    old = EnsembleDetector.__new__(EnsembleDetector)
    old.__setstate__(state)
    second = detector.trusted(rows)
    expected = np.maximum(detector.everything(rows), np.minimum(second, 5 + 0.15 * (second - 5)))
    assert (old.score(rows) == expected).all()
    assert (old.score(rows) != detector.score(rows)).any()


def test_a_model_of_generation_3_hears_its_second_opinion_as_it_did():
    """Its members, small trees and an envelope among them, are in the model; so is how loud it was heard."""
    detector, rows = fitted(np.concatenate([COMMON, RARE])), rows_of(RARE)
    old = EnsembleDetector.__new__(EnsembleDetector)
    old.__setstate__({**detector.__dict__, "heard": type(detector.heard)(0.7, 4.0, 0.25)})
    second = detector.trusted(rows)
    expected = np.maximum(detector.everything(rows), np.minimum(0.7 * second, 4 + 0.25 * (second - 4 / 0.7)))
    assert (old.score(rows) == expected).all()
    assert (old.score(rows) != detector.score(rows)).any()


@pytest.mark.parametrize(
    ("members", "asked"),
    [
        (["knn", "gaussian_mixture", "one_class_svm"], ["knn", "gaussian_mixture"]),
        (["one_class_svm"], []),
        (["pca", "knn"], ["pca", "knn"]),
    ],
)
def test_of_the_trusted_rows_all_members_are_asked_but_the_envelope(members, asked):
    detector = make("ensemble", check("ensemble", {"members": members}))
    detector.fit(rows_of(np.concatenate([COMMON, RARE])), 0)
    assert isinstance(detector, EnsembleDetector)
    assert detector.trusted is not None
    assert [*detector.trusted.members] == [*asked, "broad_cloud", "mass"]
    known = make("ensemble", check("ensemble", {"members": members, "contamination": 0.0}))
    known.fit(rows_of(COMMON), 0)
    assert isinstance(known, EnsembleDetector)
    assert [*known.everything.members] == members
    assert known.trusted is None


def test_attacks_that_are_company_for_each_other_are_far_from_the_mass_and_left_out():
    """A twentieth of the rows in one place: near each other, and far from the fifth of all rows that is nearest."""
    flood = cloud(150, 9, 0.05, 2)
    rows = rows_of(np.concatenate([COMMON, flood]))
    mass, knn = (make(name, check(name, {"contamination": 0})) for name in ("mass_distance", "knn"))
    for detector in (mass, knn):
        detector.fit(rows, 0)
    fresh, common = rows_of(cloud(100, 9, 0.05, 5)), rows_of(cloud(500, 0, 1, 4))
    assert mass.score(fresh).min() > mass.score(common).max()
    assert np.median(knn.score(fresh)) < np.median(knn.score(common))
    kept = untrimmed(rows, "auto", 0)
    assert len(kept) == 2835
    assert not (kept >= len(COMMON)).any()


def test_copies_of_a_row_are_mass():
    often = rows_of(np.concatenate([np.zeros((900, 6)), cloud(100, 5, 1, 6)]))
    mass = make("mass_distance", check("mass_distance", {"contamination": 0}))
    mass.fit(often, 0)
    assert mass.score(rows_of(np.zeros((1, 6))))[0] < mass.score(rows_of(cloud(100, 5, 1, 6))).min()


def test_an_ensemble_of_the_first_generation_is_read_as_one_opinion():
    rows = rows_of(COMMON)
    members = {"gaussian_mixture": make("gaussian_mixture", check("gaussian_mixture", {}))}
    opinion = Opinion.learn(rows, members, {}, 0)
    old = EnsembleDetector.__new__(EnsembleDetector)
    old.__setstate__(
        {
            "parameters": {"members": ["gaussian_mixture"], "contamination": "auto"},
            "encoding": opinion.encoding,
            "members": opinion.members,
            "surprises": opinion.surprises,
        }
    )
    assert (old.score(rows) == opinion(rows)).all()


def test_a_member_that_counts_twice_has_twice_the_say():
    rows = rows_of(COMMON)
    members = {name: make(name, check(name, {})) for name in ("knn", "gaussian_mixture")}
    opinion = Opinion.learn(rows, members, {"knn": 2.0}, 0)
    said = [opinion.surprises[name](scores) for name, scores in opinion.member_scores(rows).items()]
    np.testing.assert_allclose(opinion(rows), (2 * said[0] + said[1]) / 3)


def test_surprise_goes_on_beyond_what_was_held_out():
    scores = np.random.default_rng(0).exponential(size=5000)
    surprise = Surprise.learn(scores)
    assert surprise(np.array([np.quantile(scores, 0.9)]))[0] == pytest.approx(-np.log(0.1), abs=0.02)
    np.testing.assert_allclose(surprise(np.array([20.0, 30.0])), [20, 30], rtol=0.2)


def test_references_stand_for_rare_rows_too():
    """40,000 rows in one place and 40 elsewhere: a random hundred of them would hardly ever hold one of the 40."""
    draw = np.random.default_rng(0)
    places = draw.uniform(20, 80, (40, 3))
    matrix = np.concatenate([draw.normal(0, 0.1, (40_000, 3)), places]).astype(np.float32)
    chosen = covering(matrix, 100, 0)
    assert len(chosen) == len(np.unique(chosen, axis=0)) == 100
    distances = np.linalg.norm(places[:, np.newaxis] - chosen[np.newaxis], axis=2).min(axis=1)
    assert distances.max() < 10
    assert (covering(matrix[:60], 100, 0) == matrix[:60]).all()


def test_frequent_categories_are_told_apart_though_they_are_equally_frequent():
    codes = np.tile([[0], [1], [2], [3]], (300, 1))
    encoding = Scaled.learn(rows_of(np.zeros((1200, 1)), codes))
    matrix = encoding(rows_of(np.zeros((4, 1)), [[0], [1], [2], [-1]]))
    assert matrix.shape == (4, encoding.plain + 4)
    distances = np.linalg.norm(matrix[:, np.newaxis] - matrix[np.newaxis], axis=2)
    assert distances[0, 1] == pytest.approx(2)
    assert distances[0, 3] > distances[0, 1], "one never seen is farther from each than they are from each other"


def test_the_columns_of_categories_are_bounded_whatever_the_data():
    codes = np.random.default_rng(0).integers(0, 30, (500, 100))
    encoding = Scaled.learn(rows_of(np.zeros((500, 1)), codes))
    assert len(encoding.frequent) == 64
