"""The manifests as kubectl renders them: valid, locked down, and in step with the compiled pipeline."""

import re
import shutil
import subprocess
from typing import Any

import kubernetes_validate
import pytest
import yaml
from netanomaly import __version__
from netanomaly.tracking.access import CREDENTIALS

from pipelines import cluster
from tests import tools
from tests.command import COMPILED, ROOT

MANIFESTS = ROOT / "manifests"
OVERLAYS = sorted(path.name for path in (MANIFESTS / "overlays").iterdir())
NEWEST = ".".join(kubernetes_validate.latest_version().split(".")[:2])
FILLED_IN = "kTvTvTvGgGgG"


@pytest.fixture(scope="session", params=OVERLAYS)
def overlay(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def rendered(overlay, tmp_path_factory) -> list[dict[str, Any]]:
    copy = tmp_path_factory.mktemp("manifests") / "manifests"
    shutil.copytree(MANIFESTS, copy)
    (copy / "overlays/kind/object-store.env").write_text(f"AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY={FILLED_IN}\n")
    text = tools.kustomized(copy / "overlays" / overlay)
    if text is None:
        pytest.skip(
            "not proven: neither kubectl nor kustomize is here (`make test-tools` builds one where there is Go)"
        )
    return list(yaml.safe_load_all(text))


def one(rendered: list[dict[str, Any]], kind: str, name: str = "") -> dict[str, Any]:
    (found,) = (each for each in rendered if each["kind"] == kind and name in each["metadata"]["name"])
    return found


def pods(rendered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each["spec"]["template"]["spec"] for each in rendered if "template" in each.get("spec", {})]


def labels_of_stages() -> list[dict[str, str]]:
    _, platform = yaml.safe_load_all((COMPILED / "training.yaml").read_text())
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return [stage["podMetadata"]["labels"] for stage in executors.values()]


@pytest.mark.parametrize("version", ["1.30", NEWEST])
def test_every_object_is_what_kubernetes_knows_of_it(rendered, version):
    for document in rendered:
        kubernetes_validate.validate(document, version, strict=True)
    assert len(rendered) >= 7


def test_every_pod_would_run_where_pod_security_is_restricted_with_a_read_only_root_and_limits(rendered):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    assert pods(rendered)
    for pod in pods(rendered):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all(set(volume) - {"name"} <= {"configMap", "emptyDir", "secret"} for volume in pod["volumes"])
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"] is True
            assert {"cpu", "memory"} <= set(container["resources"]["limits"])
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert container["image"] == f"netanomaly/register:{__version__}"


def test_the_policy_selects_every_stage_and_the_bucket_job_and_lets_nobody_in(rendered):
    policy = one(rendered, "NetworkPolicy", "stages")["spec"]
    selector = policy["podSelector"]["matchLabels"].items()
    job = one(rendered, "Job")["spec"]["template"]["metadata"]["labels"]
    assert all(selector <= labels.items() for labels in [*labels_of_stages(), job])
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    # Nor an empty list of rules: the API server drops it, and every apply would find a difference.
    assert "ingress" not in policy


def test_the_policy_leaves_the_ways_that_a_stages_pod_needs_and_no_other_port(rendered):
    """DNS; KFP's API, metadata and store; the Kubernetes API. Only the last is open to any address."""
    rules = one(rendered, "NetworkPolicy", "stages")["spec"]["egress"]
    ports = [sorted({port["port"] for port in rule["ports"]}) for rule in rules]
    assert ports == [[53], [8887, 8888], [8080], [8333], [443, 6443]]
    assert [index for index, rule in enumerate(rules) if "to" not in rule] == [4]


def test_the_task_that_tracks_may_reach_mlflow_besides_and_no_other_task(rendered):
    policy = one(rendered, "NetworkPolicy", "track")["spec"]
    selector = policy["podSelector"]["matchLabels"].items()
    chosen = [labels["app.kubernetes.io/component"] for labels in labels_of_stages() if selector <= labels.items()]
    assert (chosen, policy["policyTypes"]) == (["track"], ["Egress"])
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [5000]
    assert all("to" in rule for rule in policy["egress"])


def test_names_and_keys_are_those_that_the_compiled_pipeline_asks_for(rendered, overlay):
    settings = one(rendered, "ConfigMap")
    assert settings["metadata"]["name"] == cluster.OBJECT_STORE
    text = (COMPILED / "training.yaml").read_text()
    assert set(settings["data"]) <= set(re.findall(r"configMapKey: (\w+)", text))
    (pod,) = pods(rendered)
    job_environment = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in pod["containers"][0]["env"]}
    # The job makes a bucket; it signs nothing, and tracks nothing.
    others = {"NETANOMALY_SIGN_KEY", *CREDENTIALS}
    assert {*job_environment, *others} == set(re.findall(r"secretKey: (\w+)", text))
    assert {each["name"] for each in job_environment.values()} == {cluster.OBJECT_STORE}
    mounts = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert cluster.CERTIFICATES_FOLDER in mounts
    assert {volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume} == {cluster.CERTIFICATES}


def test_no_value_of_a_secret_is_in_the_tree_and_only_kind_generates_one(rendered, overlay):
    template = yaml.safe_load((MANIFESTS / "base/secret.example.yaml").read_text())
    assert template["metadata"]["name"] == cluster.OBJECT_STORE
    assert set(template["stringData"].values()) == {""}
    secrets = [each for each in rendered if each["kind"] == "Secret"]
    assert [each["metadata"]["name"] for each in secrets] == ([cluster.OBJECT_STORE] if overlay == "kind" else [])
    assert not (MANIFESTS / "overlays/kind/object-store.env").exists() or _ignored("overlays/kind/object-store.env")


def _ignored(name: str) -> bool:
    return f"manifests/{name}" in (ROOT / ".gitignore").read_text().splitlines()


def test_removing_an_overlay_never_removes_the_namespace_of_kfp_itself(rendered, overlay):
    namespaces = [each["metadata"]["name"] for each in rendered if each["kind"] == "Namespace"]
    assert namespaces == (["netanomaly"] if overlay == "cluster" else [])
    where = {each["metadata"].get("namespace") for each in rendered if each["kind"] != "Namespace"}
    assert where == ({"netanomaly"} if overlay == "cluster" else {"kubeflow"})


def test_the_service_account_of_runs_reads_no_secret_but_that_of_the_artefact_store(rendered):
    role = one(rendered, "Role")
    for rule in role["rules"]:
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        if {"secrets", "configmaps"} & set(rule["resources"]):
            assert (rule["verbs"], len(rule["resourceNames"])) == (["get"], 1)
    binding = one(rendered, "RoleBinding")
    assert binding["subjects"][0]["name"] == one(rendered, "ServiceAccount", "runner")["metadata"]["name"]


@pytest.mark.parametrize("overlay", ["cluster"], indirect=True)
def test_the_namespace_of_runs_is_restricted_and_its_limits_let_every_stage_start(rendered):
    labels = one(rendered, "Namespace")["metadata"]["labels"]
    assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {"restricted"}
    (limits,) = one(rendered, "LimitRange")["spec"]["limits"]
    quota = one(rendered, "ResourceQuota")["spec"]["hard"]
    for needs in cluster.NEEDS.values():
        assert gibibytes(needs.memory[1]) <= gibibytes(limits["max"]["memory"])
        assert float(needs.processors[1]) <= float(limits["max"]["cpu"])
    most = [max(gibibytes(needs.memory[at]) for needs in cluster.NEEDS.values()) for at in (0, 1)]
    assert 2 * most[0] <= gibibytes(quota["requests.memory"])
    assert 2 * most[1] <= gibibytes(quota["limits.memory"])


def gibibytes(quantity: str) -> float:
    return float(quantity[:-2]) / {"Gi": 1, "Mi": 1024}[quantity[-2:]]


DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("registry.example.org:5000/team/register:0.1.0-aa", "registry.example.org:5000/team/register:0.1.0-aa"),
        (f"localhost:5000/register:0.1.0-aa@{DIGEST}", f"localhost:5000/register@{DIGEST}"),
        (f"ghcr.io/o/r/register@{DIGEST}", f"ghcr.io/o/r/register@{DIGEST}"),
    ],
)
@pytest.mark.parametrize("inside", [True, False])
def test_an_overlay_with_the_image_of_a_registry_is_made_beside_the_tree(image, name, inside, tmp_path):
    shutil.copytree(MANIFESTS, tmp_path / "checkout/manifests")
    before = {path: path.read_bytes() for path in (tmp_path / "checkout").rglob("*") if path.is_file()}
    folder = tmp_path / ("checkout/build/manifests" if inside else "elsewhere")
    script = tmp_path / "checkout/manifests/with-image"
    made = subprocess.run([script, "standalone", image, folder], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == str(folder)
    text = tools.kustomized(folder)
    if text is None:
        pytest.skip("not proven: neither kubectl nor kustomize is here")
    (pod,) = pods(list(yaml.safe_load_all(text)))
    assert pod["containers"][0]["image"] == name
    assert {path: path.read_bytes() for path in before} == before


def test_a_bucket_job_that_only_a_person_can_mend_fails_at_once(rendered):
    """No credentials, no rights, a wrong URI: exit code 2."""
    job = one(rendered, "Job")["spec"]
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    (rule,) = job["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"] == {"containerName": "bucket", "operator": "In", "values": [2]}
    assert [container["name"] for container in job["template"]["spec"]["containers"]] == ["bucket"]
