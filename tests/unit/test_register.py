"""What may become a version, and what not."""

import pytest
from netanomaly.errors import GateRefusal, InputError
from netanomaly.register.program import admit

METADATA = {"model": {"digest": "sha256:aa"}}


def test_a_model_that_passed_and_was_not_touched_is_admitted():
    admit("pass", {}, METADATA, "sha256:aa")


@pytest.mark.parametrize("verdict", ["refuse", "", "PASS", "unknown"])
def test_anything_but_a_pass_registers_nothing_and_says_why(verdict):
    with pytest.raises(GateRefusal, match=r"nothing is registered: roc_auc is 0\.8"):
        admit(verdict, {"reasons": ["roc_auc is 0.8, under min_roc_auc 0.9"]}, METADATA, "sha256:aa")


def test_a_model_that_changed_after_it_was_described_is_refused():
    with pytest.raises(InputError, match="sha256:bb"):
        admit("pass", {}, METADATA, "sha256:bb")
