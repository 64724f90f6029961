"""What is read out of a pod's log."""

import json
from pathlib import Path
from typing import cast

import pytest
from netanomaly.cluster.errors import NotFound
from netanomaly.cluster.logs import Logs, parse
from netanomaly.cluster.server import Server

RUN = "17451949-ddc4-49e9-8a86-ac72071e88c8"
RECORDED = json.loads((Path(__file__).parents[2] / "cluster/recorded/kfp-2.17.0-http.json").read_text("utf-8"))
FATAL = "F1122 22:43:54.842015      16 main.go:59] failed to execute component: exit status 4"


def test_a_recorded_log_gives_task_exit_code_and_the_stages_last_words():
    (log,) = (entry["response"] for entry in RECORDED if entry["name"] == "log of a failed stage")
    found = parse(log, RUN)
    assert (found.task, found.exit_code, found.ended) == ("fail", 2, "1122 22:43:54.842015")
    assert found.error == "POD failing-58pql-retry-system-container-impl-1461398388"


def test_the_stages_error_line_goes_before_whatever_else_it_said():
    found = parse(f"one\nerror: the gate said no\nprogress: 5 rows\n{FATAL}\n", RUN)
    assert (found.exit_code, found.reason, found.run_exit_code) == (4, "the gate said no", 4)


def test_the_result_is_read_and_a_broken_one_is_none():
    assert parse('result: {"version": 3}\n', RUN).result == {"version": 3}
    assert parse('result: {"version": \nresult: 3\n', RUN).result is None


@pytest.mark.parametrize("text", ["", "\n", "I1122 22:43:54.842015 1 main.go:1] begun\nfitting"])
def test_a_log_that_breaks_off_is_of_a_stage_that_was_killed(text):
    found = parse(text, RUN)
    assert (found.exit_code, found.run_exit_code) == (None, 3)
    assert "killed" in found.reason


def test_a_stage_that_said_nothing_is_told_by_its_code():
    assert parse(f"{FATAL}\n", RUN).reason == "ended with exit code 4 and said nothing"


def test_a_drivers_log_is_of_no_task_that_it_names_and_says_that_the_driver_failed():
    """As driver and log library of 2.17.0 write it, where a driver of another task was started twice."""
    why = 'driver.Container(taskName="validate") failed: two tasks have the same task name "ingest_6", id1=23 id2=22'
    resolved = f"I1122 22:43:53.1      16 driver.go:1] minio://mlpipeline/v2/artifacts/pipeline/x/{RUN}/ingest/7/flows"
    found = parse(f"{resolved}\nF1122 22:43:54.842015      16 main.go:143] KFP driver: {why}\n", RUN)
    assert (found.task, found.exit_code, found.run_exit_code) == (None, None, 3)
    assert found.reason == f"KFP's driver failed: {why}"
    assert found.complete


def test_an_archived_log_that_is_no_base64_cannot_be_read_and_is_no_defect():
    class Serving:
        host = "http://kfp"

        def get(self, path):
            return {"data": "%%%"}

        def text(self, path):
            raise NotFound("no such route")

    logs = Logs(cast(Server, Serving()), RUN)
    assert logs.read("node-1") is None
    assert not logs.tell_absence
