"""The OpenAPI page of what is served: the Open Inference Protocol's addresses, and ours."""

from typing import Any

from netanomaly import __version__
from netanomaly.serving.options import Limits

_ARROW = "application/vnd.apache.arrow.stream"
_NUMBERS = [
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP16",
    "FP32",
    "FP64",
    "BYTES",
]


def document(limits: Limits, *, token: bool) -> dict[str, Any]:
    """OpenAPI 3.1."""
    paths: dict[str, Any] = {
        "/v2": {"get": _get("Server metadata", "server")},
        "/v2/health/live": {"get": _get("Whether the process answers", "live", open_to_all=True)},
        "/v2/health/ready": {"get": _get("Whether requests are answered", "ready", "503", open_to_all=True)},
        "/metrics": {"get": _get("Metrics in Prometheus's text format", None)},
        "/openapi.json": {"get": _get("This page", "any")},
    }
    for middle, parameters in (("", ["name"]), ("/versions/{version}", ["name", "version"])):
        base = f"/v2/models/{{name}}{middle}"
        given = [{"name": each, "in": "path", "required": True, "schema": {"type": "string"}} for each in parameters]
        paths[base] = {"parameters": given, "get": _get("Columns, operating points, version", "model", "404", "503")}
        paths[f"{base}/ready"] = {"parameters": given, "get": _get("Whether it is served", "any", "404", "503")}
        paths[f"{base}/infer"] = {"parameters": given, "post": _infer(limits)}
    for path in paths.values():
        for operation in path.values():
            if token and isinstance(operation, dict) and operation.get("security") != []:
                operation["responses"]["401"] = _refusal("No token, or another one")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "netanomaly",
            "version": __version__,
            "summary": "Anomaly scores of network traffic by the Open Inference Protocol, version 2",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            **({"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}} if token else {}),
        },
        **({"security": [{"token": []}]} if token else {}),
    }


def _get(summary: str, schema: str | None, *refusals: str, open_to_all: bool = False) -> dict[str, Any]:
    if schema is None:
        content: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": _reference(schema)}}
    responses: dict[str, Any] = {"200": {"description": summary, "content": content}}
    said = {"404": "Another model or version is served here", "503": "Not ready: nothing is loaded, or going down"}
    for code in refusals:
        responses[code] = {
            "description": said[code],
            "content": {"application/json": {"schema": _reference("ready" if schema == "ready" else "any")}},
        }
    return {"summary": summary, "responses": responses, **({"security": []} if open_to_all else {})}


def _infer(limits: Limits) -> dict[str, Any]:
    refusals = {
        "400": "The request's own fault; the message names column, value and what is expected",
        "404": "Another model or version is served here",
        "408": f"The body did not come within {limits.body_seconds:g} seconds",
        "413": f"Over {limits.body_bytes:,} bytes or {limits.rows:,} rows",
        "415": "A body in a form that is not read",
        "429": f"{limits.requests} requests, or {limits.held_bytes:,} bytes of them, are there already; see Retry-After",
        "503": f"Not ready, going down, or it took over {limits.seconds:g} seconds; see Retry-After",
    }
    return {
        "summary": "Scores of rows",
        "description": (
            "One input for each column of the model, by name; see the model's metadata. null, NaN and an empty text are "
            "missing values. An Arrow stream holds the columns as they are; its parameters stand in the address."
        ),
        "parameters": [
            {"name": "explain", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": 100}},
            {"name": "budget", "in": "query", "schema": {"type": "number"}},
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _reference("inference_request")},
                _ARROW: {"schema": {"type": "string", "format": "binary"}},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": {
            "200": {
                "description": "score, tail_probability and alert of each row, and reasons where they are asked for",
                "content": {
                    "application/json": {"schema": _reference("inference_response")},
                    _ARROW: {"schema": {"type": "string", "format": "binary"}},
                    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                },
            },
            **{code: _refusal(said) for code, said in refusals.items()},
        },
    }


def _refusal(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _reference("error")}}}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


def _schemas() -> dict[str, Any]:
    text, whole, anything = {"type": "string"}, {"type": "integer"}, {"type": "object"}
    texts = {"type": "array", "items": text}
    datatype = {"type": "string", "enum": _NUMBERS}
    shape = {"type": "array", "items": whole}
    data = {"type": "array", "items": {"type": ["number", "string", "boolean", "null", "array"]}}
    tensors = {
        "type": "array",
        "items": _object({"name": text, "datatype": text, "shape": shape}, {"parameters": anything}),
    }
    parameters = {
        "type": ["object", "null"],
        "properties": {
            "explain": {
                "type": "integer",
                "minimum": 0,
                "maximum": 100,
                "description": "Reasons for each row, at most",
            },
            "budget": {"type": "number", "description": "One of the model's operating points"},
            "binary_data_output": {"type": "boolean"},
        },
    }
    return {
        "any": anything,
        "error": _object({"error": text}),
        "server": _object({"name": text, "version": text, "extensions": texts}),
        "live": _object({"live": {"type": "boolean"}}),
        "ready": _object({"ready": {"type": "boolean"}}, {"serving": text, "detail": text}),
        "model": _object(
            {"name": text, "platform": text},
            {
                "versions": texts,
                "inputs": tensors,
                "outputs": tensors,
                "properties": {"type": "object", "additionalProperties": text},
            },
        ),
        "inference_request": _object(
            {
                "inputs": {
                    "type": "array",
                    "items": _object(
                        {"name": text, "shape": shape, "datatype": datatype}, {"data": data, "parameters": anything}
                    ),
                }
            },
            {
                "id": text,
                "parameters": parameters,
                "outputs": {"type": "array", "items": _object({"name": text}, {"parameters": anything})},
            },
        ),
        "inference_response": _object(
            {"model_name": text, "outputs": {"type": "array", "items": anything}},
            {"model_version": text, "id": text, "parameters": anything},
        ),
    }
