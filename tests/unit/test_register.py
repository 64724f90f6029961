"""What may become a version, and what not."""

import pytest
from netanomaly.errors import GateRefusal
from netanomaly.stages.register.program import admit


def test_a_model_that_passed_is_admitted():
    admit({"verdict": "pass"})


@pytest.mark.parametrize("verdict", ["refuse", "", "PASS", "unknown"])
def test_anything_but_a_pass_registers_nothing_and_says_why(verdict):
    with pytest.raises(GateRefusal, match=r"nothing is registered: roc_auc is 0\.8"):
        admit({"verdict": verdict, "reasons": ["roc_auc is 0.8, under min_roc_auc 0.9"]})
