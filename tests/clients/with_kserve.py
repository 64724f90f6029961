"""Run by KServe's client: `with_kserve.py URL MODEL ROWS.json` prints what it was answered."""

import asyncio
import json
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig

url, model, path = sys.argv[1:]
with open(path, encoding="utf-8") as file:  # noqa: PTH123 - no library of ours here
    columns = json.load(file)


def request(names, *, binary):
    inputs = []
    for name in names:
        values = columns[name]
        text = any(isinstance(value, str) for value in values)
        made = InferInput(name, [len(values)], "BYTES" if text else "FP64")
        if binary:
            kind = object if text else np.float64
            made.set_data_from_numpy(np.array(["" if text and each is None else each for each in values], dtype=kind))
        else:
            made.data = values
        inputs.append(made)
    return InferRequest(model_name=model, infer_inputs=inputs, request_id="7")


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    answers = {}
    for name, binary in (("json", False), ("binary", True)):
        found = await client.infer(url, request(columns, binary=binary), model_name=model)
        outputs = {each.name: each for each in found.outputs}
        answers[name] = {
            "score": outputs["score"].as_numpy().astype(np.float32).tolist(),
            "alert": [bool(each) for each in outputs["alert"].as_numpy().tolist()],
            "id": found.id,
        }
    try:
        await client.infer(url, request(list(columns)[:1], binary=False), model_name=model)
        refused = ""
    except httpx.HTTPStatusError as error:
        refused = str(error)
    print(
        json.dumps(
            {
                "live": await client.is_server_live(url),
                "ready": await client.is_server_ready(url),
                "model_ready": await client.is_model_ready(url, model),
                "answers": answers,
                "refused": refused,
            }
        )
    )


asyncio.run(main())
