"""The deploy stage as a pipeline runs it: after promotion alone, as its pod's account."""

import json

import pytest
from netanomaly.stage_io import content
from netanomaly.stages.deploy import __main__ as stage
from netanomaly.stages.deploy import program
from netanomaly.stages.deploy.reaching import directly
from netanomaly.stages.deploy.settings import Settings

from tests.kubernetes.conftest import NAMESPACE, settings


@pytest.fixture
def run(world, registry, tmp_path, monkeypatch):
    """Run the stage for a version with these aliases; the document that it wrote."""
    monkeypatch.setenv("NETANOMALY_LOCAL_PATHS", "1")
    monkeypatch.setattr("netanomaly.registry.open_registry", lambda _: registry)
    monkeypatch.setattr("netanomaly.kube.access.of_a_person", lambda: world.api)
    # In a pod it would be `office.netanomaly-serving.svc`.
    monkeypatch.setattr("netanomaly.stages.deploy.program._Attempt._address", lambda _: world.url)
    monkeypatch.setattr("netanomaly.stages.deploy.program._Attempt._ask", lambda attempt: directly(world.url))

    cluster = program.Cluster
    clock = {"sleep": world.step, "clock": lambda: world.time, "interval": 1.0}
    monkeypatch.setattr(program, "Cluster", lambda api, **options: cluster(api, **{**options, **clock}))

    def done(reference: str, aliases: list[str]) -> dict:
        registration = tmp_path / "registration.json"
        registration.write_text(json.dumps({"version": int(reference.partition(":")[2]), "aliases": aliases}))
        out = tmp_path / "deployment.json"
        wanted = {**{name: getattr(settings(), name) for name in Settings.__dataclass_fields__}, "timeout_seconds": 20}
        given = {
            "inputs": {
                "parameterValues": {"settings": wanted},
                "artifacts": {
                    "registration": {
                        "artifacts": [{"name": "1", "uri": str(registration), "metadata": content(registration)}]
                    }
                },
            },
            "outputs": {
                "artifacts": {"deployment": {"artifacts": [{"name": "deployment", "uri": str(out)}]}},
                "outputFile": str(tmp_path / "output.json"),
            },
        }
        stage.main(["--executor-input", json.dumps(given)])
        return json.loads(out.read_text())

    return done


def test_a_version_that_became_champion_is_served(world, register, run):
    reference = register()
    document = run(reference, ["champion"])
    assert (document["deployed"], document["reference"], document["namespace"]) == (True, "office:1", NAMESPACE)
    assert world.live("deployments") is not None


def test_one_that_did_not_leaves_what_is_served(world, register, run):
    document = run(register(), ["challenger"])
    assert document == {
        "deployed": False,
        "reference": "office:1",
        "reason": "office:1 did not become champion, so what is served stays",
    }
    assert world.live("deployments") is None


def test_a_failure_says_that_the_version_is_registered_all_the_same(world, register, run, capsys):
    reference = register()
    world.scores["1"] = lambda score: score + 1
    with pytest.raises(SystemExit) as ended:
        run(reference, ["champion"])
    assert ended.value.code == 4
    last = capsys.readouterr().err.splitlines()[-1]
    assert "3 of its 3 smoke rows get other scores" in last
    assert "office:1 stays registered, and champion: netanomaly deploy office:1 --namespace netanomaly-serving" in last
