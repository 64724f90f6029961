"""A version is served and proven, or what was proven before is served: against the API, real where it was built."""

import pytest
from netanomaly.errors import GateRefusal, InputError, NetanomalyError
from netanomaly.kube.errors import Contested, Forbidden, Refused, Unavailable
from netanomaly.stages.deploy import objects, program
from netanomaly.stages.deploy.objects import VERSION
from netanomaly.stages.deploy.program import Cluster, NotServed, OtherScores
from netanomaly.stages.deploy.record import CONFIG_MAP

from tests.kubernetes.conftest import NAMESPACE, rendered, settings

KINDS = ["deployment", "inference_service"]
PLURAL = {"deployment": "deployments", "inference_service": "inferenceservices"}


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture
def deploy(registry, world, kind):
    def deployed(reference: str, cluster: Cluster | None = None, **more):
        wanted = program.deployable(registry, registry.version(reference))
        return program.deploy(wanted, settings(more.pop("kind", kind), **more), cluster or world.cluster())

    return deployed


def served(world, kind) -> str:
    """The version that is applied; empty where none is."""
    live = world.live(PLURAL[kind])
    return live["metadata"]["annotations"][VERSION] if live else ""


def test_a_version_is_served_and_proven_and_another_replaces_it(world, register, deploy, kind):
    first = deploy(register())
    assert (first.reference, first.before, first.changed, first.smoke_rows) == ("office:1", "", True, 3)
    second = deploy(register())
    assert (second.before, second.changed, served(world, kind)) == ("office:1", True, "2")
    assert "3 smoke rows got their scores, bit for bit" in world.said


def test_the_same_again_changes_nothing_in_the_cluster(world, register, deploy, kind):
    reference = register()
    deploy(reference)
    before = world.live(PLURAL[kind])
    again = deploy(reference)
    after = world.live(PLURAL[kind])
    assert not again.changed
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["spec"] == before["spec"]


@pytest.mark.parametrize("last_bit", [lambda score: score * (1 + 2**-23), lambda score: -score, lambda _: None])
def test_other_scores_bring_back_what_was_proven_before(world, register, deploy, kind, last_bit):
    deploy(register())
    other = register()
    world.scores["2"] = last_bit
    with pytest.raises(
        OtherScores, match=r"smoke rows get other scores.*went back to office:1, which is ready"
    ) as raised:
        deploy(other)
    assert raised.value.exit_code == 4
    assert served(world, kind) == "1"
    world.scores.clear()
    assert deploy(other).before == "office:1"


def test_a_first_version_that_fails_is_removed(world, register, deploy, kind):
    reference = register()
    world.scores["1"] = lambda score: score + 1
    with pytest.raises(OtherScores, match="nothing proven was served before, so it was removed"):
        deploy(reference)
    assert served(world, kind) == ""
    assert world.live("services") is None
    assert not world.live("configmaps", CONFIG_MAP).get("data")


@pytest.mark.parametrize(
    ("behaviour", "says", "steps"),
    [
        ("crashes", "model.joblib has SHA-256 aa", 4),
        (
            "unpullable",
            "was not ready within 20 s: container storage-initializer .* ImagePullBackOff no such image",
            21,
        ),
        ("hangs", "was not ready within 20 s", 21),
    ],
)
def test_what_does_not_come_up_is_taken_back_and_says_why(world, register, deploy, kind, behaviour, says, steps):
    deploy(register())
    reference = register()
    world.behaviour["2"] = behaviour
    begin = world.time
    with pytest.raises(NotServed, match=rf"(?s){says}.*went back to office:1") as raised:
        deploy(reference)
    assert raised.value.exit_code == 3
    assert served(world, kind) == "1"
    assert world.time - begin <= steps + 2


def test_where_a_deployment_was_killed_what_was_proven_last_is_what_one_goes_back_to(
    world, register, deploy, kind, monkeypatch
):
    deploy(register())
    unproven, third = register(), register()

    class Killed(BaseException):
        """As SIGKILL: nothing is done after it."""

    def die(_: str) -> None:
        raise Killed

    cluster = world.cluster(say=die)
    # Not even going back is possible.
    monkeypatch.setattr(program._Attempt, "_go_back", lambda *_: None)
    with pytest.raises(Killed):
        deploy(unproven, cluster)
    monkeypatch.undo()
    assert served(world, kind) == "2"
    world.scores["3"] = lambda score: score + 1
    with pytest.raises(OtherScores, match="went back to office:1"):
        deploy(third)
    assert served(world, kind) == "1"


def test_ctrl_c_brings_back_what_was_before(world, register, deploy, kind):
    deploy(register())
    reference = register()
    world.behaviour["2"] = "hangs"

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy(reference, world.cluster(sleep=interrupted))
    assert served(world, kind) == "1"
    assert world.said[-1] == "went back to office:1"


def test_what_somebody_else_deployed_meanwhile_is_left_alone(world, register, deploy, kind):
    deploy(register())
    reference, other = register(), register()
    world.behaviour["2"] = "hangs"
    done: list[bool] = []

    def meanwhile(seconds: float) -> None:
        world.step(seconds)
        if not done:
            done.append(True)
            deploy(other)

    with pytest.raises(NetanomalyError, match="office:3 is applied there meanwhile, and was left as it is"):
        deploy(reference, world.cluster(sleep=meanwhile))
    assert served(world, kind) == "3"


@pytest.mark.parametrize(
    ("verdict", "says"),
    [("refuse", "its verdict is 'refuse'"), (None, "was never evaluated"), ("PASS", "its verdict is 'PASS'")],
)
def test_what_no_gate_passed_is_never_deployed(world, register, deploy, verdict, says):
    with pytest.raises(GateRefusal, match=rf"passed no quality gate.*{says}"):
        deploy(register(verdict))
    assert not world.said


def test_a_deprecated_version_is_never_deployed(world, registry, register, deploy):
    reference = register()
    registry.deprecate(reference)
    with pytest.raises(GateRefusal, match="is deprecated, so it is not deployed"):
        deploy(reference)


def test_a_version_without_smoke_rows_is_not_deployed(world, register, deploy):
    with pytest.raises(InputError, match="no smoke rows to prove it by"):
        deploy(register(smoke=False))


def test_a_namespace_that_was_not_set_up_is_told_how(world, register, deploy):
    world.admin.remove(world.path("configmaps", CONFIG_MAP))
    with pytest.raises(InputError, match="kubectl apply -k manifests/serving/namespace"):
        deploy(register())


def test_what_is_there_and_not_ours_is_left_alone(world, register, deploy, kind):
    (mine,) = (each for each in rendered("plain") if each["kind"] == "Deployment")
    service = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "spec": {"predictor": {}}}
    service["metadata"] = {"name": "office", "namespace": NAMESPACE}
    theirs = mine if kind == "deployment" else service
    world.admin.apply(world.path(PLURAL[kind]), theirs, "kubectl")
    with pytest.raises(InputError, match="was not made by netanomaly deploy"):
        deploy(register())


def test_a_field_that_somebody_else_set_is_not_overruled(world, register, deploy, kind):
    deploy(register())
    if kind == "deployment":
        theirs = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"progressDeadlineSeconds": 21}}
    else:
        theirs = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService"}
        theirs["spec"] = {"predictor": {"serviceAccountName": "other"}}
    theirs["metadata"] = {"name": "office", "namespace": NAMESPACE}
    if world.standin is None:
        # Force is for whoever takes a field away from its owner.
        world.admin._asked(
            "PATCH",
            world.path(PLURAL[kind]),
            {"fieldManager": "kubectl", "force": "true"},
            theirs,
            "application/apply-patch+yaml",
        )
    else:
        world.standin.applied[world.path(PLURAL[kind]), "kubectl"] = theirs
    with pytest.raises(Contested, match="somebody else set"):
        deploy(register())
    assert served(world, kind) == "1"


def test_pods_are_counted_by_whoever_scales_them(world, register, deploy):
    deploy(register(), kind="deployment")
    world.admin.merge(world.path("deployments"), {"spec": {"replicas": 3}})
    with pytest.raises(NotServed, match="1 of 3 pods"):
        deploy(register(), kind="deployment")
    assert world.live("deployments")["spec"]["replicas"] == 3


def test_kserve_is_used_where_it_is_there(world, register, deploy):
    assert deploy(register(), kind="auto").kind == "inference_service"
    if world.standin is not None:
        world.standin.kserve = False
        assert deploy(register(), kind="auto").kind == "deployment"
        with pytest.raises(InputError, match="knows no InferenceService"):
            deploy("office:1", kind="inference_service")


def test_failures_of_the_api_are_waited_for_and_refusals_are_not(world, register, deploy):
    if world.standin is None:
        pytest.skip("a real server does not fail when it is told")
    world.standin.failures = [500, 503, 429]
    assert deploy(register()).reference == "office:1"
    world.standin.failures = [500] * 1000
    with pytest.raises(Unavailable, match=r"failed GET .* with 500: etcdserver: leader changed"):
        deploy(register())


def test_whoever_may_not_is_told_what_is_missing(world, register, deploy):
    stranger = world.standin.api("other") if world.standin else None
    if stranger is None:
        pytest.skip("a real server knows no such account")
    world.standin.rules, rules = [], world.standin.rules
    try:
        with pytest.raises(Forbidden, match="manifests/serving has a Role that does"):
            deploy(register(), world.cluster())
    finally:
        world.standin.rules = rules


def test_through_the_api_server_where_the_service_cannot_be_reached(world, register, deploy, kind):
    if world.standin is None:
        pytest.skip("no pod is behind a service there")
    world.standin.proxied = world.answer
    rights = {"apiGroups": [""], "resources": ["services/proxy"], "verbs": ["create"]}
    world.standin.rules.append(rights)
    try:
        if kind == "inference_service":
            predictor = {
                "metadata": {"generation": 1},
                "spec": {},
                "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
            }
            world.standin.objects[world.path("deployments", "office-predictor")] = predictor
        done = deploy(register(), world.cluster(url=""))
        service = "office" if kind == "deployment" else "office-predictor"
        asked = {path for method, path in world.standin.asked if method == "POST"}
        assert asked == {
            f"/api/v1/namespaces/{NAMESPACE}/services/{service}:80/proxy/v2/models/office/versions/1/infer"
        }
        assert done.smoke_rows == 3
    finally:
        world.standin.rules.remove(rights)


def test_unknown_fields_are_refused_before_anything_changes(world, register, deploy, kind, monkeypatch):
    deploy(register())
    reference = register()
    made = getattr(objects, kind)

    def with_another_field(*arguments):
        documents = made(*arguments)
        documents[-1]["spec"]["modelFormatt"] = "netanomaly"
        return documents

    monkeypatch.setattr(objects, kind, with_another_field)
    with pytest.raises(Refused, match="modelFormatt"):
        deploy(reference)
    assert served(world, kind) == "1"
    assert not any("went back" in line for line in world.said)
