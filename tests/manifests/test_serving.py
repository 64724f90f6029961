"""The manifests of serving, as kubectl renders them: valid to the letter, locked down, and in step with what deploys."""

from typing import Any

import pytest
import yaml
from netanomaly import __version__
from netanomaly.stages.deploy import objects
from netanomaly.stages.deploy.objects import Target
from netanomaly.stages.deploy.record import CONFIG_MAP

from pipelines import cluster
from tests import tools
from tests.command import ROOT
from tests.kubernetes import kinds

SERVING = ROOT / "manifests/serving"
FOLDERS = sorted(path.parent.name for path in SERVING.glob("*/kustomization.yaml"))
EXAMPLES = sorted((SERVING / "examples").glob("*.yaml"))


class _Version:
    model, number, sha256 = "office", 7, "ab" * 32


SERVED = _Version()
TARGET = Target("netanomaly-serving", "office")


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[dict[str, Any]]]:
    found = {}
    for folder in FOLDERS:
        text = tools.kustomized(SERVING / folder)
        if text is None:
            pytest.skip("not proven: neither kubectl nor kustomize is here")
        found[folder] = list(yaml.safe_load_all(text))
    return found


def one(documents: list[dict[str, Any]], kind: str, name: str = "") -> dict[str, Any]:
    (found,) = (each for each in documents if each["kind"] == kind and name in each["metadata"]["name"])
    return found


def applied() -> list[dict[str, Any]]:
    made = objects.deployment(TARGET, SERVED, "r.example.org/serve:1", "s3://m/registry", 600)
    return [*made, *objects.inference_service(TARGET, SERVED)]


def test_folders_are_those_that_are_described():
    assert FOLDERS == ["kserve", "namespace", "plain", "stage"]
    assert [path.stem for path in EXAMPLES] == ["canary", "dark-launch", "knative", "standard"]


def test_every_object_is_what_kubernetes_and_kserve_know_of_it(rendered):
    for document in [each for folder in rendered.values() for each in folder]:
        kinds.check(document)
        if not document["apiVersion"].startswith("serving.kserve.io"):
            kinds.check(document, "1.30")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_what_kserve_knows_of_an_inference_service(path):
    document = yaml.safe_load(path.read_text())
    kinds.check(document)
    predictors = [document["spec"]["predictor"], *(each["predictor"] for each in document["spec"].get("canary", []))]
    for predictor in predictors:
        assert predictor["model"]["modelFormat"]["name"] == "netanomaly"
        assert predictor["model"]["storageUri"].startswith("netanomaly://office:")
        assert predictor["serviceAccountName"] == objects.ACCOUNT
        assert predictor["labels"]["app.kubernetes.io/name"] == "netanomaly-serving"
    names = [predictor.get("name") for predictor in predictors]
    if len(predictors) > 1:
        # As KServe's own checks want it, which no schema tells.
        assert len(set(names)) == len(names)
        assert document["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"


@pytest.mark.parametrize(
    ("path", "value"),
    [(("spec", "predictor", "modell"), {}), (("spec", "predictor", "model", "storageURI"), "x"), (("speck",), {})],
)
def test_the_check_itself_knows_unknown_fields(path, value):
    document = yaml.safe_load((SERVING / "examples/standard.yaml").read_text())
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=path[-1]):
        kinds.check(document)


def test_what_deploy_applies_is_valid_too():
    for document in applied():
        kinds.check(document)


def containers(rendered) -> list[dict[str, Any]]:
    deployments = [
        one(rendered["plain"], "Deployment"),
        next(each for each in applied() if each["kind"] == "Deployment"),
    ]
    pods = [each["spec"]["template"]["spec"] for each in deployments]
    found = [container for pod in pods for container in [*pod["containers"], *pod.get("initContainers", [])]]
    runtime = one(rendered["kserve"], "ClusterServingRuntime")["spec"]["containers"]
    return [*found, *runtime, one(rendered["kserve"], "ClusterStorageContainer")["spec"]["container"]]


def test_every_container_would_run_where_pod_security_is_restricted_with_a_read_only_root_and_limits(rendered):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    for container in containers(rendered):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory"} <= set(container["resources"]["limits"])
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert container["command"][:2] == ["python3", "-m"]
    for document in [
        one(rendered["plain"], "Deployment"),
        next(each for each in applied() if each["kind"] == "Deployment"),
    ]:
        pod = document["spec"]["template"]["spec"]
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert pod["automountServiceAccountToken"] is False


def test_images_are_of_this_version_until_a_registry_is_named(rendered):
    named = {container["image"] for container in containers(rendered)}
    assert named == {f"netanomaly/serve:{__version__}", "r.example.org/serve:1"}


def test_the_server_that_faces_clients_has_no_credentials_where_a_version_is_fixed(rendered):
    deployment = next(each for each in applied() if each["kind"] == "Deployment")
    fixed = deployment["spec"]["template"]["spec"]["containers"][0]
    runtime = one(rendered["kserve"], "ClusterServingRuntime")["spec"]["containers"][0]
    for server in (fixed, runtime):
        assert [each for each in server["envFrom"] if "secretRef" in each] == []
        assert [each["configMapRef"]["name"] for each in server["envFrom"]] == [cluster.TRUST]
        assert "--model_dir=/mnt/models" in server["args"]


def test_names_are_those_of_the_stages_and_of_the_namespace(rendered):
    assert (objects.OBJECT_STORE, objects.TRUST) == (cluster.OBJECT_STORE, cluster.TRUST)
    assert (objects.CERTIFICATES, objects.CERTIFICATES_FOLDER) == (cluster.CERTIFICATES, cluster.CERTIFICATES_FOLDER)
    namespace = rendered["namespace"]
    maps = {each["metadata"]["name"] for each in namespace if each["kind"] == "ConfigMap"}
    assert maps == {CONFIG_MAP, objects.OBJECT_STORE, "netanomaly-serving"}
    assert "data" not in one(namespace, "ConfigMap", CONFIG_MAP)
    store = one(rendered["kserve"], "ClusterStorageContainer")["spec"]
    asked = {next(iter(each.values()))["name"] for each in store["container"]["envFrom"]}
    assert asked == {"netanomaly-serving", objects.OBJECT_STORE, objects.TRUST}
    assert store["supportedUriFormats"] == [{"prefix": "netanomaly://"}]
    assert objects.storage_uri(SERVED).startswith("netanomaly://")


def test_the_servers_account_has_no_rights_and_the_deployers_has_no_secrets(rendered):
    namespace = rendered["namespace"]
    assert one(namespace, "ServiceAccount", objects.ACCOUNT)["automountServiceAccountToken"] is False
    (binding,) = (each for each in namespace if each["kind"] == "RoleBinding")
    assert [each["name"] for each in binding["subjects"]] == ["netanomaly-deploy"]
    for rule in one(namespace, "Role")["rules"]:
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert not {"secrets", "services/proxy", "pods/proxy", "pods/exec"} & set(rule["resources"])
        if "configmaps" in rule["resources"]:
            assert rule["resourceNames"] == [CONFIG_MAP]


def test_policies_select_the_servers_and_the_deploy_stage(rendered):
    serving = one(rendered["namespace"], "NetworkPolicy")["spec"]
    selector = serving["podSelector"]["matchLabels"].items()
    assert selector <= TARGET.labels().items()
    assert selector <= one(rendered["plain"], "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    assert set(serving["policyTypes"]) == {"Ingress", "Egress"}
    # Stages let nobody in, servers do: no pod may be both.
    assert TARGET.labels().get("app.kubernetes.io/part-of") != "netanomaly"
    deploy = one(rendered["stage"], "NetworkPolicy")["spec"]
    assert {"port": 8080, "protocol": "TCP"} in deploy["egress"][0]["ports"]
    stage = deploy["podSelector"]["matchLabels"]
    assert stage == {"app.kubernetes.io/part-of": "netanomaly", "app.kubernetes.io/component": "deploy"}
    assert any(
        stage == each.get("podSelector", {}).get("matchLabels") for rule in serving["ingress"] for each in rule["from"]
    )


def test_plain_scaling_and_disruption_are_those_of_the_deployment(rendered):
    plain = rendered["plain"]
    deployment = one(plain, "Deployment")
    assert "replicas" not in deployment["spec"]
    target = one(plain, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment["metadata"]["name"]}
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert one(plain, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert one(plain, "Service")["spec"]["selector"].items() <= labels.items()
