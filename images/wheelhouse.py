"""Download the wheels that the stage images are built from, each checked against its locked hash.

pip of this machine does it, so its mirror, certificates and credentials apply, and builds then need no network.
"""

import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

# The Python of the base image, for which wheels are chosen.
PYTHON = "3.13"
_GLIBC = (5, 12, 17, 24, 26, 27, 28, 31, 34, 35, 39)


def locked(text: str, machine: str) -> dict[str, str]:
    """The entries of a lock file that apply inside an image: canonical name to entry, hashes kept, marker gone."""
    image = {
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": machine,
        "python_version": PYTHON,
        "python_full_version": f"{PYTHON}.0",
    }
    found: dict[str, str] = {}
    for entry in re.findall(r"(?m)^\S(?:.*\\\n)*.*", text):
        first, *hashes = entry.split("\\\n")
        requirement = Requirement(first.strip())
        if requirement.marker is None or requirement.marker.evaluate(image):
            requirement.marker = None
            found[canonicalize_name(requirement.name)] = " \\\n".join([str(requirement), *hashes]) + "\n"
    return found


def download(lock_files: Iterable[Path], wheelhouse: Path, machine: str) -> None:
    """Put every wheel that the lock files ask for into a folder; what is there already is not fetched again.

    Raises:
        SystemExit: pip could not get them; it has said why.
    """
    wheelhouse.mkdir(parents=True, exist_ok=True)
    entries = {entry for path in lock_files for entry in locked(path.read_text(encoding="utf-8"), machine).values()}
    missing = sorted(entry for entry in entries if not any(wheels_of([entry], wheelhouse)))
    if not missing:
        return
    requirements = wheelhouse / "missing.txt"
    requirements.write_text("".join(missing), encoding="utf-8")
    command = [*_pip(), "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}"]
    command += ["--abi=cp" + PYTHON.replace(".", ""), "--abi=abi3", "--abi=none"]
    command += [f"--platform={tag}" for tag in _platforms(machine)]
    done = subprocess.run([*command, "--dest", str(wheelhouse), "--requirement", str(requirements)], check=False)
    if done.returncode:
        raise SystemExit("error: pip could not download the wheels; see above, and docs/images.md on mirrors")
    requirements.unlink()


def wheels_of(entries: Iterable[str], wheelhouse: Path) -> Iterator[Path]:
    """The wheels in a folder for entries of a lock file, by name and version."""
    wanted = set()
    for entry in entries:
        name, _, version = entry.split("\\\n")[0].strip().partition("==")
        wanted.add((canonicalize_name(name), version))
    for path in sorted(wheelhouse.glob("*.whl")):
        wheel = parse_wheel_filename(path.name)
        if (wheel[0], str(wheel[1])) in wanted:
            yield path


def _platforms(machine: str) -> Iterator[str]:
    for minor in reversed(_GLIBC):
        yield f"manylinux_2_{minor}_{machine}"
    yield from (f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}", f"linux_{machine}")


def _pip() -> list[str]:
    for candidate in (".tools/bin/python", "python3", sys.executable):
        if subprocess.run([candidate, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            return [candidate, "-m", "pip"]
    raise SystemExit("error: no Python with pip is on this machine (Debian: apt-get install python3-pip)")


def machine() -> str:
    """The processor that images are built for: this machine's."""
    return {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
