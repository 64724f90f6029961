"""The Open Inference Protocol: addresses, forms of a body, errors. Scores are those of `model.score`, bit for bit."""

import json
import struct

import netanomaly
import numpy as np
import pyarrow as pa
import pytest

from tests.serving.running import ARROW, document, stream


def bits(values) -> bytes:
    return np.asarray(values, dtype=np.float32).tobytes()


def binary(table: pa.Table, **more) -> tuple[bytes, str]:
    """A request whose tensors stand behind its JSON, and the length of that."""
    asked = document(table, **more)
    blobs = []
    for tensor in asked["inputs"]:
        values = tensor.pop("data")
        if tensor["datatype"] == "BYTES":
            texts = [(value or "").encode() for value in values]
            blobs.append(b"".join(struct.pack("<I", len(text)) + text for text in texts))
        else:
            blobs.append(np.array(values, dtype="<f8").tobytes())
        tensor["parameters"] = {"binary_data_size": len(blobs[-1])}
    head = json.dumps(asked).encode()
    return head + b"".join(blobs), str(len(head))


def test_the_server_and_its_model_say_what_they_are(served, office):
    about = served.ask("/v2").json
    assert (about["name"], about["version"]) == ("netanomaly", netanomaly.__version__)
    model = served.ask("/v2/models/office").json
    assert model == served.ask("/v2/models/office/versions/1").json
    assert [each["name"] for each in model["inputs"]] == list(office.models[0].schema.features)
    assert {each["name"]: each["datatype"] for each in model["inputs"]}["service"] == "BYTES"
    assert [each["name"] for each in model["outputs"]] == ["score", "tail_probability", "alert", "reasons"]
    assert model["properties"]["digest"].startswith("sha256:")
    assert all(isinstance(value, str) for value in model["properties"].values())


@pytest.mark.parametrize(
    "path", ["health/live", "health/ready", "models/office/ready", "models/office/versions/1/ready"]
)
def test_health(served, path):
    assert served.ask(f"/v2/{path}").status == 200


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v2/models/other", "'office' is"),
        ("/v2/models/office/versions/2", "version 1 is"),
        ("/v2/models/office/versions/2/infer", "POST"),
        ("/v3", "/openapi.json"),
        ("/docs", "/openapi.json"),
    ],
)
def test_what_is_not_there_is_told_in_the_protocols_words(served, path, said):
    answered = served.ask(path)
    assert answered.status in (404, 405)
    assert list(answered.json) == ["error"]
    assert said in answered.json["error"] or answered.status == 405


def test_scores_by_json_are_those_of_the_model(served, office):
    table = office.rows()
    answered = served.score(table, id="42")
    assert answered.status == 200
    scores = office.models[0].score(table)
    assert bits(answered.output("score")) == bits(scores)
    assert answered.output("alert") == (scores > office.models[0].threshold).tolist()
    assert any(answered.output("alert"))
    document = answered.json
    assert (document["model_name"], document["model_version"], document["id"]) == ("office", "1", "42")
    assert document["parameters"]["threshold"] == office.models[0].threshold


def test_scores_by_arrow_are_those_of_the_model(served, office):
    table = office.rows()
    answered = served.ask(served.infer, stream(table), content_type=ARROW)
    made = pa.ipc.open_stream(answered.body).read_all()
    assert bits(made["score"]) == bits(office.models[0].score(table))
    assert json.loads(made.schema.metadata[b"netanomaly"])["model_version"] == "1"


def test_scores_by_bytes_are_those_of_the_model(served, office):
    table = office.rows()
    body, length = binary(table, parameters={"binary_data_output": True})
    answered = served.ask(
        served.infer, body, content_type="application/octet-stream", Inference_Header_Content_Length=length
    )
    assert answered.status == 200
    count = int({name.lower(): value for name, value in answered.headers.items()}["inference-header-content-length"])
    behind = answered.body[count:]
    assert behind[: 4 * table.num_rows] == bits(office.models[0].score(table))
    sizes = [each["parameters"]["binary_data_size"] for each in json.loads(answered.body[:count])["outputs"]]
    assert sum(sizes) == len(behind)


def test_one_row_at_a_time_gets_the_same_scores(served, office):
    table = office.rows(30)
    one_by_one = [served.score(table.slice(row, 1)).output("score")[0] for row in range(30)]
    assert bits(one_by_one) == bits(office.models[0].score(table.slice(0, 30)))


def test_values_are_read_as_a_sensor_writes_them(served, office):
    """Numbers as texts, `-` for what is missing, blanks around words: the model's own reading."""
    table = office.rows(10)
    texts = [["-" if value is None else repr(value) for value in table["packets"].to_pylist()]]
    words = [None if value is None else f" {value} " for value in table["service"].to_pylist()]
    written = table.set_column(2, "packets", pa.array(texts[0])).set_column(4, "service", pa.array(words, pa.string()))
    assert bits(served.score(written).output("score")) == bits(office.models[0].score(table))


def test_nan_as_python_writes_it_is_a_missing_value(served, office):
    table = office.rows(3)
    missing = table.set_column(0, "duration_seconds", pa.array([None] * table.num_rows, pa.float64()))
    asked = document(missing)
    asked["inputs"][0]["data"] = [float("nan"), float("inf"), None]
    answered = served.ask(served.infer, json.dumps(asked).encode())
    assert bits(answered.output("score")) == bits(office.models[0].score(missing))


@pytest.mark.parametrize(
    "written",
    ["Infinity", "-Infinity", "NaN", "null", "1e999", "-1e999", "1" + "0" * 400, "-1" + "0" * 400, "1e39"],
)
@pytest.mark.parametrize("beside", ["1", "NaN", "1e999"])
def test_what_no_detector_can_hold_is_missing_however_it_is_written(served, office, written, beside):
    """One law for all notations: that of a sensor's file, where `1e999` and `inf` are missing, too."""
    table = office.rows(3).slice(0, 3)
    other = 1.0 if beside == "1" else None
    missing = table.set_column(0, "duration_seconds", pa.array([None, other, 2.0], pa.float64()))
    asked = document(missing)
    asked["inputs"][0]["data"] = ["HERE", "BESIDE", 2]
    body = json.dumps(asked).replace('"HERE"', written).replace('"BESIDE"', beside).encode()
    answered = served.ask(served.infer, body)
    assert answered.status == 200, answered.body
    assert bits(answered.output("score")) == bits(office.models[0].score(missing))


def test_a_text_that_speaks_of_nan_is_no_nan(served, office):
    table = office.rows(2).slice(0, 2)
    named = table.set_column(4, "service", pa.array(["NaNcy", "Infinity Inc"]))
    assert bits(served.score(named).output("score")) == bits(office.models[0].score(named))


def test_reasons_and_another_budget_come_by_parameters(served, office):
    table = office.rows(20)
    answered = served.score(table, parameters={"explain": 2, "budget": 0.1})
    model = office.models[0]
    assert answered.output("alert") == (model.score(table) > model.operating_point(0.1).threshold).tolist()
    reasons = [json.loads(each) for each in answered.output("reasons")]
    expected = model.explain(table, 2)
    assert [[each["feature"] for each in row] for row in reasons] == [[each.name for each in row] for row in expected]
    arrow = served.ask(f"{served.infer}?explain=2&budget=0.1", stream(table), content_type=ARROW)
    made = pa.ipc.open_stream(arrow.body).read_all()
    assert made["reasons"].to_pylist() == answered.output("reasons")
    assert made["alert"].to_pylist() == answered.output("alert")


def test_outputs_are_chosen_by_name(served, office):
    answered = served.score(office.rows(3), outputs=[{"name": "alert"}])
    assert [each["name"] for each in answered.json["outputs"]] == ["alert"]
    refused = served.score(office.rows(3), outputs=[{"name": "reasons"}])
    assert refused.status == 400
    assert "explain" in refused.json["error"]


def test_no_rows_are_answered_with_no_scores(served, office):
    answered = served.score(office.rows(3).slice(0, 0))
    assert answered.status == 200
    assert answered.output("score") == []


def altered(table: pa.Table, **changes):
    asked = document(table)
    for tensor in asked["inputs"]:
        if tensor["name"] == "duration_seconds":
            tensor.update(changes)
    return asked


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": [1.0, "x", 2.0]}, "row 2 is 'x'"),
        ({"data": ["1", "x", "2"], "datatype": "BYTES"}, "row 2: column 'duration_seconds'"),
        ({"data": [1.0]}, "has shape [3] and 1 values"),
        ({"shape": [3, 2]}, "of shape [rows]"),
        ({"shape": [-1]}, "shape [-1]"),
        ({"shape": [2], "data": [1, 2]}, "give every column as many"),
        ({"datatype": "FP128"}, "known are BOOL"),
        ({"datatype": "UINT8", "data": [1, 2, 300]}, "no UINT8"),
        ({"datatype": "INT64", "data": [1, 2, 1 << 70]}, "INT64"),
        ({"data": [1, True, 10**400]}, "row 2 is True"),
        ({"name": "service"}, "given twice"),
        ({"name": "other"}, "needs the columns duration_seconds"),
        ({"parameters": {"binary_data_size": 24}}, "binary_data_size"),
    ],
)
def test_what_is_wrong_with_a_column_is_named(served, office, change, said):
    answered = served.ask(served.infer, json.dumps(altered(office.rows(3).slice(0, 3), **change)).encode())
    assert answered.status == 400
    assert list(answered.json) == ["error"]
    assert said in answered.json["error"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"inputs": null}', b'{"inputs": []}', b'{"inputs": [1]}', b"\xff", b"[" * 100_000,
     b'{"inputs": [NaN]}', b'{"inputs": [{"name": "NaN", "shape": [' + b"9" * 5000 + b"]}]}"],
)  # fmt: skip
def test_what_is_no_request_is_refused(served, body):
    answered = served.ask(served.infer, body, content_type="application/json")
    assert answered.status == 400
    assert list(answered.json) == ["error"]
    assert ("is empty" in answered.json["error"]) is (body == b"")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"explian": 3}, "did you mean 'explain'"),
        ({"explain": -1}, "0 to 100"),
        ({"explain": "3"}, "0 to 100"),
        ({"budget": 0.3}, "it carries 0.005"),
        ({"budget": "x"}, "operating points"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(served, office, parameters, said):
    answered = served.score(office.rows(3), parameters=parameters)
    assert answered.status == 400
    assert said in answered.json["error"]


def test_parameters_may_be_null_and_those_of_other_clients_are_let_pass(served, office):
    assert served.score(office.rows(3), parameters=None).status == 200
    assert served.score(office.rows(3), parameters={"priority": 1, "sequence_id": 0}).status == 200


def test_a_body_in_another_form_is_told_which_are_read(served):
    answered = served.ask(served.infer, b"a,b\n1,2\n", content_type="text/csv")
    assert answered.status == 415
    assert "application/json" in answered.json["error"]
    assert served.ask(served.infer, b"x", content_encoding="gzip").status == 415


def test_a_repeated_header_is_no_row(served, office):
    table = pa.table({name: pa.array([name]) for name in office.rows(1).column_names})
    answered = served.score(table)
    assert answered.status == 400
    assert "repeats the names of the columns" in answered.json["error"]
