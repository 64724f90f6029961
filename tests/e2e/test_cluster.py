"""The pipeline on a real Kubernetes with Kubeflow Pipelines: `make kind-e2e`, or any cluster that docs/cluster.md tells
these tests of. They take minutes each, most of it KFP's own pods."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kfp
import pytest
from kubernetes import client as kubernetes
from kubernetes import config as kubernetes_config
from minio import Minio
from netanomaly import images

from tests.command import ROOT, netanomaly
from tests.e2e import kfp_metadata
from tests.e2e.cluster import DETOUR, Cluster, environment, until, written

pytestmark = [
    pytest.mark.xdist_group("cluster"),
    # kfp's client says at every start that it knows no server older than 2.0.
    pytest.mark.filterwarnings("ignore:This client only works with Kubeflow Pipeline:FutureWarning"),
]
DATA = ROOT / "configs/data/nsl-kdd"
NEEDED = ("NETANOMALY_KFP_HOST", "S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
LONG = 1800
ENDED = ("SUCCEEDED", "FAILED", "CANCELED")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    missing = [name for name in NEEDED if not environment(name)]
    if missing:
        pytest.skip(f"not proven, no cluster: {', '.join(missing)} not set; `make kind-e2e`, or docs/cluster.md")
    kubernetes_config.load_config()
    store = urlsplit(environment("S3_ENDPOINT_URL"))
    client = Minio(
        endpoint=store.netloc,
        access_key=environment("AWS_ACCESS_KEY_ID"),
        secret_key=environment("AWS_SECRET_ACCESS_KEY"),
        region=environment("AWS_REGION", "us-east-1"),
        secure=store.scheme == "https",
    )
    bucket, prefix = environment("NETANOMALY_E2E_BUCKET", "netanomaly"), f"e2e/{secrets.token_hex(4)}"
    for path in [*DATA.glob("*.xz")]:
        client.fput_object(bucket, f"{prefix}/data/{path.name}", str(path))
    broken = ROOT / "README.md"
    client.fput_object(bucket, f"{prefix}/data/broken.csv", str(broken))
    host = environment("NETANOMALY_KFP_HOST").rstrip("/")
    yield Cluster(
        host=host,
        ui=environment("NETANOMALY_KFP_UI", host),
        namespace=environment("NETANOMALY_KFP_NAMESPACE", "kubeflow"),
        system=environment("NETANOMALY_KFP_SYSTEM", "kubeflow"),
        data=f"s3://{bucket}/{prefix}/data",
        registry=f"s3://{bucket}/{prefix}/registry",
        core=kubernetes.CoreV1Api(),
        network=kubernetes.NetworkingV1Api(),
    )
    for found in client.list_objects(bucket, prefix=prefix, recursive=True):
        client.remove_object(bucket, str(found.object_name))


@pytest.fixture(scope="module")
def configuration(cluster) -> dict[str, Any]:
    """The demo, its data in the object store, and a seed that no earlier run can have left results of."""
    document = json.loads((ROOT / "configs/nsl-kdd.json").read_text())
    for name in ("data_source", "evaluation_data_source"):
        document[name] = f"{cluster.data}/{Path(document[name]).name}"
    return {**document, "registry": cluster.registry, "random_state": secrets.randbelow(1 << 31)}


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> str:
    """The compiled pipeline with complete image references."""
    ended = netanomaly("compile", "--out", tmp_path_factory.mktemp("compiled"))
    assert ended.code == 0, ended.stderr
    return ended.stdout.strip()


@pytest.fixture(scope="module")
def demo(cluster, configuration, tmp_path_factory):
    return cluster.submit(written(configuration, tmp_path_factory.mktemp("demo")))


@pytest.fixture(scope="module")
def demo_pods(demo, cluster):
    """Asked for at once: an hour after its end KFP deletes a run's workflow, and the pods with it."""
    return cluster.pods(demo.json["run_id"])


@pytest.fixture(scope="module")
def again(demo, demo_pods, cluster, configuration, tmp_path_factory):
    assert demo.code == 0, demo.stderr
    return cluster.submit(written(configuration, tmp_path_factory.mktemp("again")))


def register_image() -> str:
    return images.reference("register", environment("NETANOMALY_IMAGE_PREFIX", images.DEFAULT_PREFIX))


def by_client(cluster: Cluster, package: str, configuration: dict[str, Any], **more: Any) -> str:
    """A run as kfp's own client starts it; its id."""
    arguments = {"configuration": configuration, **more.pop("arguments", {})}
    client = kfp.Client(host=cluster.host, namespace=cluster.namespace)
    return str(client.create_run_from_pipeline_package(package, arguments=arguments, **more).run_id)


def ended(cluster: Cluster, run_id: str) -> str:
    """The state that a run ends with."""
    until(lambda: cluster.api(f"runs/{run_id}").get("state") in ENDED, LONG)
    return str(cluster.api(f"runs/{run_id}")["state"])


def test_1_the_demo_registers_version_1_and_again_version_2_with_the_cache_hit_where_it_should(demo, again, cluster):
    assert (demo.code, again.code) == (0, 0), demo.stderr + again.stderr
    assert {str(run.json["state"]).lower() for run in (demo, again)} == {"succeeded"}
    assert cluster.versions() == [1, 2]
    assert (demo.json["version"], again.json["version"]) == (1, 2)
    assert demo.json["metrics"]["roc_auc"] > 0.9
    assert cluster.executed(demo.json["run_id"]) == 7
    # The champion is another than in the first run: evaluated and registered anew, after prepare, which is not cached.
    assert cluster.executed(again.json["run_id"]) == 3


def test_2_of_two_runs_submitted_together_none_is_lost(again, cluster, configuration, tmp_path):
    before = len(cluster.versions())
    config = written(configuration, tmp_path)
    with ThreadPoolExecutor(2) as both:
        runs = list(both.map(lambda _: cluster.submit(config), range(2)))
    assert [run.code for run in runs] == [0, 0], runs
    assert len({run.json["run_id"] for run in runs}) == 2
    assert len(cluster.versions()) == before + 2


def test_3_bad_data_fails_the_run_with_the_stages_clear_line_and_code_and_registers_nothing(
    again, cluster, configuration, tmp_path
):
    before = cluster.versions()
    bad = {**configuration, "data_source": f"{cluster.data}/broken.csv"}
    run = cluster.submit(written(bad, tmp_path))
    assert run.code == 2, run.stderr
    assert "broken.csv" in run.last_line
    assert cluster.api(f"runs/{run.json['run_id']}")["state"] == "FAILED"
    assert cluster.versions() == before


@contextmanager
def register_without_its_store(
    cluster: Cluster, package: str, configuration: dict[str, Any]
) -> Iterator[tuple[str, Callable[[bool], None]]]:
    """A run whose register stage runs while its store is away: its id, and what opens the way to the store again."""
    with cluster.detour(register_image()) as opened:
        run_id = by_client(cluster, package, configuration, arguments={"object_store": DETOUR})
        # evaluate, which asks the store, comes just before; register's own pod some ten seconds later.
        until(lambda: any(pod.status.phase == "Succeeded" for pod in cluster.pods(run_id, "evaluate")), LONG)
        opened(False)
        until(lambda: any(pod.status.phase == "Running" for pod in cluster.pods(run_id, "register")), 300)
        yield run_id, opened


@pytest.mark.parametrize("fate", ["failed", "deleted"])
def test_4_register_ended_in_the_middle_is_repeated_where_the_server_does_so_and_registers_at_most_one_version(
    again, cluster, configuration, package, fate
):
    """Stock 2.17.0 repeats tasks whose pod was deleted, and never one that failed; older ones repeat neither."""
    registry = f"{cluster.registry}-{fate}"
    wanted = {**configuration, "registry": registry}
    with register_without_its_store(cluster, package, wanted) as (run_id, opened):
        (pod,) = cluster.pods(run_id, "register")
        if fate == "failed":
            until(lambda: cluster.kill(pod.metadata.name, "netanomaly.stages.register"), 60)
        else:
            assert cluster.delete(pod.metadata.name)
        opened(True)
        repeated = fate in cluster.repeats()
        if not repeated:
            # Nobody waits for an attempt that does not come.
            until(lambda: cluster.api(f"runs/{run_id}").get("state") == "FAILED", 90)
        assert ended(cluster, run_id) == ("SUCCEEDED" if repeated else "FAILED")
    assert cluster.versions(registry) == ([1] if repeated else [])


def test_5_a_gate_that_refuses_fails_the_run_with_code_4_and_leaves_its_decision(
    again, cluster, configuration, tmp_path
):
    before = cluster.versions()
    run = cluster.submit(written({**configuration, "gates": {"min_roc_auc": 0.9999}}, tmp_path))
    assert run.code == 4, run.stderr
    assert "min_roc_auc" in run.last_line
    assert cluster.versions() == before
    shown = {each.name: each for each in kfp_metadata.artifacts(cluster.ui, run.json["run_id"])}
    assert shown["decision_note"].metadata["decision"] == "reject"
    assert "registered" not in shown


def test_6_a_schedule_is_made_once_replaced_fires_and_is_removed(again, cluster, configuration, tmp_path):
    config = written({**configuration, "model_name": f"nightly_{secrets.token_hex(3)}"}, tmp_path)

    def schedules() -> dict[str, str]:
        found = cluster.api("recurringruns", namespace=cluster.namespace, page_size="200").get("recurringRuns", [])
        return {each["recurring_run_id"]: each["trigger"].get("cron_schedule", {}).get("cron", "") for each in found}

    before = schedules()

    def scheduled(cron: str, zone: str) -> dict[str, str]:
        made = cluster.schedule(config, "--cron", cron, "--timezone", zone)
        assert made.code == 0, made.stderr
        return {key: value for key, value in schedules().items() if key not in before}

    once = scheduled("0 3 * * *", "UTC")
    assert list(once.values()) == ["0 0 3 * * *"]
    assert scheduled("0 3 * * *", "UTC") == once
    # The server's clock is UTC: summer and winter of a zone are entries of their own.
    elsewhere = scheduled("0 3 * * *", "Europe/Berlin")
    assert set(elsewhere.values()) == {"0 0 1 * * *", "0 0 2 * * *"}
    assert not once.keys() & elsewhere.keys()
    every_minute = scheduled("* * * * *", "Europe/Berlin")
    assert list(every_minute.values()) == ["0 * * * * *"]
    (schedule,) = every_minute

    def fired() -> list[str]:
        runs = cluster.api("runs", namespace=cluster.namespace, page_size="50", sort_by="created_at desc")
        return [run["run_id"] for run in runs.get("runs", []) if run.get("recurring_run_id") == schedule]

    until(fired, 180)
    # Removing it would kill the run that it has going: it is switched off.
    removed = cluster.schedule(config, "--remove")
    assert removed.code == 0, removed.stderr
    (run_id, *_) = fired()
    if removed.json["state"] == "switched off":
        assert schedules().keys() - before.keys() == {schedule}
        assert run_id in removed.json["left"][0]["runs"]
        assert cluster.api(f"runs/{run_id}").get("state") in ("PENDING", "RUNNING")
        now = cluster.schedule(config, "--remove", "--now")
        assert now.code == 0, now.stderr
    assert schedules() == before
    until(lambda: all(cluster.api(f"runs/{each}").get("state") in ENDED for each in fired()), 180)


def test_7_the_namespace_is_restricted_and_every_stage_ran_in_it(demo_pods, cluster):
    labels = cluster.core.read_namespace(cluster.namespace).metadata.labels
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    # Nothing is deployed, so the branch that would has no pod.
    ran = {"prepare", "ingest", "validate", "train", "evaluate", "register", "track"}
    assert {pod.metadata.labels["app.kubernetes.io/component"] for pod in demo_pods} == ran
    for pod in demo_pods:
        (stage,) = (container for container in pod.spec.containers if container.name == "main")
        assert stage.security_context.run_as_non_root
        assert stage.security_context.capabilities.drop == ["ALL"]


def test_8_a_store_that_is_away_for_a_minute_is_waited_for(again, cluster, configuration, package):
    registry = f"{cluster.registry}-away"
    wanted = {**configuration, "registry": registry}
    with register_without_its_store(cluster, package, wanted) as (run_id, opened):
        # The outage itself: nothing tells when a minute is over.
        time.sleep(60)
        opened(True)
        assert ended(cluster, run_id) == "SUCCEEDED"
    assert cluster.versions(registry) == [1]


def test_9_metrics_curves_reports_and_the_version_are_there_for_the_ui(demo, cluster):
    shown = {each.name: each for each in kfp_metadata.artifacts(cluster.ui, demo.json["run_id"])}
    assert shown["metrics"].type == "system.Metrics"
    assert shown["metrics"].metadata["roc_auc"] > 0.9
    curves = shown["classification_metrics"]
    assert curves.type == "system.ClassificationMetrics"
    assert {"confidenceMetrics", "confusionMatrix"} <= set(curves.metadata)
    assert shown["report"].type == shown["data_report"].type == "system.HTML"
    assert shown["decision_note"].type == "system.Markdown"
    assert shown["registered"].metadata["registered_version"] == 1
    assert str(shown["model"].metadata["digest"]).startswith("sha256:")
    assert shown["flows"].metadata["rows"] > 0


def test_a_run_needs_no_more_rights_than_those_of_our_own_service_account(again, cluster, configuration, package):
    before = len(cluster.versions())
    run_id = by_client(cluster, package, configuration, service_account="netanomaly-runner", enable_caching=False)
    assert ended(cluster, run_id) == "SUCCEEDED"
    assert len(cluster.versions()) == before + 1


def test_b_doctor_finds_the_cluster_well_in_under_two_minutes_and_says_what_is_not(cluster):
    began = time.monotonic()
    well = cluster.doctor(cluster.registry)
    assert well.code == 0, well.stderr
    assert time.monotonic() - began < 120
    assert all(check["ok"] for check in well.json["checks"] if check["name"] != "server"), well.json
    bucket = f"not-there-{secrets.token_hex(4)}"
    ill = cluster.doctor(f"s3://{bucket}/registry")
    assert ill.code == 2, ill.stderr
    assert f"the bucket of s3://{bucket}/registry does not exist" in ill.last_line
