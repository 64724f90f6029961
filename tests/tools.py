"""Commands that some tests run where they are there: on PATH, or built once from source into the user's cache."""

import shutil
import subprocess
from pathlib import Path

from tests.store import servers

GO_PACKAGES = {
    "actionlint": "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12",
    "kustomize": "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1",
}


def kustomized(folder: Path) -> str | None:
    """The manifests that kustomize makes of a folder, by kubectl or by itself; None where neither is there."""
    for name, words in (("kubectl", ["kustomize"]), ("kustomize", ["build"])):
        command = servers.binary(name)
        if command is not None:
            done = subprocess.run([str(command), *words, str(folder)], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout
    return None


def build() -> None:
    """Build what is missing, where there is Go."""
    wanted = dict(GO_PACKAGES)
    if shutil.which("kubectl"):
        del wanted["kustomize"]
    servers.build(wanted)


if __name__ == "__main__":
    build()
