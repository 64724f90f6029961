"""How long a server that does not answer is asked again."""

import time

from netanomaly.errors import Unreachable
from netanomaly.s3.client import Timeouts
from netanomaly.s3.outage import Outage


def asked_for(outage: Outage, answered: bool) -> float:
    """Seconds until it is given up."""
    began = time.monotonic()
    try:
        while True:
            outage.wait(Unreachable("no answer"), answered=answered)
    except Unreachable as error:
        assert "given up after" in str(error)
    return time.monotonic() - began


def test_a_server_that_never_answered_is_given_up_sooner():
    assert asked_for(Outage(0.6, first_contact=0.05), answered=False) < 0.06
    assert asked_for(Outage(0.6, first_contact=0.05), answered=True) > 0.1


def test_whoever_says_how_long_to_try_means_the_first_request_too(monkeypatch):
    monkeypatch.delenv("S3_RETRY_SECONDS", raising=False)
    assert (Timeouts.from_environment().retry, Timeouts.from_environment().first_contact) == (90, 10)
    monkeypatch.setenv("S3_RETRY_SECONDS", "50")
    assert (Timeouts.from_environment().retry, Timeouts.from_environment().first_contact) == (50, 50)
