"""A server that fails, breaks off or answers too late: nothing is made twice, and what exists is said."""

import time

import pytest
from netanomaly.cluster import runs
from netanomaly.cluster.access import Access, connect
from netanomaly.cluster.errors import NotFound
from netanomaly.cluster.pipelines import Version

from tests.cluster.faults import Fault

API = "/apis/v2beta1"
RUNS = f"^{API}/runs$"
RECURRING = f"^{API}/recurringruns$"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", RUNS, "lost"),
        Fault("POST", RUNS, "late", seconds=3),
        Fault("POST", RUNS, "failed"),
        Fault("POST", RUNS, "gateway"),
    ],
)
def test_a_run_whose_answer_is_lost_is_submitted_once(standin, configuration, here, fault):
    """Found by its name where it was made; where not, it is not submitted again, and the message says why."""
    made = fault.kind != "gateway"
    standin.faults = [fault]
    ended = here("submit", configuration, "--no-wait", "--timeout", "1")
    assert len(standin.runs) == made
    assert standin.requests("POST", RUNS) == 1
    assert ended.code == (0 if made else 3)
    if not made:
        assert "is not on the server, and may still come" in ended.last_line
        assert "office 1.0.0 20" in ended.last_line


def test_a_server_that_says_it_failed_is_asked_once_more(standin, configuration, here):
    standin.faults = [Fault("POST", RUNS, "error")]
    assert here("submit", configuration, "--no-wait").code == 0
    assert len(standin.runs) == 1


def test_a_server_that_fails_twice_is_left_and_no_run_is_claimed(standin, configuration, here):
    standin.faults = [Fault("POST", RUNS, "error", times=2)]
    ended = here("submit", configuration, "--no-wait", "--json")
    assert ended.code == 3
    assert "there is no run 'office 1.0.0 20" in ended.last_line
    assert ended.json["error"] in ended.last_line
    assert standin.requests("POST", RUNS) == 2


def test_whether_a_run_exists_is_not_claimed_where_it_cannot_be_known(standin, configuration, here):
    standin.faults = [Fault("POST", RUNS, "lost"), Fault("GET", rf"{API}/runs\?", "error", times=9)]
    ended = here("submit", configuration, "--no-wait")
    assert ended.code == 3
    assert "whether there is a run 'office 1.0.0 20" in ended.last_line
    assert standin.requests("POST", RUNS) == 1


def test_a_run_that_comes_after_it_was_given_up_is_the_only_one(standin, configuration, here):
    standin.faults = [Fault("POST", RUNS, "later", seconds=1.5)]
    ended = here("submit", configuration, "--no-wait")
    assert ended.code == 3
    assert "may still come" in ended.last_line
    assert come(lambda: len(standin.runs))
    assert standin.requests("POST", RUNS) == 1


def test_a_version_that_was_deleted_meanwhile_is_the_users_to_mend(standin):
    """The server says 500 where a thing that a request names is not there; asking again does not help."""
    server = connect(Access(standin.url)).server
    version = Version("0", "00000000-0000-0000-0000-000000000000", "gone", created=False)
    with pytest.raises(NotFound, match="PipelineVersion 0000"):
        runs.create(server, "office", next(iter(standin.experiments)), version.of_run, {}, seconds_between_looks=0.01)
    assert standin.requests("POST", RUNS) == 1


@pytest.mark.parametrize("route", ["upload", "upload_version"])
@pytest.mark.parametrize("kind", ["lost", "error", "failed", "gateway"])
def test_an_upload_whose_answer_is_lost_makes_one_version(standin, here, route, kind):
    standin.faults = [Fault("POST", rf"/pipelines/{route}\?", kind)]
    ended = here("upload", "--json")
    assert ended.code == 0
    assert len(standin.pipelines) == 1
    names = [version["name"] for version in standin.versions.values()]
    assert names == ["netanomaly-training", ended.json["pipeline_version"]]


@pytest.mark.parametrize("path", [r"/pipelines/upload\?", "/pipelines/upload_version", "/experiments"])
def test_another_who_was_first_is_no_harm(standin, configuration, here, path):
    """Both found nothing; the second is told that the name is taken, and takes what is there."""
    standin.faults = [Fault("POST", path, "second")]
    assert here("submit", configuration, "--no-wait").code == 0
    assert (len(standin.pipelines), len(standin.versions), len(standin.experiments)) == (1, 2, 2)


@pytest.mark.parametrize("kind", ["lost", "error"])
def test_an_experiment_is_made_once(standin, configuration, here, kind):
    standin.faults = [Fault("POST", "/experiments", kind)]
    ended = here("submit", configuration, "--no-wait")
    assert ended.code == (0 if kind == "lost" else 3)
    assert here("submit", configuration, "--no-wait").code == 0
    assert [item["display_name"] for item in standin.experiments.values()] == ["Default", "netanomaly"]


def nightly(here, configuration, cron="0 3 * * *", **options):
    return here("schedule", configuration, "--cron", cron, "--json", **options)


def come(happened):
    """Wait for what happens on the server."""
    deadline = time.monotonic() + 20
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.01)
    return happened()


def firing(standin):
    """What fires, and when."""
    found = [item for item in standin.recurring.values() if item["status"] == "ENABLED"]
    return sorted(item["trigger"]["cron_schedule"]["cron"] for item in found)


@pytest.mark.parametrize("kind", ["lost", "error", "failed", "gateway"])
def test_a_schedule_whose_answer_is_lost_is_made_once(standin, configuration, here, kind):
    standin.faults = [Fault("POST", RECURRING, kind)]
    first = nightly(here, configuration)
    assert first.code == (3 if kind == "gateway" else 0)
    assert nightly(here, configuration).code == 0
    assert firing(standin) == ["0 0 3 * * *"]
    assert len(standin.recurring) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ":disable"),
        ("POST", RECURRING),
        ("DELETE", "/recurringruns/"),
        ("GET", "/recurringruns"),
        ("POST", ":enable"),
    ],
)
@pytest.mark.parametrize("kind", ["lost", "error", "gateway", "page"])
def test_whatever_fails_while_a_schedule_is_replaced_it_never_fires_twice(
    standin, configuration, here, method, path, kind
):
    """Old and new fire at no moment together, and the same command again leaves the new one alone."""
    nightly(here, configuration)
    standin.faults = [Fault(method, path, kind, times=3)]
    ended = nightly(here, configuration, cron="0 4 * * *")
    assert ended.code in (0, 2, 3)
    assert firing(standin) in (["0 0 3 * * *"], ["0 0 4 * * *"], [])
    standin.faults = []
    assert nightly(here, configuration, cron="0 4 * * *").code == 0
    assert firing(standin) == ["0 0 4 * * *"]
    assert len(standin.recurring) == 1


def test_a_new_schedule_that_comes_after_it_was_given_up_fires_alone(standin, configuration, here):
    """The old one is not switched on again while it is not known whether there is a new one."""
    nightly(here, configuration)
    standin.faults = [Fault("POST", RECURRING, "later", seconds=1.5)]
    ended = nightly(here, configuration, cron="0 4 * * *")
    assert ended.code == 3
    assert "stands still until the same command succeeds" in ended.last_line
    assert come(lambda: len(standin.recurring) == 2)
    assert firing(standin) == ["0 0 4 * * *"]
    assert nightly(here, configuration, cron="0 4 * * *").code == 0
    assert len(standin.recurring) == 1


def test_a_replacement_that_the_server_refuses_leaves_the_old_schedule_running(standin, configuration, here):
    nightly(here, configuration)
    standin.faults = [Fault("POST", RECURRING, "error", status=400)]
    ended = nightly(here, configuration, cron="0 4 * * *")
    assert ended.code == 2
    assert "the schedule is as it was" in ended.last_line
    assert firing(standin) == ["0 0 3 * * *"]


@pytest.mark.parametrize("kind", ["lost", "error"])
def test_a_removal_whose_answer_is_lost_removes(standin, configuration, here, kind):
    nightly(here, configuration)
    standin.faults = [Fault("DELETE", "/recurringruns/", kind)]
    assert here("schedule", configuration, "--remove").code == 0
    assert standin.recurring == {}
