"""A real Kubernetes API server with its etcd, on the loopback: built once where there is Go, ten minutes on two cores.

Nothing else of a cluster is there: no controller makes pods of a Deployment, no node runs them. Tests write the status
that controllers would.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3
from netanomaly.kube.api import Api

from tests.store import servers

VERSION = "1.36.3"
ETCD = "3.6.8"
ADMIN, DEPLOYER = "token-of-an-administrator", "token-of-netanomaly-deploy"
_SOURCE = Path(__file__).parent / "server" / "main.go"
_START_SECONDS = 120


def binary() -> Path:
    """Where the servers are, or will be once they are built: both in one program."""
    return servers.cache() / f"kubernetes-{VERSION}"


def build() -> None:
    """Build the servers if they are missing."""
    if binary().is_file():
        return
    print(f"building the Kubernetes API server, once, into {servers.cache()}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        shutil.copy(_SOURCE, where)
        fetched = subprocess.run(
            ["go", "mod", "download", "-json", f"k8s.io/kubernetes@v{VERSION}"],
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
        )
        source = Path(re.search(r'"Dir": "([^"]+)"', fetched.stdout)[1])  # type: ignore[index]
        # Its own go.mod takes these from its tree, which is not part of the module.
        staged = re.findall(r"^\t(k8s\.io/\S+) => \./staging", (source / "go.mod").read_text(), re.MULTILINE)
        replaced = "\n".join(f"replace {name} => {name} v0.{VERSION.partition('.')[2]}" for name in staged)
        (where / "go.mod").write_text(
            f"module netanomaly.test/kubernetes\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v{VERSION}\n"
            f"require go.etcd.io/etcd/server/v3 v{ETCD}\n\n{replaced}\n"
        )
        shutil.copy(source / "go.sum", where)
        built = where / "built"
        subprocess.run(
            ["go", "build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", str(built), "."], check=True, cwd=folder
        )
        servers.cache().mkdir(parents=True, exist_ok=True)
        shutil.move(built, binary())


@dataclass(frozen=True)
class Server:
    """A running API server."""

    address: str
    authority: Path

    def api(self, token: str) -> Api:
        pool = urllib3.PoolManager(cert_reqs="CERT_REQUIRED", ca_certs=str(self.authority))
        return Api(self.address, pool, lambda: f"Bearer {token}", patience=5.0)


@contextmanager
def running(folder: Path, namespace: str) -> Iterator[Server]:
    """Start both servers, empty; `DEPLOYER` is the service account netanomaly-deploy of the namespace."""
    keys = folder / "account.key"
    subprocess.run(["openssl", "genrsa", "-out", str(keys), "2048"], check=True, capture_output=True)
    tokens = folder / "tokens.csv"
    account = f"system:serviceaccount:{namespace}:netanomaly-deploy"
    tokens.write_text(
        f'{ADMIN},admin,1,"system:masters"\n{DEPLOYER},{account},2,"system:serviceaccounts,system:authenticated"\n'
    )
    tokens.chmod(0o600)
    store, peers, port = (servers.free_port() for _ in range(3))
    at_store, at_peers = f"http://127.0.0.1:{store}", f"http://127.0.0.1:{peers}"
    certificates = folder / "certificates"
    with ExitStack() as stack:
        etcd = [
            *(str(binary()), "etcd", "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"),
            *("--listen-client-urls", at_store, "--advertise-client-urls", at_store),
            *("--listen-peer-urls", at_peers, "--initial-advertise-peer-urls", at_peers),
            *("--initial-cluster", f"default={at_peers}"),
        ]
        stack.enter_context(_process(etcd, folder / "etcd.log"))
        server = [
            *(str(binary()), "kube-apiserver", "--etcd-servers", at_store, "--secure-port", str(port)),
            *("--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--cert-dir", str(certificates)),
            *("--service-account-key-file", str(keys), "--service-account-signing-key-file", str(keys)),
            *("--service-account-issuer", "https://kubernetes.default.svc", "--authorization-mode", "RBAC"),
            *("--token-auth-file", str(tokens), "--service-cluster-ip-range", "10.96.0.0/16"),
            # It would wait for a controller that makes accounts' tokens.
            *("--disable-admission-plugins", "ServiceAccount"),
        ]
        process = stack.enter_context(_process(server, folder / "server.log"))
        started = Server(f"https://127.0.0.1:{port}", certificates / "apiserver.crt")
        _wait(started, process, folder / "server.log")
        yield started


@contextmanager
def _process(command: list[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, "HOME": str(log.parent)})
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if server.authority.is_file():
            try:
                if server.api(ADMIN).send("GET", "/readyz")[0] == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
        time.sleep(0.2)
    raise RuntimeError(f"the Kubernetes API server did not start: {log.read_text(errors='replace')[-2000:]}")


if __name__ == "__main__":
    build()
