"""Make one layer inside an image build: `install.py LAYER TARGET`. Standard library only.

LAYER holds `requirements.txt` (pinned, with hashes), perhaps `wheels/` to install them from with no network, and
perhaps `lib/` (files to copy as they are). TARGET gets packages without their tests and headers, with byte code,
every file dated the same: two builds of the same input give the same files.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

# Earliest date that zip knows; any fixed one serves.
_DATED = 315_532_800
# SelfTest is the tests of pycryptodome, private keys among them.
_NOT_NEEDED_FOLDERS = ("tests", "SelfTest", "__pycache__", "include", "bin")
# What nothing here imports, and is large: Arrow's RPC and its own client of S3 (ours is minio), post-quantum and old ciphers.
_NEVER_IMPORTED = (
    *("pyarrow/_flight.*", "pyarrow/flight.py", "pyarrow/libarrow_flight.*", "pyarrow/libarrow_python_flight.*"),
    *("pyarrow/_s3fs.*", "pyarrow/libarrow_s3.*"),
    *(f"Crypto/{name}.*" for name in ("PublicKey/_mlkem", "PublicKey/_mldsa", "Cipher/_raw_eksblowfish")),
)
# What packages ask for and nothing here imports: cffi and what it reads C with, since pycryptodome calls by ctypes without it
# and argon2's bindings are compiled (their _cffi_backend stays); uvicorn's other parser of HTTP.
_NEVER_IMPORTED_PACKAGES = ("cffi", "pycparser", "pycparser-*.dist-info", "h11", "h11-*.dist-info")
_NOT_NEEDED_FILES = ("*.pyi", "*.pyx", "*.pxd", "*.pxi", "*.c", "*.h", "*.hpp", "*.cc", "*.cpp", "*.a")


def main(layer: Path, target: Path) -> None:
    target.mkdir(parents=True)
    requirements = layer / "requirements.txt"
    if requirements.is_file() and requirements.read_text(encoding="utf-8").strip():
        _install(requirements, layer / "wheels", target)
    if (layer / "lib").is_dir():
        shutil.copytree(layer / "lib", target, dirs_exist_ok=True)
    _strip(target)
    _compile(target)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or (os.access(path, os.X_OK) and path.suffix == "") else 0o644)
        os.utime(path, (_DATED, _DATED), follow_symlinks=False)


def _install(requirements: Path, wheels: Path, target: Path) -> None:
    command = [
        sys.executable,
        *_pip(),
        "install",
        "--progress-bar=off",
        "--disable-pip-version-check",
        "--no-cache-dir",
    ]
    command += ["--root-user-action=ignore", "--no-deps", "--no-compile", "--only-binary=:all:", "--require-hashes"]
    command += ["--target", str(target), "--requirement", str(requirements)]
    if wheels.is_dir():
        command += ["--no-index", "--find-links", str(wheels)]
    certificates, configuration = Path("/installer/ca.crt"), Path("/installer/pip.conf")
    if certificates.is_file():
        command += ["--cert", str(certificates)]
    environment = {**os.environ, **({"PIP_CONFIG_FILE": str(configuration)} if configuration.is_file() else {})}
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"error: pip could not install {requirements}; see above")


def _compile(target: Path) -> None:
    """Make byte code: each package by a process of its own, in one order.

    What is written of a string depends on what its process has compiled before (bpo-34093), so a pool that takes
    files as they come makes other files each time.
    """
    # Checked against nothing at import: the image is read-only, and a source file's date is no part of it.
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    begun = [subprocess.Popen([*command, str(path)], env=environment) for path in sorted(target.iterdir())]
    codes = [process.wait() for process in begun]
    if any(codes):
        raise SystemExit("error: byte code could not be made of all files; see above")


def _pip() -> list[str]:
    """The pip of the wheelhouse, which runs without being installed, else the base image's."""
    for wheel in Path("/installer").glob("pip-*.whl"):
        return [f"{wheel}/pip"]
    if find_spec("pip") is None:
        raise SystemExit("error: this base image has no pip; build from a wheelhouse")
    return ["-m", "pip"]


def _strip(target: Path) -> None:
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink() and path.name in _NOT_NEEDED_FOLDERS:
            shutil.rmtree(path)
    for pattern in _NOT_NEEDED_FILES:
        for path in target.rglob(pattern):
            path.unlink()
    for pattern in _NEVER_IMPORTED:
        for path in target.glob(pattern):
            path.unlink()
    for pattern in _NEVER_IMPORTED_PACKAGES:
        for path in target.glob(pattern):
            shutil.rmtree(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
