"""The stand-in answers as the recorded server did: every recorded request is put to it, in the recorded order."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import kfp
import pytest
import urllib3
from netanomaly.cli.compile import compiled_file

from tests.cluster.standin import Answer, StandIn
from tests.cluster.standin_http import serve
from tests.cluster.standin_runs import Fate

RECORDED = json.loads((Path(__file__).parent / "recorded" / "kfp-2.17.0-http.json").read_text(encoding="utf-8"))

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_CUT = re.compile(r" ?\.\.\.\[stack trace cut\]")
_MEANT = ("code", "state", "storage_state", "status", "mode", "multi_user", "cron", "max_concurrency", "no_catchup")

_ONE_TASK: dict = {"root": {"dag": {"tasks": {"look": {}}}}}
_FAILING = {
    "root": {
        "dag": {"tasks": {"fail": {}, "note": {"dependentTasks": ["fail"]}}},
        "inputDefinitions": {"parameters": {"code": {"parameterType": "NUMBER_INTEGER"}}},
    }
}
_RETRIED_RUN, _DEFAULT = "17451949-ddc4-49e9-8a86-ac72071e88c8", "c3d807b3-97f5-4067-ae8e-6324b541ac8f"


def test_every_recorded_request_is_answered_as_it_was():
    """Status, type, fields, states and messages are the recorded ones; ids and times are its own."""
    # The recorded server had no policy of its own for retries.
    standin = StandIn(fates={"look": Fate(code=2), "fail": Fate(code=2)}, stepping=False, policy="")
    known = {_DEFAULT: next(iter(standin.experiments))}
    standin.create_experiment({}, {"display_name": "another"})
    known |= _with_a_run_that_failed_three_times(standin)
    differences = {}
    with serve(standin):
        for entry in RECORDED:
            _let_time_pass(standin, entry["name"])
            answer = _ask(standin, entry, known)
            document = answer.json() if answer.data.startswith(b"{") else answer.data.decode()
            found = [] if answer.status == entry["status"] else [f"status {answer.status}, not {entry['status']}"]
            if answer.headers["Content-Type"] != entry.get("content_type", "application/json"):
                found.append(f"type {answer.headers['Content-Type']}")
            found += _differences([entry["response"]], document, known)
            if found:
                differences[entry["name"]] = found
    assert not differences


@pytest.mark.filterwarnings("ignore:This client only works:FutureWarning")
def test_the_kfp_client_takes_it_for_a_server(standin):
    """Its generated classes read every answer; the pipeline of this package runs from a file and by the clock."""
    client = kfp.Client(host=standin.url)
    given = {"configuration": {"model_name": "office"}}
    path = str(compiled_file())
    submitted = client.create_run_from_pipeline_package(path, given, experiment_name="theirs")
    ended = client.wait_for_run_completion(submitted.run_id, timeout=30, sleep_duration=0)
    assert (ended.state, ended.experiment_id) == ("SUCCEEDED", submitted.run_info.experiment_id)
    assert {detail.display_name for detail in ended.run_details.task_details} >= {"prepare", "register", "root"}
    pipeline = client.upload_pipeline(path, "theirs")
    (version,) = client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions
    made = client.create_recurring_run(
        ended.experiment_id,
        "nightly",
        cron_expression="0 0 3 * * *",
        pipeline_id=pipeline.pipeline_id,
        version_id=version.pipeline_version_id,
        params=given,
        no_catchup=True,
        max_concurrency="1",
    )
    (listed,) = client.list_recurring_runs().recurring_runs
    assert (listed.recurring_run_id, listed.trigger.cron_schedule.cron) == (made.recurring_run_id, "0 0 3 * * *")


def test_a_filter_for_an_unknown_field_is_refused():
    standin = StandIn()
    with serve(standin):
        wrong = json.dumps({"predicates": [{"operation": "EQUALS", "key": "colour", "string_value": "x"}]})
        url = f"{standin.url}/apis/v2beta1/experiments"
        assert urllib3.request("GET", url, fields={"filter": wrong}).status == 400


def _with_a_run_that_failed_three_times(standin: StandIn) -> dict[str, str]:
    """The recording begins after that run: it is made beforehand, with what its logs are recorded under."""
    fates = dict(standin.fates)
    attempt = Fate(code=2, lines=("data.csv line 7: text in a numeric column",))
    standin.fates = {"fail": replace(attempt, earlier=(attempt, attempt))}
    body = {"display_name": "p3", "experiment_id": next(iter(standin.experiments)), "pipeline_spec": _FAILING}
    made = standin.create_run({}, body)["run_id"]
    run = standin.runs[made]
    while run.state != "FAILED":
        run.take_step()
    standin.fates = fates
    log = next(node for node in run.logs)
    return {_RETRIED_RUN: made, "failing-58pql-1461398388": log, "failing-58pql-1690039556": "none"}


def _let_time_pass(standin: StandIn, name: str) -> None:
    """Bring the runs to where they were when they were recorded."""
    runs = {run.request["display_name"]: run for run in standin.runs.values()}
    if name == "run get, running":
        for _ in range(3):
            runs["rec-run"].take_step()
    if name in ("run get, succeeded", "run get, failed"):
        for run in runs.values():
            while run.state != "FAILED":
                run.take_step()
    if name == "run terminate":
        runs["rec-run-3"].take_step()
    if name == "run get, terminating":
        # It was shown as canceling before its history had it.
        runs["rec-run-3"].state = "CANCELING"
    if name == "run get, terminated":
        run = runs["rec-run-3"]
        run.canceled = False
        run.take_step()
        run.become("CANCELING")


def _ask(standin: StandIn, entry: dict, known: dict[str, str]) -> urllib3.BaseHTTPResponse:
    path = _translated(entry["path"], known)
    body = entry["request"]
    if isinstance(body, dict) and "multipart" in body:
        text = "no pipeline" if "not a pipeline" in entry["name"] else json.dumps(_ONE_TASK)
        return urllib3.request("POST", standin.url + path, fields={"uploadfile": ("p.yaml", text)})
    if body is None:
        return urllib3.request(entry["method"], standin.url + path)
    body = json.loads(_translated(json.dumps(body), known))
    if "pipeline_spec" in body:
        body["pipeline_spec"] = _FAILING
    if "600" in entry["name"]:
        body["display_name"] = "n" * 600
    return urllib3.request(entry["method"], standin.url + path, json=body)


def _translated(text: str, known: dict[str, str]) -> str:
    for recorded, own in known.items():
        text = text.replace(recorded, own)
    return text


def _differences(recorded: list[Any], found: Any, known: dict[str, str], where: str = "") -> list[str]:
    """What is otherwise than in any of the recorded values that stand at this place."""
    if where.endswith("pipeline_spec"):
        # Its text was replaced in the recording.
        return []
    first = recorded[0]
    if isinstance(first, dict):
        if not isinstance(found, dict):
            return [f"{where} is no object"]
        required = set.intersection(*(set(each) for each in recorded))
        wrong = [f"{where}.{name} is missing" for name in required - found.keys()]
        for name in found:
            values = [each[name] for each in recorded if name in each]
            wrong += (
                _differences(values, found[name], known, f"{where}.{name}") if values else [f"{where}.{name} is more"]
            )
        return wrong
    if isinstance(first, list):
        items = [item for each in recorded for item in each]
        if not isinstance(found, list) or bool(items) != bool(found):
            return [f"{where} is no list, or empty"]
        return [each for item in found for each in _differences(items, item, known, where)]
    if isinstance(first, str):
        return _of_texts(recorded, found, known, where)
    return [] if found in recorded else [f"{where} is {found!r}, not {recorded!r}"]


def _of_texts(recorded: list[str], found: Any, known: dict[str, str], where: str) -> list[str]:
    first, name = recorded[0], where.rsplit(".", 1)[-1]
    if not isinstance(found, str):
        return [f"{where} is no text"]
    if _UUID.fullmatch(first):
        known.setdefault(first, found)
        return [] if _UUID.fullmatch(found) else [f"{where} is no id"]
    if _TIME.fullmatch(first):
        # 1970 and year 1 stand for what has not happened.
        same = _TIME.fullmatch(found) and any((each < "2000") == (found < "2000") for each in recorded)
        return [] if same else [f"{where} is {found}, not {first}"]
    if name in ("message", "error_message") and "NoSuchKey" not in first:
        begins = _translated(_CUT.split(first)[0], known)
        same = found.startswith(begins) if _CUT.search(first) else found == begins
        return [] if same else [f"{where} is {found!r}, not {begins!r}"]
    return [] if name not in _MEANT or found in recorded else [f"{where} is {found!r}, not {recorded!r}"]


@pytest.mark.parametrize("name", ["log of a failed stage"])
def test_a_recorded_log_is_of_the_shape_that_the_stand_in_writes(name):
    """The lines that are read from a log are in both: the stage's own, the artefact's path, the exit code last."""
    recorded = next(entry["response"] for entry in RECORDED if entry["name"] == name)
    standin = StandIn(policy="")
    known = _with_a_run_that_failed_three_times(standin)
    (log, *_) = standin.runs[known[_RETRIED_RUN]].logs.values()
    for text in (recorded, log):
        assert re.search(r"(?m)^data.csv line 7: ", text)
        assert re.search(rf"/({_UUID.pattern})/fail/{_UUID.pattern}/executor-logs", text)
        assert re.search(
            r"^F\d{4} [\d:.]+ +\d+ main.go:59\] failed to execute component: exit status 2$",
            text.strip().splitlines()[-1],
        )


# What a server of 2.17.0 with its stock manifests was seen to do, beyond what was recorded.

_LINE = {"root": {"dag": {"tasks": {"look": {}, "note": {"dependentTasks": ["look"]}}}}}


def _run(standin: StandIn, **fates: Fate) -> Any:
    standin.fates = fates
    body = {"display_name": "seen", "experiment_id": next(iter(standin.experiments)), "pipeline_spec": _LINE}
    return standin.runs[standin.create_run({}, body)["run_id"]]


def _to_the_end(run: Any) -> dict[str, Any]:
    while not run.ended:
        run.take_step()
    return run.document()


def _details(run: Any) -> list[dict[str, Any]]:
    return run.document()["run_details"]["task_details"]


def test_the_uis_server_lets_through_what_is_v1beta1_or_v2beta1_and_no_log_of_the_apis_own_route():
    standin = StandIn()
    run = _run(standin, look=Fate(2, ("error: x",)))
    _to_the_end(run)
    node = next(iter(run.logs))
    archived = f"/apis/v2beta1/runs/{run.id}/nodes/{node}/artifacts/main-logs:read"
    own = f"/apis/v1alpha1/runs/{run.id}/nodes/{node}/log"
    with serve(standin):
        text = urllib3.request("GET", standin.url + own).data.decode()
        assert "error: x" in text
        assert base64.b64decode(urllib3.request("GET", standin.url + archived).json()["data"]).decode() == text
    with serve(standin, ui=True):
        assert base64.b64decode(urllib3.request("GET", standin.url + archived).json()["data"]).decode() == text
        assert urllib3.request("GET", standin.url + own).status == 404
        assert urllib3.request("GET", f"{standin.url}/apis/v2beta1/healthz").status == 200


def test_with_the_stock_retry_policy_each_node_is_there_twice_and_some_entries_say_nothing():
    run = _run(StandIn())
    _to_the_end(run)
    names = [detail["display_name"] for detail in _details(run) if "display_name" in detail]
    assert {"root(0)", "look(0)", "executor(0)", "look-driver(0)"} < set(names)
    nameless = [detail for detail in _details(run) if "display_name" not in detail]
    assert nameless
    assert all("state" not in detail and "execution_id" in detail for detail in nameless)


def test_a_run_that_was_terminated_ends_as_failed_and_only_its_history_says_why():
    standin = StandIn()
    run = _run(standin)
    for _ in range(3):
        run.take_step()
    standin.terminate_run({}, {}, run.id)
    document = _to_the_end(run)
    assert document["state"] == "FAILED"
    assert "CANCELING" in [each["state"] for each in document["state_history"]]


def test_a_pod_that_does_not_start_is_pending_and_nothing_else_is_said():
    run = _run(StandIn(), look=Fate(starts=False))
    for _ in range(20):
        run.take_step()
    executors = [detail for detail in _details(run) if str(detail.get("display_name")).startswith("executor")]
    assert {detail["state"] for detail in executors} == {"PENDING"}
    assert not {"error", "message"} & set().union(*executors)


def test_deleting_a_recurring_run_leaves_its_run_running_for_ever_and_it_cannot_be_terminated():
    standin = StandIn()
    standin.versions["v"] = standin.specs["v"] = _LINE
    body: dict[str, Any] = {
        "display_name": "nightly",
        "experiment_id": next(iter(standin.experiments)),
        "mode": "ENABLE",
    }
    body |= {"max_concurrency": "1", "no_catchup": True, "pipeline_version_reference": {"pipeline_version_id": "v"}}
    key = standin.create_recurring({}, body)["recurring_run_id"]
    run = standin.fire(key)
    for _ in range(3):
        run.take_step()
    standin.delete_recurring({}, {}, key)
    for _ in range(20):
        run.take_step()
    assert run.state == "RUNNING"
    with pytest.raises(Answer) as told:
        standin.terminate_run({}, {}, run.id)
    assert told.value.status == 500
