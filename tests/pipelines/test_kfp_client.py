"""kfp's own client with the compiled file: the server gets pipeline and platform settings, nothing else is asked for."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import kfp
import pytest
import yaml

from tests.command import COMPILED


@pytest.fixture
def server():
    """As much of the API as starting a run takes; gives its address and the bodies that were posted."""
    posted: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.answer({"experiments": [{"experiment_id": "e", "display_name": "Default"}]})

        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer({"run_id": "r", "experiment_id": "e", "display_name": "x"})

        def answer(self, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", posted
        listening.shutdown()
        thread.join()


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_run_is_started_from_the_file_with_no_special_arguments(server):
    host, posted = server
    configuration = {"model_name": "office", "data_source": "s3://bucket/flows.csv"}
    client = kfp.Client(host=host)
    run = client.create_run_from_pipeline_package(
        str(COMPILED / "training.yaml"), arguments={"configuration": configuration}
    )
    assert run.run_id == "r"
    sent = posted[-1]
    assert sent["runtime_config"]["parameters"] == {"configuration": configuration}
    carried = next(yaml.safe_load_all((COMPILED / "training.yaml").read_text()))["deploymentSpec"]["executors"]
    assert set(sent["pipeline_spec"]["pipeline_spec"]["deploymentSpec"]["executors"]) == set(carried)
    on_kubernetes = sent["pipeline_spec"]["platform_spec"]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert all(stage["securityContext"] == {"runAsNonRoot": True} for stage in on_kubernetes.values())
