"""Clients of others, from environments of their own: `make test-clients`; `make test` skips them."""

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.clients import environments
from tests.serving.conftest import Office, office, served, trained  # noqa: F401 - fixtures
from tests.serving.running import Server

HERE = Path(__file__).parent


def python(name: str) -> Path:
    if os.environ.get("NETANOMALY_TEST_CLIENTS") != "1":
        pytest.skip(f"the client {name} has an environment of its own, and takes a minute: make test-clients")
    return environments.make(name)


def run(name: str, address: str, of: Office, tmp_path: Path) -> dict:
    """What a script of a client says of some rows."""
    table = of.rows(20)
    (tmp_path / "rows.json").write_text(json.dumps({each: table[each].to_pylist() for each in table.column_names}))
    command = [python(name), HERE / f"with_{name}.py", address, "office", tmp_path / "rows.json"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def holds(said: dict, of: Office) -> None:
    """The answers are the model's own, by every form that the client sends."""
    table = of.rows(20)
    scores = of.models[0].score(table)
    assert (said["live"], said["ready"], said["model_ready"]) == (True, True, True)
    for form in ("json", "binary"):
        answer = said["answers"][form]
        assert np.array(answer["score"], dtype=np.float32).tobytes() == scores.tobytes()
        assert answer["alert"] == (scores > of.models[0].threshold).tolist()
        assert answer["id"] == "7"
    assert "needs the columns" in said["refused"]


def test_tritons_client(served: Server, office, tmp_path):  # noqa: F811 - fixtures
    said = run("tritonclient", served.url.removeprefix("http://"), office, tmp_path)
    holds(said, office)
    assert {answer["version"] for answer in said["answers"].values()} == {"1"}
    assert (said["server"], said["other_ready"]) == ("netanomaly", False)
    explained = office.models[0].explain(office.rows(20), 2)
    for form in ("json", "binary"):
        reasons = [json.loads(each) for each in said["answers"][form]["reasons"]]
        assert [[each["feature"] for each in row] for row in reasons] == [
            [each.name for each in row] for row in explained
        ]


def test_kserves_client(served: Server, office, tmp_path):  # noqa: F811 - fixtures
    holds(run("kserve", served.url, office, tmp_path), office)


def schemathesis(location: str | Path, url: str, *options: str) -> None:
    command = [python("schemathesis").parent / "schemathesis", "run", location, "--url", url, *options]
    done = subprocess.run(
        [*map(str, command), "--phases", "examples,coverage,fuzzing", "--seed", "7", "--warnings", "off"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_the_protocols_own_description_holds(served: Server, tmp_path):  # noqa: F811 - fixtures
    """KServe's file, whose path parameters are written `${MODEL_NAME}`, for the model that is served."""
    text = (HERE / "open_inference_rest.yaml").read_text()
    text = text.replace("${MODEL_NAME}", "office").replace("${MODEL_VERSION}", "1")
    text = re.sub(r"\n    parameters:\n(      .*\n)+", "\n", text)
    (tmp_path / "rest.yaml").write_text(text)
    checks = "not_a_server_error,content_type_conformance,response_schema_conformance,status_code_conformance"
    schemathesis(tmp_path / "rest.yaml", served.url, "--checks", checks, "--max-examples", "100")


def test_our_own_description_holds(served: Server):  # noqa: F811 - fixtures
    left_out = "positive_data_acceptance,unsupported_method"
    schemathesis(
        f"{served.url}/openapi.json",
        served.url,
        "--checks",
        "all",
        "--exclude-checks",
        left_out,
        "--max-examples",
        "60",
    )
