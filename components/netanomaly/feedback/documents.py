"""Feedback as JSON objects, each written once: verdicts, withdrawals of verdicts, and what was proposed for review.

Each carries `format`. A field that is not known is ignored, a later format is refused for that object alone.
"""

from typing import Annotated, Literal, TypeVar

import msgspec

from netanomaly import __version__
from netanomaly.registry import bounds

FORMAT = 1

Said = Literal["benign", "attack", "unsure"]
BENIGN: Said = "benign"
ATTACK: Said = "attack"
UNSURE: Said = "unsure"

_Text = Annotated[str, msgspec.Meta(max_length=4096)]
_Texts = Annotated[list[_Text], msgspec.Meta(max_length=256)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Which incidents a verdict is about: what each names has to hold.

    Attributes:
        entity_type: Whose they are: source or target.
        entity: The host's address, or a network.
        features: What an incident stands out by is among these.
        technique: The hint that it carries; empty: none.
        severity: The gravest.
        targets: Networks that its targets are in; None: any.
        ports: Its destination ports are among these; None: any.
    """

    entity_type: _Text
    entity: _Text
    features: _Texts
    technique: _Text = ""
    severity: _Text = "critical"
    targets: _Texts | None = None
    ports: _Texts | None = None


class KeptRows(msgspec.Struct, frozen=True):
    """The flows of the judged incident as the model saw them, in a Parquet file of the store. `of`: all that it had."""

    path: _Text
    sha256: _Text
    rows: _Count
    of: _Count


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one person says of one alert.

    `scope` is None where nothing follows for others: the alert names no host, or nothing is known. `expires_at` is
    there where it is benign and has a scope.
    """

    id: _Text
    model: _Text
    version: _Count
    alert: _Text
    title: _Text
    said: Said
    why: _Text
    by: _Text
    at: _Text
    scope: Scope | None = None
    expires_at: _Text = ""
    rows: KeptRows | None = None
    format: int = FORMAT
    written_by: _Text = __version__


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """That a verdict no longer holds."""

    verdict: _Text
    why: _Text
    by: _Text
    at: _Text
    format: int = FORMAT
    written_by: _Text = __version__


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What was proposed for review of `incidents` incidents: some drawn at random, and the loudest of the others."""

    id: _Text
    model: _Text
    by: _Text
    at: _Text
    incidents: _Count
    drawn: _Texts
    loudest: _Texts
    format: int = FORMAT
    written_by: _Text = __version__


T = TypeVar("T", Verdict, Withdrawal, Review)


class _Format(msgspec.Struct):
    format: int
    written_by: str = ""


def encode(document: Verdict | Withdrawal | Review) -> bytes:
    """As it is stored: sorted keys, no blanks."""
    return msgspec.json.encode(document, order="sorted")


def decode(kind: type[T], data: bytes) -> T:
    """Read an object.

    Raises:
        ValueError: It is no such object, or a later netanomaly wrote it.
    """
    written = bounds.parse(_Format, data)
    if written.format > FORMAT:
        raise ValueError(f"it has format {written.format}, and netanomaly {__version__} reads up to {FORMAT}")
    return bounds.parse(kind, data)
