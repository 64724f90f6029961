"""Whether an object is what Kubernetes, or KServe's definitions, say of its kind; unknown fields are none."""

import lzma
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

NEWEST = ".".join(kubernetes_validate.latest_version().split(".")[:2])
_FOLDER = Path(__file__).parent / "kserve"


@cache
def definitions() -> dict[str, dict[str, Any]]:
    """KServe's CustomResourceDefinitions, by kind."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = [yaml.load(lzma.decompress(path.read_bytes()), loader) for path in sorted(_FOLDER.glob("*.xz"))]  # noqa: S506
    return {each["spec"]["names"]["kind"]: each for each in found}


def check(document: dict[str, Any], version: str = NEWEST) -> None:
    """Raise ValueError where an object is not what is known of its kind."""
    group, _, served = document["apiVersion"].partition("/")
    if not group.endswith("kserve.io"):
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            raise ValueError(f"{'.'.join(map(str, error.path))}: {error.message}") from None
        return
    for wrong in _validator(document["kind"], served).iter_errors(document):
        raise ValueError(f"{wrong.json_path}: {wrong.message}")


@cache
def _validator(kind: str, served: str) -> Any:
    """Without a look at whether the schema is one, which takes half a minute."""
    (version,) = (each for each in definitions()[kind]["spec"]["versions"] if each["name"] == served)
    return jsonschema.Draft202012Validator(_closed(version["schema"]["openAPIV3Schema"]))


def _closed(schema: Any) -> Any:
    """The schema with every object closed to fields that it does not name, as `fieldValidation: Strict` has it."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _closed(each) for key, each in schema.items()}
    if isinstance(found.get("properties"), dict) and found.get("type") == "object":
        open_to_all = found.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in found
        if not open_to_all:
            found["additionalProperties"] = False
    return found
