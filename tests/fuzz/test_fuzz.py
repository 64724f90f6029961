"""A few seconds of `make fuzz`, and its mutator: mutants differ from their seed and are made again by the same number."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.__main__ import fuzz
from tests.fuzz.mutating import mutant
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_no_mutant_escapes(target, tmp_path):
    result = fuzz(target, seconds=20, count=60, seed=1, folder=tmp_path)
    assert result["found"] == []
    assert result["mutants"] > 0


@given(st.binary(max_size=200), st.integers())
def test_a_mutant_is_made_again_by_its_number(seed, number):
    assert mutant(seed, Random(number)) == mutant(seed, Random(number))


def test_mutants_differ():
    random = Random(1)
    assert len({mutant(b"bytes,label\n1,normal\n", random) for _ in range(100)}) > 80
