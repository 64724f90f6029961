"""The workflows: sound, pinned, with no more rights than they need, and calling targets that are there."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import ROOT
from tests.store import servers

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PINNED = re.compile(r"\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def file(request) -> Path:
    return request.param


@pytest.fixture
def workflow(file) -> dict[Any, Any]:
    return yaml.safe_load(file.read_text())


def test_actionlint_finds_nothing():
    """It gives the scripts in them to shellcheck, where that is there."""
    command = servers.binary("actionlint")
    if command is None:
        pytest.skip("not proven: actionlint is not here; `make test-tools` builds it where there is Go")
    checked = subprocess.run([str(command)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_no_known_weakness_is_found():
    """Injection into scripts, credentials left behind, rights too wide, actions that can change under us."""
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [str(zizmor), "--offline", "--quiet", "--no-config", str(ROOT / ".github/workflows")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_action_is_pinned_by_commit_and_says_its_version(file):
    used = re.findall(r"uses: (.+)", file.read_text())
    assert used
    assert [action for action in used if not PINNED.fullmatch(action)] == []


def test_one_action_has_one_commit_everywhere():
    used = {pin for path in WORKFLOWS for pin in re.findall(r"uses: (.+)", path.read_text())}
    assert len(used) == len({pin.partition("@")[0] for pin in used})


def test_rights_are_given_job_by_job_and_writing_only_where_a_tag_is_released(file, workflow):
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        writing = {right for right, level in job["permissions"].items() if level == "write"}
        assert "timeout-minutes" in job, name
        assert not writing or file.stem == "release", name
        assert "contents" not in writing or name == "release"


def test_no_checkout_leaves_its_token_behind(workflow):
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_every_make_target_that_is_called_is_there(workflow):
    targets = re.findall(r"(?m)^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text())
    scripts = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    called = [target for script in scripts for target in re.findall(r"(?m)^make ([a-z0-9-]+)", script)]
    assert called
    assert set(called) <= set(targets)


def test_values_of_the_event_reach_scripts_as_variables_only(workflow):
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


def test_readers_of_what_others_wrote_are_fuzzed_every_night_for_ten_minutes():
    nightly = yaml.safe_load((ROOT / ".github/workflows/nightly.yml").read_text())
    # YAML 1.1 reads `on` as true.
    assert re.fullmatch(r"\d+ \d+ \* \* \*", nightly[True]["schedule"][0]["cron"])
    assert "make fuzz" in [step.get("run") for step in nightly["jobs"]["fuzz"]["steps"]]
    seconds = re.search(r"^FUZZ_SECONDS \?= (\d+)$", (ROOT / "Makefile").read_text(), re.M)
    assert seconds is not None
    assert int(seconds[1]) >= 600
