"""Run by Triton's client: `with_tritonclient.py HOST:PORT MODEL ROWS.json` prints what it was answered."""

import json
import sys

import numpy as np
import tritonclient.http as triton

address, model, path = sys.argv[1:]
with open(path, encoding="utf-8") as file:  # noqa: PTH123 - no library of ours here
    columns = json.load(file)
client = triton.InferenceServerClient(address)
about = client.get_model_metadata(model)
kinds = {each["name"]: each["datatype"] for each in about["inputs"]}
answers = {}
for binary in (True, False):
    inputs = []
    for name, values in columns.items():
        made = triton.InferInput(name, [len(values)], kinds[name])
        kind = object if kinds[name] == "BYTES" else np.float64
        texts = ["" if value is None and kind is object else value for value in values]
        made.set_data_from_numpy(np.array(texts, dtype=kind), binary_data=binary)
        inputs.append(made)
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("score", "alert", "reasons")]
    found = client.infer(model, inputs, outputs=wanted, request_id="7", parameters={"explain": 2})
    answers["binary" if binary else "json"] = {
        "score": found.as_numpy("score").astype(np.float32).tolist(),
        "alert": found.as_numpy("alert").tolist(),
        "reasons": [each.decode() if isinstance(each, bytes) else each for each in found.as_numpy("reasons").tolist()],
        "version": found.get_response()["model_version"],
        "id": found.get_response()["id"],
    }
try:
    client.infer(model, inputs[:1])
    refused = ""
except triton.InferenceServerException as error:
    refused = str(error)
print(
    json.dumps(
        {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "model_ready": client.is_model_ready(model),
            "other_ready": client.is_model_ready("other"),
            "server": client.get_server_metadata()["name"],
            "answers": answers,
            "refused": refused,
        }
    )
)
