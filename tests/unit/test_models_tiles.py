"""Products of matrices by tiles, and detectors that fold several passes into one."""

import numpy as np
import pytest
from netanomaly.models.catalogue import check
from netanomaly.models.detector import make
from netanomaly.models.gaussian_mixture import GaussianMixtureDetector
from netanomaly.models.one_class_svm import OneClassSvmDetector
from netanomaly.models.tiles import ROWS_PER_TILE, products, whole_tiles, with_ones


def product(left, right):
    made = np.empty((whole_tiles(len(left)), right.shape[1]), dtype=np.float32)
    for rows, tile in products(left, right):
        made[rows] = tile
    return made[: len(left)]


def drawn(rows, columns, seed=1):
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


@pytest.mark.parametrize("rows", [0, 1, ROWS_PER_TILE - 1, ROWS_PER_TILE, ROWS_PER_TILE + 1, 3 * ROWS_PER_TILE])
def test_a_row_of_a_product_is_the_same_bits_wherever_it_stands(rows):
    # Of so many columns BLAS sums otherwise where rows are few.
    left, right = drawn(rows, 50), drawn(50, 500, seed=2)
    made = product(left, right)
    np.testing.assert_allclose(made, left @ right, atol=1e-4)
    for position in range(0, rows, 7):
        assert (product(left[position : position + 1], right) == made[position]).all()


def test_a_column_of_ones_adds_the_last_row():
    left, right = drawn(5, 3), drawn(4, 6, seed=2)
    np.testing.assert_allclose(product(with_ones(left), right), left @ right[:-1] + right[-1], atol=1e-5)


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_a_mixture_says_what_scikit_learn_says(kind, monkeypatch):
    from sklearn.mixture import GaussianMixture

    kept = []
    plain = GaussianMixture.fit

    def fit(self, *given):
        kept.append(plain(self, *given))
        return kept[-1]

    monkeypatch.setattr(GaussianMixture, "fit", fit)
    rows = np.concatenate([drawn(600, 12), drawn(400, 12, seed=2) * 0.1 + 4])
    parameters = check("gaussian_mixture", {"covariance_type": kind})
    detector = make("gaussian_mixture", parameters)
    assert isinstance(detector, GaussianMixtureDetector)
    detector.fit_matrix(rows, seed=0)
    odd = np.concatenate([rows[:100], drawn(29, 12, seed=3) * 20])
    surprise = -kept[0].score_samples(odd.astype(np.float64)) / 12
    np.testing.assert_allclose(
        detector.score_matrix(odd), np.copysign(np.log1p(abs(surprise)), surprise), rtol=1e-4, atol=1e-4
    )


def test_an_envelope_says_what_scikit_learn_says(monkeypatch):
    from sklearn.linear_model import SGDOneClassSVM

    kept = []
    plain = SGDOneClassSVM.fit

    def fit(self, *given):
        kept.append(plain(self, *given))
        return kept[-1]

    monkeypatch.setattr(SGDOneClassSVM, "fit", fit)
    detector = make("one_class_svm", check("one_class_svm", {}))
    assert isinstance(detector, OneClassSvmDetector)
    rows = drawn(1000, 12)
    detector.fit_matrix(rows, seed=0)
    odd = np.concatenate([rows[:100], drawn(29, 12, seed=3) * 5])
    said = -kept[0].decision_function(detector._features(odd))
    np.testing.assert_allclose(detector.score_matrix(odd), said, atol=1e-4)
