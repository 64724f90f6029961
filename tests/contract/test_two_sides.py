"""The two sides of every stage: what KFP sees never loads data libraries, what does the work never loads kfp."""

import subprocess
import sys
from pathlib import Path

import netanomaly
import pytest
from netanomaly import images

FOLDER = Path(netanomaly.__file__).parent / "stages"
STAGES = sorted(path.parent.name for path in FOLDER.glob("*/component.py"))
LIGHT = ["prepare", "validate", "register", "track", "deploy"]
HEAVY_LIBRARIES = {"numpy", "pandas", "pyarrow", "scipy", "sklearn"}


def loaded_after(code: str) -> set[str]:
    """Top-level modules in a fresh interpreter after running some code."""
    script = f"import sys\n{code}\nprint('\\n'.join({{name.partition('.')[0] for name in sys.modules}}))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return set(finished.stdout.split())


def test_each_stage_has_its_three_modules():
    assert sorted(images.STAGES) == STAGES
    for stage in STAGES:
        assert {"component.py", "program.py", "__main__.py"} <= {path.name for path in (FOLDER / stage).iterdir()}


@pytest.mark.parametrize("stage", STAGES)
def test_a_program_never_loads_kfp(stage):
    assert "kfp" not in loaded_after(f"import netanomaly.stages.{stage}.program, netanomaly.stages.{stage}.__main__")


@pytest.mark.parametrize("stage", STAGES)
def test_a_component_never_loads_data_libraries(stage):
    assert not HEAVY_LIBRARIES & loaded_after(f"import netanomaly.stages.{stage}.component")


@pytest.mark.parametrize("stage", STAGES)
def test_help_answers_without_loading_what_the_work_needs(stage):
    code = (
        f"import runpy; sys.argv = ['netanomaly.stages.{stage}', '--help']\n"
        f"try: runpy.run_module('netanomaly.stages.{stage}', run_name='__main__')\n"
        "except SystemExit as ended: assert ended.code == 0"
    )
    assert not (HEAVY_LIBRARIES | {"kfp", "minio", "jinja2", "joblib"}) & loaded_after(code)


@pytest.mark.parametrize("stage", LIGHT)
def test_a_light_stage_works_where_no_data_library_is_installed(stage):
    blocked = "\n".join(f"sys.modules[{name!r}] = None" for name in sorted(HEAVY_LIBRARIES))
    loaded_after(f"{blocked}\nimport netanomaly.stages.{stage}.program")


def test_the_command_line_answers_help_without_loading_what_the_work_needs():
    code = (
        "sys.argv = ['netanomaly', '--help']\nfrom netanomaly.cli import main\n"
        "try: main()\nexcept SystemExit as ended: assert not ended.code"
    )
    assert not (HEAVY_LIBRARIES | {"kfp", "minio", "joblib", "yaml"}) & loaded_after(code)


def test_a_stage_started_by_hand_says_what_it_is():
    finished = subprocess.run(
        [sys.executable, "-m", "netanomaly.stages.validate", "--help"], capture_output=True, text=True, check=False
    )
    assert "validate stage" in finished.stdout
    assert "netanomaly/stages/validate/component.py" in finished.stdout
