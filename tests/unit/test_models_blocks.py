"""Rows scored in blocks on two threads, however deep the calls are."""

import threading
from contextlib import ExitStack

import numpy as np
import pytest
from netanomaly.models.blocks import block_threads, in_blocks, one_thread_each
from netanomaly.models.knn import _nearest
from threadpoolctl import threadpool_info


def blas_threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_scores_come_in_the_order_of_the_rows():
    rows = np.arange(1003.0)
    np.testing.assert_array_equal(in_blocks(lambda part: rows[part] * 2, 1003, 100), rows * 2)


def test_blocks_within_blocks_and_within_batches_start_no_further_threads():
    names = set()

    def inner(part):
        names.add(threading.current_thread().name)
        return np.zeros(part.stop - part.start)

    def outer(part):
        before = threading.current_thread().name
        found = in_blocks(inner, part.stop - part.start, 10)
        assert threading.current_thread().name == before
        return found

    with block_threads() as threads:
        list(threads.map(lambda _: in_blocks(outer, 100, 50), range(6)))
    assert len(names) <= 2


def test_matrix_products_stay_on_one_thread_until_the_last_who_asked_is_done():
    before = blas_threads()
    first, second = ExitStack(), ExitStack()
    first.enter_context(one_thread_each())
    second.enter_context(one_thread_each())
    first.close()
    assert blas_threads() == {1}
    second.close()
    assert blas_threads() == before


@pytest.mark.parametrize("count", [1, 3, 64, 65, 90])
def test_nearest_places_are_those_of_the_greatest_values(count):
    """Few are sought in passes, many by one partition."""
    values = np.random.default_rng(count).normal(size=(7, 100)).astype(np.float32)
    found = np.sort(np.stack(list(_nearest(values.copy(), count)), axis=1), axis=1)
    assert (found == np.sort(np.argsort(values, axis=1)[:, -count:], axis=1)).all()
