import threading

import yaml
from netanomaly.runners.attempt import Place, Work, carry_out
from netanomaly.runners.compiled import parse
from netanomaly.runners.run_folder import RunFolder

from tests.unit.runners.making import FakeLauncher, document, exits, task


class NeverCanceled(threading.Event):
    """Notes how long it is waited for, and does not let anyone wait."""

    def __init__(self):
        super().__init__()
        self.waited = []

    def wait(self, timeout=None):
        self.waited.append(timeout)
        return False


def test_the_wait_before_each_attempt_is_that_of_the_policy(tmp_path):
    policy = {"maxRetryCount": 3, "backoffDuration": "10s", "backoffFactor": 2.0, "backoffMaxDuration": "15s"}
    failing = parse(yaml.safe_dump(document({"a": task("a", retryPolicy=policy)}))).dag.tasks["a"]
    folder, canceled, told = RunFolder(tmp_path / "run"), NeverCanceled(), []
    folder.create()
    place = Place(FakeLauncher(a=exits(3)), folder, "run-1", {}, canceled)
    outcome = carry_out(Work("a", failing, {}, {}), place, lambda _: None, lambda _, seconds: told.append(seconds))
    assert canceled.waited == told == [10.0, 15.0, 15.0]
    assert outcome.run_exit_code == 3
