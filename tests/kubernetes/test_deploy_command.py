"""`netanomaly deploy` as a person calls it: kubectl's configuration, options, what is printed."""

import json
import threading
from typing import Any

import pytest
from netanomaly.cli import deploy as command
from netanomaly.errors import InputError
from netanomaly.kube import access

from tests.command import netanomaly_here
from tests.kubernetes.api_server import DEPLOYER
from tests.kubernetes.conftest import NAMESPACE

S3 = "s3://models/registry"


@pytest.fixture
def kubeconfig(world, tmp_path):
    """Of whoever may deploy, and nothing else."""
    cluster = {"server": world.api.server}
    if authority := world.api.pool.connection_pool_kw.get("ca_certs"):
        cluster["certificate-authority"] = authority
    path = tmp_path / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": cluster}],
        "users": [{"name": "deployer", "user": {"token": DEPLOYER}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "deployer"}}],
        "current-context": "here",
    }
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def controllers(world):
    """They work while the command waits."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.1):
            world.step()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture
def deploy(registry, world, monkeypatch, kubeconfig):
    monkeypatch.setattr("netanomaly.registry.open_registry", lambda _: registry)

    def called(reference: str = "office", **options):
        given: dict[str, Any] = {
            "registry": S3,
            "name": "",
            "kind": "deployment",
            "image_prefix": "r.example.org/team",
            "context": "",
        }
        given |= {"kubeconfig": kubeconfig, "url": world.url, "timeout": 30, "as_json": False}
        return command.deploy(reference, NAMESPACE, **{**given, **options})

    return called


def test_it_says_what_is_served_and_how_it_was_proven(world, register, deploy, controllers, capsys):
    register()
    deploy("office:1")
    said = capsys.readouterr()
    assert (
        "served      office:1 as deployment office in netanomaly-serving\nbefore      nothing was served there\n"
        in said.out
    )
    assert "proven      3 smoke rows got their scores, bit for bit" in said.out
    assert "applied office:1 as deployment office" in said.err
    deploy("office:1", as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert (document["state"], document["reference"], document["changed"]) == ("succeeded", "office:1", False)
    image = world.live("deployments")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.startswith("r.example.org/team/serve:")


def test_a_model_named_alone_is_its_champion(world, registry, register, deploy, controllers, capsys):
    register()
    register()
    registry.set_alias("office:1", "champion")
    deploy("office")
    assert "served      office:1 " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "pod"}, "--kind is 'pod'; choose one of auto, inference-service, deployment"),
        ({"registry": "runs/registry"}, "no pod of a cluster can read"),
        ({"name": "Office"}, "name is 'Office'"),
        ({"context": "elsewhere"}, "the Kubernetes cluster is not known.*--context"),
        ({"url": "localhost"}, "is no address of a server"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(world, register, deploy, options, says):
    register()
    with pytest.raises(InputError, match=says) as raised:
        deploy("office:1", **options)
    assert raised.value.exit_code == 2
    assert "\n" not in str(raised.value)
    assert world.live("deployments") is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--namespace", "Two Words"), "namespace is 'Two Words'"),
        (("--namespace", "a", "--name", "Of fice"), "name is 'Of fice'"),
    ],
)
def test_names_are_looked_at_before_anything_is_asked_for(options, says):
    """A registry in a bucket wants credentials, which say nothing of what is wrong."""
    ended = netanomaly_here("deploy", "office", "--registry", S3, *options)
    assert ended.code == 2
    assert says in ended.last_line


def test_a_pod_is_its_service_account(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no pod with a service account"):
        access.of_the_pod(tmp_path)
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "ca.crt").write_text("")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    api = access.of_the_pod(tmp_path)
    assert api.server == "https://[fd00::1]:443"
    assert api.authorization() == "Bearer first"
    # Tokens are replaced while a pod runs.
    (tmp_path / "token").write_text("second")
    assert api.authorization() == "Bearer second"
