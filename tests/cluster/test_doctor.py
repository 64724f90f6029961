"""`netanomaly doctor`: what it says of a cluster that is well, and of each thing that may be wrong with one."""

import json

import pytest
from netanomaly.cluster import doctor
from netanomaly.errors import OutsideError

from tests.cluster.faults import Fault
from tests.cluster.standin_runs import Fate
from tests.command import netanomaly

NAMES = ["pod", "Secret", "ConfigMap", "bucket", "registry"]


def told(count, *more):
    """The log of the task that came so far."""
    checks = [{"name": name, "ok": True, "said": f"{name} is well"} for name in NAMES[:count]]
    return (f"result: {json.dumps({'checks': checks})}", *more)


def marks(ended):
    return {line.split()[0]: line.split()[1] for line in ended.stdout.splitlines()}


# The API's own address, and that of the UI's server.
BOTH = pytest.mark.parametrize("through", ["api", "ui"], indirect=True)


@BOTH
def test_a_cluster_that_is_well_is_said_to_be(standin, here):
    standin.tag_name = "2.17.0"
    standin.fates = {"check": Fate(lines=told(5))}
    ended = here("doctor")
    assert ended.code == 0, ended.stderr
    assert marks(ended) == dict.fromkeys(["server", "namespace", "run", "start", *NAMES], "ok")
    assert "answers: Kubeflow Pipelines 2.17.0" in ended.stdout
    (run,) = standin.runs.values()
    assert run.request["runtime_config"]["parameters"] == {
        "registry": "s3://netanomaly/registry",
        "object_store": "netanomaly-object-store",
    }
    # It leaves no pipeline behind.
    assert standin.pipelines == {}


def test_the_document_has_each_check(standin, here):
    standin.fates = {"check": Fate(lines=told(5))}
    document = here("doctor", "--json").json
    (run,) = standin.runs.values()
    assert (document["state"], document["exit_code"], document["run_id"]) == ("ok", 0, run.id)
    assert [check["name"] for check in document["checks"]] == ["server", "namespace", "run", "start", *NAMES]


@BOTH
@pytest.mark.parametrize(
    ("count", "error", "code", "failed", "to_do"),
    [
        (2, "no credentials for http://seaweedfs.kubeflow:9000; give", 2, "ConfigMap", "create secret generic"),
        (3, "the bucket of s3://netanomaly/registry does not exist at http://s", 2, "bucket", "bucket job makes it"),
        (3, "http://s:9000 cannot be reached (refused)", 3, "bucket", "S3_ENDPOINT_URL in the ConfigMap"),
        (4, "the credentials may not write s3://netanomaly/registry/x", 2, "registry", "the policy that stages need"),
        (1, "Secret netanomaly-object-store has AWS_ACCESS_KEY_ID and no", 2, "Secret", "create secret generic"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(standin, here, count, error, code, failed, to_do):
    standin.fates = {"check": Fate(code, told(count, f"error: {error}"))}
    ended = here("doctor")
    assert ended.code == code
    assert ended.last_line == f"error: {error}"
    assert to_do in ended.stderr
    assert marks(ended)[failed] == "FAILED"
    after = NAMES[NAMES.index(failed) + 1 :]
    assert {marks(ended)[name] for name in after} <= {"-"}


def test_a_pod_that_does_not_start_is_given_up_and_its_run_canceled(standin, here, monkeypatch):
    monkeypatch.setattr(doctor, "SECONDS_TO_START", 0.3)
    standin.fates = {"check": Fate(starts=False)}
    ended = here("doctor")
    (run,) = standin.runs.values()
    assert ended.code == 3
    assert "its image cannot be pulled" in ended.last_line
    assert "`make push`" in ended.stderr
    assert marks(ended)["start"] == "FAILED"
    assert run.canceled


def test_a_run_that_hangs_is_given_up(standin, here, monkeypatch):
    monkeypatch.setattr(doctor, "SECONDS_IN_ALL", 0.3)
    standin.fates = {"check": Fate(looks=10_000)}
    ended = here("doctor")
    assert ended.code == 3
    assert "has not ended after 0 s" in ended.last_line
    assert next(iter(standin.runs.values())).canceled


def test_it_takes_less_than_two_minutes_whatever_happens():
    assert doctor.SECONDS_TO_START < doctor.SECONDS_IN_ALL < 120


def test_a_server_that_refuses_runs_is_told(standin, here):
    standin.faults = [Fault("POST", "/apis/v2beta1/runs$", "error", status=403)]
    ended = here("doctor")
    assert ended.code == 2
    assert marks(ended)["run"] == "FAILED"


def test_of_a_server_that_goes_away_no_word_is_said_about_the_object_store(standin, here, monkeypatch):
    def lost(*_, **__):
        raise OutsideError("http://kfp cannot be reached (refused)")

    monkeypatch.setattr(doctor, "follow", lost)
    document = here("doctor", "--json").json
    assert (document["exit_code"], document["error"]) == (3, "http://kfp cannot be reached (refused)")
    assert document["to_do"] is None


def test_without_a_server_it_looks_at_this_machine():
    ended = netanomaly("doctor", "--json", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert ended.code == 0
    checks = {check["name"]: check for check in ended.json["checks"]}
    assert checks["netanomaly"]["ok"]
    assert checks["Docker"]["ok"] is None
    assert "does without" in checks["Docker"]["said"]
