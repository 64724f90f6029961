"""One MLflow server for all tests here, and documents of a run as the stages write them."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from netanomaly.tracking import Access
from netanomaly.tracking.patience import Clock
from netanomaly.tracking.server import Server

from tests.tracking import mlflow_server

NEEDS_MLFLOW = "an MLflow server is installed and asked by make test-mlflow"


@dataclass(frozen=True)
class MLflow:
    """A server, asked without our client."""

    port: int

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ours(self, seconds: float = 60) -> Server:
        """Our client of it."""
        return Server(Access(self.uri), Clock(seconds))

    def get(self, path: str, /, **query: str) -> dict[str, Any]:
        with urlopen(f"{self.uri}/api/2.0/mlflow{path}?{urlencode(query)}", timeout=30) as answer:  # noqa: S310 - of this test
            return json.load(answer)

    def post(self, path: str, /, **body: Any) -> dict[str, Any]:
        request = Request(  # noqa: S310 - of this test
            f"{self.uri}/api/2.0/mlflow{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - of this test
            return json.load(answer)

    def runs(self, experiment: str) -> list[dict[str, Any]]:
        """The runs of an experiment, oldest first; none where there is no such experiment."""
        found = self.post("/experiments/search", max_results=1000)["experiments"]
        ids = [each["experiment_id"] for each in found if each["name"] == experiment]
        if not ids:
            return []
        order = ["attributes.start_time ASC"]
        return self.post("/runs/search", experiment_ids=ids, max_results=1000, order_by=order).get("runs", [])

    def files(self, run_id: str, path: str = "") -> dict[str, int]:
        """The files below a run, and their sizes."""
        found: dict[str, int] = {}
        query = {"run_id": run_id, **({"path": path} if path else {})}
        for each in self.get("/artifacts/list", **query).get("files", []):
            found |= self.files(run_id, each["path"]) if each["is_dir"] else {each["path"]: int(each["file_size"])}
        return found


def values(run: dict[str, Any], kind: str) -> dict[str, Any]:
    """Parameters (`params`), `metrics` or `tags` of a run."""
    return {each["key"]: each["value"] for each in run["data"].get(kind, [])}


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory) -> Iterator[MLflow]:
    if os.environ.get("NETANOMALY_TEST_MLFLOW") != "1":
        pytest.skip(NEEDS_MLFLOW)
    with mlflow_server.running(tmp_path_factory.mktemp("mlflow")) as port:
        yield MLflow(port)


@pytest.fixture(autouse=True)
def _nobodys_mlflow(monkeypatch) -> None:
    """What the environment of whoever runs the tests names is left alone."""
    for name in ("URI", "TOKEN", "USERNAME", "PASSWORD", "AUTH", "SERVER_CERT_PATH"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
