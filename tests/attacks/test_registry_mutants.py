"""Documents altered at random end in one line, never in a traceback. `make soak-mutants` tries 10,000 of each kind."""

import pytest

from tests.attacks import mutants


@pytest.mark.parametrize("kind", mutants.KINDS)
def test_no_mutant_of_a_document_is_a_traceback(tmp_path, kind, capfd):
    count = 600 if kind == "probe" else 60
    met = mutants.run(kind, range(count), tmp_path)
    assert met["done"] > 0
    assert met.total() >= count
