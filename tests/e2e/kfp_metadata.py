"""What the Kubeflow UI shows of a run: its artefacts in ML Metadata, asked for over gRPC-web as the UI itself does."""

import struct
from dataclasses import dataclass
from typing import Any

import requests
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, struct_pb2

_SERVICE = "ml_metadata.MetadataStoreService"
_FIELD = descriptor_pb2.FieldDescriptorProto
_TEXT, _NUMBER, _REAL, _OBJECT = _FIELD.TYPE_STRING, _FIELD.TYPE_INT64, _FIELD.TYPE_DOUBLE, _FIELD.TYPE_MESSAGE

# The fields of ml_metadata/proto/metadata_store(_service).proto that are needed; the rest is passed over.
_MESSAGES: dict[str, list[tuple[str, int, int, str, bool]]] = {
    "Value": [
        ("int_value", 1, _NUMBER, "", False),
        ("double_value", 2, _REAL, "", False),
        ("string_value", 3, _TEXT, "", False),
        ("struct_value", 4, _OBJECT, ".google.protobuf.Struct", False),
    ],
    "Property": [("key", 1, _TEXT, "", False), ("value", 2, _OBJECT, ".ml_metadata.Value", False)],
    "Artifact": [
        ("uri", 3, _TEXT, "", False),
        ("custom_properties", 5, _OBJECT, ".ml_metadata.Property", True),
        ("name", 7, _TEXT, "", False),
        ("type", 8, _TEXT, "", False),
    ],
    "Context": [("id", 1, _NUMBER, "", False)],
    "ContextAsked": [("type_name", 1, _TEXT, "", False), ("context_name", 2, _TEXT, "", False)],
    "ContextFound": [("context", 1, _OBJECT, ".ml_metadata.Context", False)],
    "ArtifactsAsked": [("context_id", 1, _NUMBER, "", False)],
    "ArtifactsFound": [("artifacts", 1, _OBJECT, ".ml_metadata.Artifact", True)],
}


@dataclass(frozen=True)
class Shown:
    """One artefact. `type` is KFP's, e.g. `system.Metrics`; `name` its output's name."""

    type: str
    name: str
    uri: str
    metadata: dict[str, Any]


def artifacts(ui: str, run_id: str) -> list[Shown]:
    """Every artefact of a run; `ui` is the address of the Kubeflow Pipelines UI."""
    context = _ask(
        ui,
        "GetContextByTypeAndName",
        "ContextAsked",
        "ContextFound",
        type_name="system.PipelineRun",
        context_name=run_id,
    ).context
    found = _ask(ui, "GetArtifactsByContext", "ArtifactsAsked", "ArtifactsFound", context_id=context.id)
    shown = []
    for artifact in found.artifacts:
        metadata = {each.key: _plain(each.value) for each in artifact.custom_properties}
        name = str(metadata.get("display_name", artifact.name))
        shown.append(Shown(artifact.type, name, artifact.uri, metadata))
    return shown


def _plain(value: Any) -> Any:
    kind = next((field.name for field, _ in value.ListFields()), "")
    found = getattr(value, kind) if kind else None
    return json_format.MessageToDict(found) if kind == "struct_value" else found


def _ask(ui: str, method: str, asked: str, found: str, **fields: Any) -> Any:
    body = _MADE[asked](**fields).SerializeToString()
    answer = requests.post(
        f"{ui.rstrip('/')}/{_SERVICE}/{method}",
        data=struct.pack(">BI", 0, len(body)) + body,
        headers={"Content-Type": "application/grpc-web+proto", "X-Grpc-Web": "1"},
        timeout=30,
    )
    answer.raise_for_status()
    flag, length = struct.unpack(">BI", answer.content[:5])
    assert flag == 0, answer.content[:300]
    return _MADE[found].FromString(answer.content[5 : 5 + length])


def _messages() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(
        name="metadata.proto", package="ml_metadata", dependency=["google/protobuf/struct.proto"]
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of, repeated in fields:
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            message.field.add(name=field, number=number, type=kind, type_name=of or None, label=label)
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"ml_metadata.{name}")) for name in _MESSAGES
    }


_MADE = _messages()
