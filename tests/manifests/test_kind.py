"""The kind recipes where there is no kind: what they ask for, and in which order they would do what."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.command import ROOT

RECIPES = ("up", "load", "e2e", "down")
SCRIPTS = (*(f"kind/{recipe}" for recipe in (*RECIPES, "copy")), "with-image")
REFERENCES = {"train": "netanomaly/train:0.1.0-aa", "register": "registry.example.org:5000/team/register:0.1.0-bb"}

_ALSO_ON_PATH = (
    *("awk", "base64", "basename", "bash", "cat", "dirname", "git", "grep"),
    *("mkdir", "mktemp", "rm", "sed", "seq", "sh", "sleep", "sort", "touch"),
)

# Stands in for docker, kind and kubectl: notes how it was called, and answers what a cluster that works would.
STAND_IN = """#!/bin/sh
name=$(basename "$0")
echo "$name $*" >> "$CALLS"
case "$name $*" in
  "docker info --format"*) echo 16000000000 ;;
  "kind get clusters") [ -f "$CALLS.cluster" ] && echo netanomaly || true ;;
  "kind create cluster"*) touch "$CALLS.cluster" ;;
  *"jsonpath={.data.accesskey}") printf 'key$HOME' | base64 ;;
  *"jsonpath={.data.secretkey}") printf 'se cret' | base64 ;;
  *port-forward*) echo $$ >> "$CALLS.forwards"; echo "Forwarding from 127.0.0.1:4321 -> 1"; exec sleep 30 ;;
  *"get job netanomaly-bucket"*) echo "${JOB:-SuccessCriteriaMet Complete}" ;;
  *"logs job/netanomaly-bucket"*) echo "error: no credentials for http://seaweedfs:9000" ;;
  *" kustomize "* | "kubectl kustomize"*) printf 'kind: Deployment\nimage: quay.io/argoproj/workflow-controller:v4\n' ;;
  *"apply -k build/kind") [ -f build/kind/kustomization.yaml ] || exit 9 ;;
esac
"""


@pytest.fixture
def tree(tmp_path) -> Path:
    """A checkout with the recipes, and with commands that are told what to print."""
    shutil.copytree(ROOT / "manifests", tmp_path / "manifests")
    (tmp_path / "manifests/overlays/kind/object-store.env").unlink(missing_ok=True)
    lines = "\\n".join(f"{stage} {reference}" for stage, reference in REFERENCES.items())
    command(tmp_path / ".venv/bin/netanomaly", f"#!/bin/sh\nprintf '{lines}\\n'\n")
    printed = 'echo "$NETANOMALY_KFP_HOST $S3_ENDPOINT_URL $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $*"'
    command(tmp_path / ".venv/bin/pytest", f"#!/bin/sh\n{printed}\n")
    return tmp_path


def command(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def run(tree: Path, recipe: str, tools: tuple[str, ...] = ("docker", "kind", "kubectl"), *arguments: str, **more: str):
    """A recipe with only these of the tools on PATH, and what it called, in order."""
    binaries = tree / "bin"
    for name in tools:
        command(binaries / name, STAND_IN)
    for name in _ALSO_ON_PATH:
        found = shutil.which(name)
        assert found
        if not (binaries / name).exists():
            (binaries / name).symlink_to(found)
    calls = tree / "calls"
    environment = {"PATH": str(binaries), "HOME": str(tree), "CALLS": str(calls), **more}
    ended = subprocess.run(
        [str(tree / "manifests/kind" / recipe), *arguments],
        env=environment,
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended, calls.read_text().splitlines() if calls.exists() else []


def test_up_installs_kfp_by_version_then_loads_the_images_then_applies_our_manifests_with_them(tree):
    ended, calls = run(tree, "up")
    assert ended.returncode == 0, ended.stderr
    order = [
        "kind create cluster",
        "manifests/kustomize/cluster-scoped-resources?ref=2.17.0",
        "manifests/kustomize/env/platform-agnostic?ref=2.17.0",
        "label --overwrite namespace kubeflow pod-security.kubernetes.io/enforce=restricted",
        "kind load docker-image --name netanomaly netanomaly/train:0.1.0-aa registry.example.org:5000/team/register",
        "delete job netanomaly-bucket",
        "apply -k build/kind",
        "get job netanomaly-bucket",
    ]
    places = [next(place for place, call in enumerate(calls) if part in call) for part in order]
    assert places == sorted(places)
    # Nothing is ever done to the cluster that kubectl happens to be set to.
    assert all("--context kind-netanomaly" in call for call in calls if call.startswith("kubectl"))
    written = (tree / "build/kind/kustomization.yaml").read_text()
    assert "newName: registry.example.org:5000/team/register\n  newTag: 0.1.0-bb" in written


def test_up_writes_the_stores_credentials_for_the_user_alone_and_again_makes_no_second_cluster(tree):
    run(tree, "up")
    file = tree / "manifests/overlays/kind/object-store.env"
    assert file.read_text() == "AWS_ACCESS_KEY_ID=key$HOME\nAWS_SECRET_ACCESS_KEY=se cret\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (tree / "calls").unlink()
    ended, calls = run(tree, "up")
    assert ended.returncode == 0
    assert not [call for call in calls if "kind create" in call]


def test_up_again_lets_new_pods_of_kfp_start_before_it_restricts_the_namespace_anew(tree):
    run(tree, "up")
    (tree / "calls").unlink()
    _, calls = run(tree, "up")
    order = ["enforce-", "env/platform-agnostic", "--for condition=available", "enforce=restricted"]
    places = [next(place for place, call in enumerate(calls) if part in call) for part in order]
    assert places == sorted(places)


def test_e2e_gives_the_tests_addresses_and_credentials_as_they_are(tree):
    run(tree, "up")
    ended, _ = run(tree, "e2e")
    assert ended.returncode == 0, ended.stderr
    said = "http://127.0.0.1:4321 http://127.0.0.1:4321 key$HOME se cret -v tests/e2e/test_cluster.py"
    assert ended.stdout.strip() == said


def test_e2e_leaves_no_port_forward_running(tree):
    run(tree, "up")
    ended, _ = run(tree, "e2e")
    assert ended.returncode == 0, ended.stderr
    forwards = (tree / "calls.forwards").read_text().split()
    assert len(forwards) == 3
    for forward in forwards:
        with pytest.raises(ProcessLookupError):
            os.kill(int(forward), 0)


def test_a_local_copy_of_kfps_manifests_is_used_where_there_is_one(tree):
    _, calls = run(tree, "up", KFP_MANIFESTS="/mirror/kustomize")
    assert "kubectl --context kind-netanomaly apply -k /mirror/kustomize/env/platform-agnostic" in calls


def test_down_removes_the_cluster_and_the_credentials(tree):
    run(tree, "up")
    ended, calls = run(tree, "down")
    assert ended.returncode == 0, ended.stderr
    assert calls[-1] == "kind delete cluster --name netanomaly"
    assert not (tree / "manifests/overlays/kind/object-store.env").exists()


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("missing", ["docker", "kind", "kubectl"])
def test_a_tool_that_is_missing_is_named_with_where_to_get_it(tree, recipe, missing):
    tools = tuple(name for name in ("docker", "kind", "kubectl") if name != missing)
    ended, _ = run(tree, recipe, tools)
    if recipe == "down" and missing == "kubectl":
        assert ended.returncode == 0
        return
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1), ended.stderr
    assert ended.stderr.startswith(f"error: {missing} is not installed: https://")


@pytest.mark.parametrize("recipe", ["load", "e2e"])
def test_without_a_cluster_the_way_to_one_is_named(tree, recipe):
    ended, _ = run(tree, recipe)
    assert (ended.returncode, ended.stderr) == (
        2,
        "error: there is no kind cluster netanomaly; `make kind-up` makes it\n",
    )


def test_the_recipes_pass_shellcheck():
    if not shutil.which("shellcheck"):
        pytest.skip("not proven: shellcheck is not here")
    files = [str(ROOT / "manifests" / script) for script in (*SCRIPTS, "kind/common.sh")]
    checked = subprocess.run(["shellcheck", "-x", *files], capture_output=True, text=True, cwd=ROOT, check=False)
    assert checked.returncode == 0, checked.stdout


def test_every_recipe_can_be_started():
    assert all(os.access(ROOT / "manifests" / script, os.X_OK) for script in SCRIPTS)


def test_a_bucket_job_that_failed_is_told_at_once_with_its_reason(tree):
    ended, _ = run(tree, "up", JOB="FailureTarget Failed")
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-2:] == [
        "error: no credentials for http://seaweedfs:9000",
        "error: the bucket could not be made ready; the lines above say why",
    ]


def test_a_copy_for_a_machine_without_the_internet_has_what_the_manifests_refer_to(tree):
    """As rendered: what they name on GitHub is in it. `up` takes the folder as it is."""
    ended, calls = run(tree, "copy", ("docker", "kind", "kubectl"), "kfp")
    assert ended.returncode == 0, ended.stderr
    assert [call for call in calls if "kustomize github.com/kubeflow/pipelines" in call] == calls
    assert ended.stdout.splitlines()[-1] == "quay.io/argoproj/workflow-controller:v4"
    for part in ("cluster-scoped-resources", "env/platform-agnostic"):
        assert (tree / "kfp" / part / "kustomization.yaml").read_text() == "resources: [all.yaml]\n"
    _, calls = run(tree, "up", KFP_MANIFESTS=f"{tree}/kfp")
    assert f"kubectl --context kind-netanomaly apply -k {tree}/kfp/env/platform-agnostic" in calls
