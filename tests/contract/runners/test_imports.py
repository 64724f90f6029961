"""What the local runner may load: it starts before everything else, and must start where kfp is not."""

import subprocess
import sys

import pytest

HEAVY = ["kfp", "google", "msgspec", "numpy", "pandas", "pyarrow", "sklearn", "rich", "docker", "yaml"]


@pytest.mark.parametrize("module", ["netanomaly.runners", "netanomaly.runners.console"])
def test_importing_the_runner_loads_nothing_heavy(module):
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {name.split(".")[0] for name in done.stdout.split()}.intersection(HEAVY)


def test_running_a_pipeline_loads_nothing_heavy_but_yaml(tmp_path):
    program = f"""
import sys
from pathlib import Path
from netanomaly.errors import InputError
from netanomaly.runners import HostLauncher, run
try:
    run({str(tmp_path / "absent.yaml")!r}, {{}}, {str(tmp_path)!r}, launcher=HostLauncher())
except InputError:
    text = "schemaVersion: 2.1.0\\npipelineInfo: {{name: p}}\\nroot: {{dag: {{}}}}"
    Path({str(tmp_path / "p.yaml")!r}).write_text(text)
run({str(tmp_path / "p.yaml")!r}, {{}}, {str(tmp_path)!r}, launcher=HostLauncher())
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {name.split(".")[0] for name in done.stdout.split()}.intersection(HEAVY) == {"yaml"}
