"""Answers of a Kubeflow Pipelines server, or of whatever answers in its place: bounded, and of the shape they should have.

The server is not trusted with this machine's memory or patience, and a proxy that answers `{}` to everything is no
server. What an answer lacks, or has in another shape, is said in one line.
"""

import time
from typing import Any, NoReturn, TypedDict

import msgspec

from netanomaly import json_input
from netanomaly.cluster.errors import Refused, Unavailable

LARGEST = 32 << 20
MOST_PAGES = 1000
_PIECE_BYTES = 1 << 16
# Beside the time between two pieces, which the connection watches.
_LONGEST_SECONDS = 300.0


class _Child(TypedDict, total=False):
    pod_name: str | None
    task_id: str | None


class _Task(TypedDict, total=False):
    display_name: str | None
    state: str | None
    start_time: str | None
    end_time: str | None
    task_id: str | None
    parent_task_id: str | None
    child_tasks: list[_Child] | None


class _Details(TypedDict, total=False):
    task_details: list[_Task] | None


class _Error(TypedDict, total=False):
    message: str | None


class _Reference(TypedDict, total=False):
    pipeline_id: str | None
    pipeline_version_id: str | None


class _Trigger(TypedDict, total=False):
    cron_schedule: dict[str, str] | None


class _Thing(TypedDict, total=False):
    run_id: str | None
    recurring_run_id: str | None
    experiment_id: str | None
    pipeline_id: str | None
    pipeline_version_id: str | None
    display_name: str | None
    description: str | None
    state: str | None
    storage_state: str | None
    status: str | None
    mode: str | None
    created_at: str | None
    namespace: str | None
    run_details: _Details | None
    error: _Error | None
    pipeline_version_reference: _Reference | None
    trigger: _Trigger | None


class _Answer(_Thing, total=False):
    """Whatever is asked for; names mean the same in every answer."""

    runs: list[_Thing] | None
    recurringRuns: list[_Thing] | None
    experiments: list[_Thing] | None
    pipelines: list[_Thing] | None
    pipeline_versions: list[_Thing] | None
    next_page_token: str | None
    multi_user: bool | None
    tag_name: str | None
    apiServerTagName: str | None
    apiServerReady: bool | None
    data: str | None


def read(response: Any, host: str) -> bytes:
    """The whole of an answer, as it was sent.

    Args:
        response: A `urllib3.HTTPResponse` that was not read yet.
        host: The server.

    Raises:
        Refused: It is larger than any answer, or compressed, which nobody asked for.
        Unavailable: It goes on and on.
    """
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        response.close()
        raise Refused(
            f"{host} sends its answer compressed ({encoding[:40]!r}), which nobody asked for; is there a proxy that does?"
        )
    data = bytearray()
    began = time.monotonic()
    while piece := response.read1(_PIECE_BYTES, decode_content=False):
        data += piece
        if len(data) > LARGEST:
            response.close()
            raise Refused(f"{host} answers with more than {LARGEST >> 20} MiB; it is no Kubeflow Pipelines API")
        if time.monotonic() - began > _LONGEST_SECONDS:
            response.close()
            raise Unavailable(f"{host} has been answering for {_LONGEST_SECONDS:.0f} s and is not done", undecided=True)
    response.release_conn()
    return bytes(data)


def parse(body: bytes) -> "Answer | None":
    """The JSON object in an answer, without its nulls; None where it is something else."""
    try:
        document = json_input.parse(body, _without_nulls)
    except ValueError:
        return None
    return document if isinstance(document, Answer) else None


def checked(document: "Answer", host: str, what: str) -> "Answer":
    """The answer, whose parts have the types that they have in the API; a part that is missing raises where it is used.

    Raises:
        Refused: One has another.
    """
    try:
        msgspec.convert(document, _Answer)
    except UnicodeEncodeError:
        raise Refused(f"{host} answers {what} with half of a character; it is no Kubeflow Pipelines API") from None
    except msgspec.ValidationError as error:
        raise Refused(
            f"{host} answers {what} not as a Kubeflow Pipelines API does: {str(error).replace('`', '')}"
        ) from None
    _name(document, f"{host} answers {what}")
    return document


class Answer(dict[str, Any]):
    """An object of an answer."""

    said_by = "the server answers"

    def __missing__(self, name: str) -> NoReturn:
        raise Refused(f"{self.said_by} without {name!r}; it is no Kubeflow Pipelines API, or one of another version")


def _without_nulls(found: dict[str, Any]) -> Answer:
    return Answer((name, value) for name, value in found.items() if value is not None)


def _name(document: Any, said_by: str) -> None:
    """Let the objects of an answer say whose they are, down to the things in its lists."""
    document.said_by = said_by
    for value in document.values():
        for inner in value if isinstance(value, list) else (value,):
            if isinstance(inner, Answer):
                inner.said_by = said_by
