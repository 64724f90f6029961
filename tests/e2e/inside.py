"""What is inside a stage image, asked of the image itself, locked down as a strict cluster would."""

from docker import DockerClient
from docker.errors import ContainerError

LOCKED_DOWN = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "network_mode": "none",
    "tmpfs": {"/tmp": "rw,mode=1777"},  # noqa: S108 - the container's own
}

_DIGESTS = """
import hashlib, pathlib
for top in ("/opt/netanomaly", "/usr/share/netanomaly"):
    for path in sorted(pathlib.Path(top).rglob("*")):
        state = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "-"
        print(path, oct(state.st_mode), state.st_uid, state.st_gid, content)
"""


def run(client: DockerClient, reference: str, program: str, *arguments: str, **options) -> bytes:
    """What a program prints inside an image."""
    command = ["python3", "-c", program, *arguments]
    # Not followed: on a busy machine what is followed may lack its last lines.
    container = client.containers.run(reference, command, detach=True, **{**LOCKED_DOWN, **options})
    try:
        status = container.wait()["StatusCode"]
        said: bytes = container.logs()
    finally:
        container.remove(force=True)
    if status:
        raise ContainerError(container, status, command, reference, said)
    return said


def files(client: DockerClient, reference: str) -> list[str]:
    """Every file of ours in an image: its path, rights, owner and digest, the bill of materials among them."""
    return run(client, reference, _DIGESTS).decode().splitlines()
