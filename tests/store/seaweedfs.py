"""SeaweedFS, the object store that Kubeflow Pipelines brings, built from source for `make test-seaweedfs`.

It is no server of every test run: it takes minutes to build, and is the slowest of them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.store import servers

# 4.53. Kubeflow Pipelines 2.17.0 has 4.34, which is no Go module that can be had.
_VERSION = "v0.0.0-20261109003541-7506e5f91cd6"
_PACKAGE = "github.com/seaweedfs/seaweedfs"
# Its own go.mod replaces a module, which `go install` refuses in all but the module at hand.
_MODULE = f"""module test-seaweedfs
go 1.26.0
require {_PACKAGE} {_VERSION}
replace github.com/tyler-smith/go-bip39 => github.com/cosmos/go-bip39 v1.0.0
"""


def build() -> Path:
    """The folder with the command `weed`, which is built if it is not there."""
    command = servers.cache() / "seaweedfs" / "weed"
    if not command.is_file():
        print(f"building SeaweedFS, once, into {command.parent}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "go.mod").write_text(_MODULE, encoding="utf-8")
            environment = {**os.environ, "GOFLAGS": "-mod=mod"}
            subprocess.run(
                ["go", "build", "-o", str(command), f"{_PACKAGE}/weed"], cwd=folder, env=environment, check=True
            )
    return command.parent


if __name__ == "__main__":
    print(build())
