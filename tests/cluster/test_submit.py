"""`netanomaly submit` against a server that behaves, and runs that do not."""

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from typing import Any

import pytest
from netanomaly.cluster import waiting

from tests.cluster.faults import Fault
from tests.cluster.standin import error
from tests.cluster.standin_runs import Fate
from tests.command import NETANOMALY

TOLD = (
    'result: {"model_name": "office", "version": 3, '
    '"metrics": {"roc_auc": 0.9712, "recall": 0.61, "false_positive_rate": 0.001}}'
)
# How the launcher's last line begins where it gives up.
FATAL = "F1122 22:43:54.842015      16 main.go:59]"
# Both log routes.
LOG = r"(/log|main-logs:read)$"
STAGES = ["prepare", "ingest", "ingest-2", "validate", "train", "evaluate", "register", "track", "condition-1"]
# That which deploys, where somebody asked for it.
BRANCH = "condition-1"

# The API's own address, and that of the UI's server.
BOTH = pytest.mark.parametrize("through", ["api", "ui"], indirect=True)


@BOTH
def test_a_run_is_submitted_followed_and_its_result_printed(standin, configuration, command):
    standin.fates = {"register": Fate(lines=("registering", TOLD))}
    ended = command("submit", configuration)
    assert ended.code == 0, ended.stderr
    (run,) = standin.runs.values()
    assert "office 1.0.0" in ended.stdout
    assert "0.9712" in ended.stdout
    assert f"{standin.url}/#/runs/details/{run.id}" in ended.stdout
    lines = ended.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines if line.endswith(": started")] == [*STAGES[:-1]]
    assert not any(BRANCH in line for line in lines)
    assert lines[-1].startswith("run succeeded after ")


@pytest.mark.parametrize("through", ["ui"], indirect=True)
def test_a_log_that_is_archived_a_moment_late_is_read_at_the_end(standin, configuration, here):
    """What came of the run stands there alone."""
    standin.fates = {"register": Fate(lines=(TOLD,))}
    archived, asked = standin.archived_log, set()

    def late(query, body, key, node):
        if TOLD in standin.runs[key].logs.get(node, "") and node not in asked:
            asked.add(node)
            raise error(404, 5, "ResourceNotFoundError: ", "artifact not found")
        return archived(query, body, key, node)

    standin.archived_log = late
    assert here("submit", configuration, "--json").json["version"] == 3


CAME_TO: dict[str, Any] = {
    "verdict": {
        "word": "usable",
        "status": "good",
        "headline": "Usable: it catches most attacks",
        "reasons": ["recall is 61%"],
    },
    "decision": {"decision": "promote", "because": "first", "reason": "there is no champion yet", "champion": None},
    "aliases": ["champion"],
    "findings": [{"severity": "warning", "message": "12% of rows are duplicates"}],
}


@BOTH
def test_what_the_run_came_to_is_printed_as_run_does(standin, configuration, here):
    told = {
        "model_name": "office",
        "version": 3,
        "metrics": {"roc_auc": 0.9712, "recall": 0.6, "false_positive_rate": 0.0},
        **CAME_TO,
    }
    standin.fates = {"register": Fate(lines=(f"result: {json.dumps(told)}",))}
    ended = here("submit", configuration)
    assert ended.code == 0
    for text in ("Usable: it catches most attacks", "recall is 61%", "champion: there is no champion yet", "1 warning"):
        assert text in ended.stdout
    assert ended.stdout.splitlines()[-1].endswith(f"/#/runs/details/{next(iter(standin.runs))}")
    document = here("submit", configuration, "--json").json
    assert {name: document[name] for name in CAME_TO} == CAME_TO


@BOTH
@pytest.mark.parametrize("stage", ["train", "register"])
def test_what_a_refused_run_came_to_is_printed_before_its_error(standin, configuration, here, stage):
    """The data gate's refusal shows in train, the quality gate's in register."""
    refused = {**CAME_TO, "decision": {**CAME_TO["decision"], "decision": "reject"}, "aliases": []}
    lines = (f"result: {json.dumps(refused)}", "error: a gate refused, nothing is registered: x")
    standin.fates = {stage: Fate(4, lines)}
    ended = here("submit", configuration)
    assert (ended.code, ended.last_line) == (4, "error: a gate refused, nothing is registered: x")
    assert "rejected: nothing was registered" in ended.stderr
    assert "12% of rows are duplicates" in ended.stderr


def test_the_document_has_what_a_machine_asks_for(standin, configuration, command):
    standin.fates = {"register": Fate(lines=(TOLD,)), "ingest-2": Fate(cached=True)}
    document = command("submit", configuration, "--json").json
    (run,) = standin.runs.values()
    (version,) = [item for item in standin.versions.values() if item["name"] != "netanomaly-training"]
    assert document["state"] == "succeeded"
    assert document["run_id"] == run.id
    assert document["run_name"] == run.request["display_name"]
    assert document["pipeline_version_id"] == version["pipeline_version_id"]
    assert document["pipeline_id"] == version["pipeline_id"]
    assert document["experiment"] == "netanomaly"
    assert (document["model_name"], document["model_version"], document["version"]) == ("office", "1.0.0", 3)
    assert document["metrics"]["roc_auc"] == 0.9712
    states = {stage["name"]: stage["state"] for stage in document["stages"]}
    assert states == dict.fromkeys(STAGES, "succeeded") | {"ingest-2": "cached", BRANCH: "skipped"}
    assert all(stage["seconds"] > 0 for stage in document["stages"] if stage["state"] == "succeeded")


def test_the_configuration_travels_as_one_parameter(standin, configuration, here):
    ended = here("submit", configuration, "--no-wait", "--set", "alert_budget=0.001", "--registry", "s3://other/r")
    assert ended.code == 0
    (run,) = standin.runs.values()
    given = run.request["runtime_config"]["parameters"]
    assert given == {
        "configuration": {
            "model_name": "office",
            "data_source": "s3://flows/2026/",
            "registry": "s3://other/r",
            "alert_budget": 0.001,
        }
    }


def test_not_waiting_leaves_the_run_alone(standin, configuration, here):
    document = here("submit", configuration, "--no-wait", "--json").json
    assert document["state"] == "waiting"
    assert standin.requests("GET", "/runs/") == 0
    assert document["run_id"] in standin.runs


def test_a_version_that_is_there_is_taken(standin, configuration, here):
    first, second = (here("submit", configuration, "--no-wait", "--json").json for _ in range(2))
    assert first["pipeline_version_id"] == second["pipeline_version_id"]
    assert first["run_name"] != second["run_name"]
    assert standin.requests("POST", "/pipelines/upload") == 2


def test_a_run_without_caching_is_of_a_version_without_caching(standin, configuration, here):
    """A run made from a version takes caching from it: the flag makes another version, and no stage of it caches."""
    cached = here("submit", configuration, "--no-wait", "--json").json
    fresh = here("submit", configuration, "--no-wait", "--no-cache", "--json").json
    assert fresh["pipeline_version_id"] != cached["pipeline_version_id"]

    def caching(submitted):
        tasks = standin.specs[submitted["pipeline_version_id"]]["root"]["dag"]["tasks"]
        return {key for key, task in tasks.items() if task.get("cachingOptions", {}).get("enableCache")}

    assert caching(fresh) == set()
    assert caching(cached) == {"ingest", "ingest-2", "validate", "train", "evaluate"}


@BOTH
@pytest.mark.parametrize(("code", "taken_over"), [(2, 2), (3, 3), (4, 4), (1, 1), (77, 1)])
def test_the_exit_code_is_the_stages_own(standin, configuration, here, code, taken_over):
    standin.fates = {"train": Fate(code, ("fitting", "error: column 'x' is absent"))}
    ended = here("submit", configuration, "--json")
    assert ended.code == taken_over
    assert ended.last_line == "error: column 'x' is absent"
    assert ended.json["exit_code"] == taken_over
    stages = {stage["name"]: stage for stage in ended.json["stages"]}
    assert (stages["train"]["state"], stages["train"]["exit_code"]) == ("failed", code)
    assert stages["register"]["state"] == "skipped"


@BOTH
def test_of_several_attempts_the_last_one_counts(standin, configuration, here):
    """Pods are listed in no order; which was last stands in their logs."""
    earlier = (Fate(2, ("error: first",)), Fate(None, ("second",)))
    standin.fates = {"train": Fate(3, ("error: the store is away",), earlier=earlier)}
    ended = here("submit", configuration)
    assert ended.code == 3
    assert ended.last_line == "error: the store is away"


@BOTH
def test_of_stages_side_by_side_each_has_its_own_error(standin, configuration, here):
    empty, away = Fate(2, ("error: train.csv is empty",)), Fate(3, ("error: the store is away",))
    standin.fates = {"ingest": replace(empty, earlier=(empty,)), "ingest-2": replace(away, earlier=(away,))}
    ended = here("submit", configuration, "--json")
    errors = {stage["name"]: stage["error"] for stage in ended.json["stages"] if stage["error"]}
    assert errors == {"ingest": "train.csv is empty", "ingest-2": "the store is away"}
    assert ended.code == 2


@BOTH
@pytest.mark.parametrize(
    ("fate", "words"),
    [
        (Fate(None, ("fitting",)), "stage train: killed: out of memory"),
        (
            Fate(None, ("fitting", f"{FATAL} failed to execute component: signal: killed")),
            "stage train: killed: out of memory",
        ),
        (
            Fate(None, (f"{FATAL} failed to execute component: no store",)),
            "error: stage train: KFP's launcher failed: no store",
        ),
        (
            Fate(None, (f"{FATAL} failed to create component launcher v2: x",)),
            "KFP's launcher failed: failed to create",
        ),
        (
            Fate(None, ("fitted", "I1122 22:43:54.835198      16 launcher_v2.go:206] publish success.")),
            "Argo's beside it",
        ),
        (Fate(2, log_kept=False), "left no log: its pod did not start"),
    ],
)
def test_a_stage_that_did_not_end_by_itself_is_an_outside_failure(standin, configuration, here, fate, words):
    standin.fates = {"train": fate}
    ended = here("submit", configuration)
    assert ended.code == 3
    assert words in ended.last_line


@BOTH
@pytest.mark.parametrize("kind", ["gateway", "error", "lost"])
def test_a_log_that_cannot_be_had_at_once_is_asked_for_again(standin, configuration, here, kind):
    standin.fates = {"train": Fate(2, ("error: column 'x' is absent",))}
    standin.faults = [Fault("GET", LOG, kind, times=2)]
    ended = here("submit", configuration)
    assert (ended.code, ended.last_line) == (2, "error: column 'x' is absent")


def test_a_succeeded_run_whose_log_is_gone_has_succeeded(standin, configuration, here):
    standin.fates = {"register": Fate(log_kept=False)}
    ended = here("submit", configuration, "--json")
    assert ended.code == 0
    assert (ended.json["version"], ended.json["metrics"]) == (None, {})


@BOTH
def test_a_run_that_someone_ends_is_canceled(standin, configuration, here):
    standin.on_run = lambda run: setattr(run, "canceled", True)
    ended = here("submit", configuration, "--json")
    assert (ended.code, ended.json["state"]) == (3, "canceled")
    assert ended.last_line == "error: the run was canceled on the server"
    assert "failed" not in {stage["state"] for stage in ended.json["stages"]}


def test_a_run_whose_history_does_not_have_its_end_is_canceled_where_that_was_seen(standin, configuration, here):
    def end(run):
        run.canceled = True
        run.history = [each for each in run.history if each["state"] != "CANCELING"]

    standin.on_run = end
    ended = here("submit", configuration, "--json")
    assert (ended.code, ended.json["state"]) == (3, "canceled")


def test_ctrl_c_stops_following_and_says_that_the_run_goes_on(standin, configuration):
    standin.stepping = False
    words = [NETANOMALY, "submit", configuration, "--host", standin.url, "--interval", "0.01"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=os.environ.copy()) as process:
        deadline = time.monotonic() + 30
        while standin.requests("GET", "/runs/") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "goes on" in said.splitlines()[-1]


def test_ctrl_c_while_the_run_is_made_says_what_to_look_for(standin, configuration):
    standin.faults = [Fault("POST", "/apis/v2beta1/runs$", "late", seconds=5)]
    words = [NETANOMALY, "submit", configuration, "--host", standin.url]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=os.environ.copy()) as process:
        deadline = time.monotonic() + 30
        while not standin.runs and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 143
    (run,) = standin.runs.values()
    assert f"run {run.request['display_name']!r} was being made" in said.splitlines()[-1]


@pytest.mark.parametrize("path", ["/healthz", "/pipelines/upload", "/experiments"])
def test_what_fails_before_the_run_is_said_to_have_made_none(standin, configuration, here, path):
    standin.faults = [Fault("GET", path, "error", times=9), Fault("POST", path, "error", times=9)]
    ended = here("submit", configuration)
    assert ended.code == 3
    assert ended.last_line.startswith("error: no run was made: ")


def test_the_servers_own_mlflow_plug_in_is_told_its_experiment_and_its_failure_repeated(standin, configuration, here):
    here("submit", configuration, "--no-wait")
    ended = here("submit", configuration, "--no-wait", "--mlflow-experiment", "traffic")
    without, run = standin.runs.values()
    assert "plugins_input" not in without.request
    assert run.request["plugins_input"] == {"mlflow": {"experiment_name": "traffic"}}
    assert (
        "warning: the server's MLflow plug-in does not show this run: MLflow config resolution failed" in ended.stderr
    )
    assert ended.code == 0


def test_where_mlflow_shows_the_run_is_printed_and_what_it_was_not_told(standin, configuration, here):
    tracked = {"tracking": {"url": "http://mlflow/#/experiments/1/runs/2", "version": 3, "warning": ""}}
    standin.fates = {
        "register": Fate(lines=(TOLD,)),
        "track": Fate(lines=(f"result: {json.dumps(tracked)}",)),
    }
    ended = here("submit", configuration)
    assert "mlflow      http://mlflow/#/experiments/1/runs/2" in ended.stdout
    assert "version 3" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "data_source=flows.csv"], "data_source is 'flows.csv', which no pod"),
        (["--set", 'data_source=["s3://a/b", "/data/c.csv"]'], "data_source is '/data/c.csv'"),
        (["--set", "evaluation_data_source=file:///data/c.csv"], "evaluation_data_source is 'file:///data/c.csv'"),
        (["--registry", "runs/registry"], "registry is 'runs/registry'"),
        (["--set", "registry=null"], "no registry is named"),
        (["--set", "alert_bugdet=1"], "did you mean 'alert_budget'"),
        (["--set", "model_type=ensembel"], "ensembel"),
        (["--parameter", "registri=x"], "no parameter 'registri'; did you mean 'registry'"),
        (["--parameter", "configuration={}"], "no parameter 'configuration'"),
        (["--run-name", "n" * 101], "has 101 characters"),
        (["--experiment", "netanomli"], "no experiment 'netanomli'"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(standin, configuration, here, arguments, words):
    ended = here("submit", configuration, *arguments)
    assert ended.code == 2
    assert words in ended.last_line
    assert standin.requests("POST", "") == 0


def test_a_large_configuration_is_refused(standin, configuration, here):
    columns = ",".join(f'"column_{number:05}"' for number in range(8000))
    ended = here("submit", configuration, "--set", f"feature_columns=[{columns}]")
    assert ended.code == 2
    assert "bytes; a cluster takes" in ended.last_line


def test_an_experiment_is_made_where_that_is_asked_for(standin, configuration, here):
    assert here("submit", configuration, "--no-wait", "--experiment", "mine", "--create-experiment").code == 0
    assert here("submit", configuration, "--no-wait", "--experiment", "mine").code == 0
    assert [item["display_name"] for item in standin.experiments.values()] == ["Default", "mine"]


def test_following_outlives_a_server_that_is_away_for_a_while(standin, configuration, here):
    standin.faults = [Fault("GET", "/runs/", "gateway", times=5, after=2), Fault("GET", "/runs/", "error", times=5)]
    assert here("submit", configuration).code == 0


def test_a_server_that_stays_away_is_given_up_and_the_run_named(standin, configuration, here):
    standin.faults = [Fault("GET", "/runs/", "error", times=100, after=2)]
    ended = here("submit", configuration, "--json")
    assert (ended.code, ended.json["state"]) == (3, "unknown")
    assert f"run {ended.json['run_id']} exists" in ended.last_line


def test_a_run_that_vanishes_is_said_to_be_gone(standin, configuration, here):
    standin.on_run = lambda run: standin.runs.pop(run.id) if run.step > 3 else None
    ended = here("submit", configuration)
    assert ended.code == 3
    assert "is gone: someone deleted it" in ended.last_line


def test_a_stage_that_fails_is_told_before_the_run_has_ended(standin, configuration, here):
    """The other stage beside it may go on for hours."""
    standin.fates = {"ingest": Fate(2, ("error: train.csv is empty",)), "ingest-2": Fate(looks=3)}
    told = []
    standin.on_run = lambda run: told.append(run.state)
    ended = here("submit", configuration)
    assert ended.code == 2
    assert "ingest: failed after" in ended.stderr
    assert "train.csv is empty" in ended.stderr


@BOTH
def test_rows_and_time_of_each_stage_are_told(standin, configuration, here):
    standin.fates = {
        "ingest": Fate(lines=("progress: 100 rows", "progress: 125973 rows")),
        "ingest-2": Fate(cached=True),
    }
    ended = here("submit", configuration, "--json")
    lines = ended.stderr.splitlines()
    assert [line for line in lines if line.startswith("ingest: ") and "125,973 rows" in line]
    assert "ingest-2: cached" in lines
    rows = {stage["name"]: stage["rows"] for stage in ended.json["stages"]}
    assert (rows["ingest"], rows["ingest-2"], rows["prepare"]) == (125973, None, None)


@BOTH
def test_an_attempt_that_failed_is_told_while_the_server_makes_another(standin, configuration, here):
    """On a server whose policy repeats failures, a user's error would show after all attempts only."""
    bad = Fate(2, ("error: column 'x' is absent",))
    standin.policy = "Always"
    standin.fates = {"train": replace(bad, earlier=(bad, bad), looks=3)}
    ended = here("submit", configuration)
    assert ended.code == 2
    told = [line for line in ended.stderr.splitlines() if line.startswith("train: waiting: an attempt failed")]
    assert len(told) == 1
    assert "column 'x' is absent" in told[0]
    assert ended.stderr.index(told[0]) < ended.stderr.index("train: failed")


@BOTH
@pytest.mark.parametrize("policy", ["", "OnError"])
def test_a_log_that_the_server_does_not_archive_is_read_by_the_apis_own_route(
    standin, through, configuration, here, policy
):
    """Through the UI's address there is none then: that is said, and not that the pod did not start."""
    standin.archives_logs, standin.policy = False, policy
    standin.fates = {"train": Fate(4, ("error: the data gate refused",))}
    ended = here("submit", configuration)
    if through == "api":
        assert (ended.code, ended.last_line) == (4, "error: the data gate refused")
    else:
        assert ended.code == 3
        assert f"its log could not be read through {standin.url}, so why is not known here" in ended.last_line
        assert "did not start" not in ended.last_line


@pytest.mark.parametrize("policy", ["", "OnError"])
@pytest.mark.parametrize("stage", ["prepare", "register"])
def test_a_pod_that_does_not_start_is_told_with_its_likely_reasons(
    standin, configuration, here, monkeypatch, policy, stage
):
    monkeypatch.setattr(waiting, "SECONDS_BEFORE_IT_IS_SAID", 0.1)
    standin.policy = policy
    standin.fates = {stage: Fate(starts=False)}
    ended = here("submit", configuration, "--wait-start", "0.5s", "--json")
    (run,) = standin.runs.values()
    assert ended.code == 3
    (told,) = [line for line in ended.stderr.splitlines() if line.startswith(f"{stage}: waiting: its pod has not")]
    for words in ("image cannot be pulled", "quota", "Pod Security", "no node has room"):
        assert words in told
    assert f"kubectl -n kubeflow describe pods -l pipeline/runid={run.id}" in told
    assert f"stage {stage} is given up" in ended.last_line
    assert f"run {run.id} goes on waiting" in ended.last_line
    assert (ended.json["state"], ended.json["exit_code"]) == ("waiting", 3)


def test_a_run_that_never_begins_is_told_too(standin, configuration, here):
    standin.stepping = False
    ended = here("submit", configuration, "--wait-start", "0.3s")
    assert ended.code == 3
    assert "the run is given up: KFP's first pod has not started" in ended.last_line


def test_a_stage_that_runs_for_long_is_not_taken_for_one_that_waits(standin, configuration, here, monkeypatch):
    monkeypatch.setattr(waiting, "SECONDS_BEFORE_IT_IS_SAID", 0.2)
    standin.fates = {"train": Fate(looks=60)}
    ended = here("submit", configuration, "--wait-start", "0.5s")
    assert ended.code == 0
    assert "waiting" not in ended.stderr


@pytest.mark.parametrize("text", ["soon", "0", "-1m", "10 minutes", ""])
def test_a_time_to_wait_is_refused_where_it_is_none(standin, configuration, here, text):
    ended = here("submit", configuration, "--wait-start", text)
    assert ended.code == 2
    assert "e.g. 90s, 10m or 1h" in ended.last_line
    assert standin.seen == []


TUNED: dict[str, Any] = {
    "outcome": "tuned",
    "reason": "trial 7 catches more on every fold",
    "counts": {"complete": 20, "stopped": 10, "failed": 2, "not_run": 0},
    "configuration": {"model_type": "knn", "knn_params": {"n_neighbors": 3}},
}


@pytest.mark.parametrize(
    ("pipeline", "stage"), [("training", "register"), ("training", "refused"), ("tuning", "tune-select")]
)
def test_what_a_search_came_to_is_printed_of_either_pipeline(standin, configuration, here, pipeline, stage):
    """Training with a tuning block is the tuned form's, whose name nobody has to say."""
    said = TUNED if pipeline == "tuning" else {"model_name": "office", **CAME_TO, "tuning": TUNED}
    refused = stage == "refused"
    lines = (f"result: {json.dumps(said)}", *(["error: a gate refused, nothing is registered: x"] if refused else []))
    standin.fates = {"register" if refused else stage: Fate(4 if refused else 0, lines)}
    wanted = ("--set", 'tuning={"trials": 32}', "--pipeline", pipeline)
    ended = here("submit", configuration, *wanted, "--json")
    assert ended.code == (4 if refused else 0)
    assert ended.json["tuning"] == TUNED
    assert ended.json["pipeline"] == ("netanomaly-tuning" if pipeline == "tuning" else "netanomaly-training-tuned")
    assert "tuned: trial 7 catches more on every fold" in (
        here("submit", configuration, *wanted).stdout or ended.stderr
    )


def test_data_that_a_tuned_training_refuses_is_told_by_plan(standin, configuration, here):
    lines = (f"result: {json.dumps(CAME_TO)}", "error: the data gate refused the data: x")
    standin.fates = {"tune-plan": Fate(4, lines)}
    ended = here("submit", configuration, "--set", 'tuning={"trials": 4}')
    assert (ended.code, ended.last_line) == (4, "error: the data gate refused the data: x")
    assert "12% of rows are duplicates" in ended.stderr


@pytest.mark.parametrize("block", ['{"trials": 100}', '{"space": {"model_type": ["knnn"]}}', '{"space": 3}'])
def test_a_tuning_block_that_cannot_be_searched_is_refused_before_anything_is_made(standin, configuration, here, block):
    ended = here("submit", configuration, "--set", f"tuning={block}")
    assert ended.code == 2
    assert "tuning" in ended.last_line
    assert standin.requests("POST", "") == 0
