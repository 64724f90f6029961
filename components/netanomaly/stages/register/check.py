"""Whether a cluster is set up for the pipelines: `netanomaly doctor --kfp` runs it there, in this stage's image.

Says in a line each how its pod is locked down, what it got of the Secret and the ConfigMap, and whether the bucket can be
reached and a registry written there. The first thing that is wrong is its error.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from netanomaly import output, stage_io
from netanomaly.errors import ConfigError

# An outage is not waited for: whoever looks wants an answer.
_SECONDS = "15"
_STATUS = Path("/proc/self/status")
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_ROLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, and what was found. `ok` is None where it is for people to judge."""

    name: str
    ok: bool | None
    said: str


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        os.environ["S3_RETRY_SECONDS"] = _SECONDS
        done: list[Check] = []
        try:
            for check in checks(stage.parameter("registry"), stage.parameter("object_store")):
                done.append(check)
                output.tell(f"{check.name}: {check.said}")
        finally:
            stage.tell({"checks": [asdict(check) for check in done]})


def checks(registry: str, object_store: str) -> Iterator[Check]:
    """Look at one thing after the other.

    Args:
        registry: URI of the registry that models will go to.
        object_store: Name of the Secret and of the ConfigMap.

    Raises:
        NetanomalyError: What is wrong with the next thing, and what to do.
    """
    yield _pod()
    yield _secret(object_store)
    from netanomaly.registry.location import locate
    from netanomaly.s3 import client as s3

    endpoint = s3.endpoint()
    named = "named by the ConfigMap" if endpoint != "https://s3.amazonaws.com" else "no ConfigMap names another"
    yield Check("ConfigMap", ok=True, said=f"{object_store}: object store {endpoint}, {named}")
    if not registry.startswith("s3://"):
        raise ConfigError(f"registry is {registry!r}, which no pod can keep; name s3://bucket/prefix with --registry")
    location = locate(registry)
    # Listing tells a bucket that is absent from one that may not be read.
    next(iter(location.read.list("")), None)
    yield Check("bucket", ok=True, said=f"{registry} can be listed")
    store = location.write
    yield Check("registry", ok=True, said=f"{store.uri} can be written, and the server's conditional writes hold")


def _pod() -> Check:
    said = [f"user {os.getuid()}"]
    status = dict(line.split(":\t", 1) for line in _STATUS.read_text().splitlines() if ":\t" in line)
    locked = os.getuid() != 0
    if "CapEff" in status:
        none = int(status["CapEff"], 16) == 0
        locked = locked and none
        said.append("no capabilities" if none else "capabilities")
    if "NoNewPrivs" in status:
        said.append("no new privileges" if status["NoNewPrivs"].strip() == "1" else "may gain privileges")
    return Check("pod", ok=locked or None, said=", ".join(said))


def _secret(name: str) -> Check:
    there = [key for key in _KEYS if os.environ.get(key)]
    for key in there:
        if os.environ[key] != os.environ[key].strip():
            raise ConfigError(
                f"{key} in Secret {name} begins or ends with a blank or a line break; make it with printf %s, not echo"
            )
    if len(there) == 1:
        (missing,) = set(_KEYS) - set(there)
        raise ConfigError(f"Secret {name} has {there[0]} and no {missing}; put it in")
    if there:
        return Check("Secret", ok=True, said=f"{name} has keys")
    role = next((variable for variable in _ROLES if os.environ.get(variable)), "")
    if role:
        return Check("Secret", ok=True, said=f"none is needed: {role} names a role")
    return Check("Secret", ok=None, said=f"{name} is absent, or has neither {_KEYS[0]} nor {_KEYS[1]}")


if __name__ == "__main__":
    main(sys.argv[1:])
