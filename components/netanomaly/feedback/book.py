"""Where feedback is kept: objects under one prefix, each created once and never changed or removed.

    verdicts/<model>/<verdict>.json        what somebody said of an alert
    withdrawals/<model>/<verdict>.json     that it no longer holds: one for each verdict
    reviews/<model>/<review>.json          what was proposed for review
    rows/<model>/<sha256>.parquet          flows of judged incidents, for training

Every object is created by a conditional write, so that two people at once both are heard, and one who sends twice is heard
once. An object that cannot be read silences nothing; it is told of.
"""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from netanomaly.errors import Absent, InputError, NetanomalyError, Refused
from netanomaly.feedback import documents
from netanomaly.feedback.documents import ATTACK, BENIGN, KeptRows, Review, Verdict, Withdrawal
from netanomaly.registry import names
from netanomaly.registry.location import Location, locate
from netanomaly.registry.store import Store

_READERS = 16
_ID_DIGITS = 16

T = TypeVar("T", Verdict, Withdrawal, Review)


def place(feedback: str, registry: str) -> str:
    """Where feedback is: as it was said, or beside the models that it is about, in the registry's folder `feedback`."""
    return feedback or f"{registry.rstrip('/')}/feedback"


def open_book(uri: str) -> "Book":
    """The feedback in a folder or a bucket, which need not exist yet. Raises as `registry.location.locate`."""
    return Book(locate(uri))


@dataclass(frozen=True)
class Pages:
    """What stands in the book about one model.

    Attributes:
        verdicts: Every one, the oldest first.
        withdrawn: By verdict, what withdrew it; None where that cannot be read, which withdraws all the same.
        reviews: Every one, the oldest first.
        unreadable: Keys of objects that could not be read, and why.
    """

    verdicts: list[Verdict] = field(default_factory=list)
    withdrawn: dict[str, Withdrawal | None] = field(default_factory=dict)
    reviews: list[Review] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)

    def last_words(self) -> list[Verdict]:
        """Of each alert the last verdict that was not withdrawn, the oldest first."""
        found = {verdict.alert: verdict for verdict in self.verdicts if verdict.id not in self.withdrawn}
        return sorted(found.values(), key=lambda verdict: (verdict.at, verdict.id))

    def holding(self, at: datetime) -> list[Verdict]:
        """Of the last words those that something follows from at this moment: benign and not expired, or attack."""
        return [
            verdict
            for verdict in self.last_words()
            if verdict.scope is not None
            and (verdict.said == ATTACK or (verdict.said == BENIGN and not expired(verdict, at)))
        ]


def expired(verdict: Verdict, at: datetime) -> bool:
    """Whether its time is over; also where it is not said, which nobody writes."""
    try:
        return datetime.fromisoformat(verdict.expires_at) <= at
    except (ValueError, TypeError):
        return True


class Book:
    """Feedback in one place."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self.uri = location.uri

    @property
    def _read(self) -> Store:
        return self._location.read

    def add(self, verdict: Verdict) -> Verdict:
        """Write a verdict down, under an id by its content; the very same again changes nothing."""
        names.model_name(verdict.model)
        verdict = msgspec.structs.replace(verdict, id=_digest(msgspec.structs.replace(verdict, id="")))
        self._create(f"verdicts/{verdict.model}/{verdict.id}.json", documents.encode(verdict))
        return verdict

    def withdraw(self, model: str, verdict: str, *, why: str, by: str, at: str) -> Withdrawal:
        """Write down that a verdict no longer holds.

        Raises:
            InputError: It was withdrawn before.
        """
        written = Withdrawal(verdict=verdict, why=why, by=by, at=at)
        key = f"withdrawals/{model}/{verdict}.json"
        if not self._create(key, documents.encode(written)):
            before = self._one(Withdrawal, key)
            if isinstance(before, Withdrawal) and (before.by, before.why) != (by, why):
                raise InputError(
                    f"verdict {verdict} was withdrawn before, by {before.by} on {before.at[:10]}: {before.why}"
                )
        return written

    def propose(self, review: Review) -> Review:
        """Write down what is proposed for review; the one that stands there where the same was proposed before."""
        key = f"reviews/{review.model}/{review.id}.json"
        if self._create(key, documents.encode(review)):
            return review
        before = self._one(Review, key)
        if isinstance(before, str):
            raise InputError(f"{self.uri}/{key} cannot be read: {before}")
        return before

    def keep_rows(self, model: str, file: Path, of: int, rows: int) -> KeptRows:
        """Keep a Parquet file of an incident's flows."""
        done = self._location.write.upload(file, lambda sha256: f"rows/{model}/{sha256}.parquet")
        return KeptRows(done.key, done.sha256, rows, of)

    def models(self) -> list[str]:
        """The models that something was said about, by name."""
        found = {key.split("/")[1] for item in self._read.list("verdicts/") if (key := item.key).count("/") == 2}
        return sorted(name for name in found if names.is_model_name(name))

    def pages(self, model: str) -> Pages:
        """All that stands about a model."""
        names.model_name(model)
        unreadable: dict[str, str] = {}
        verdicts = self._all(Verdict, f"verdicts/{model}/", unreadable)
        withdrawals = self._all(Withdrawal, f"withdrawals/{model}/", unreadable)
        reviews = self._all(Review, f"reviews/{model}/", unreadable)
        for key, verdict in list(verdicts.items()):
            if verdict.model != model or key != f"verdicts/{model}/{verdict.id}.json":
                unreadable[key] = "it was moved here from another place"
                del verdicts[key]
        return Pages(
            verdicts=sorted(verdicts.values(), key=lambda each: (each.at, each.id)),
            withdrawn={
                key.rpartition("/")[2].removesuffix(".json"): withdrawals.get(key)
                for key in (*withdrawals, *unreadable)
                if key.startswith("withdrawals/")
            },
            reviews=sorted(reviews.values(), key=lambda each: (each.at, each.id)),
            unreadable=unreadable,
        )

    def _all(self, kind: type[T], prefix: str, unreadable: dict[str, str]) -> dict[str, T]:
        keys = [item.key for item in self._read.list(prefix) if item.key.endswith(".json")]
        with ThreadPoolExecutor(_READERS) as readers:
            read = list(readers.map(lambda key: self._one(kind, key), keys))
        found: dict[str, T] = {}
        for key, each in zip(keys, read, strict=True):
            if isinstance(each, str):
                unreadable[key] = each
            else:
                found[key] = each
        return found

    def _one(self, kind: type[T], key: str) -> T | str:
        """The object, or what is wrong with it."""
        try:
            return documents.decode(kind, self._read.get(key).data)
        except Absent:
            return "it is gone"
        except ValueError as error:
            return str(error)
        except NetanomalyError as error:
            if isinstance(error, InputError):
                return str(error)
            raise

    def _create(self, key: str, data: bytes) -> bool:
        try:
            self._location.write.put_new(key, data)
        except Refused:
            return False
        return True


def identity(parts: Iterable[str]) -> str:
    """A digest of texts, as ids here are."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_ID_DIGITS]


def now() -> datetime:
    return datetime.now(UTC)


def _digest(verdict: Verdict) -> str:
    return hashlib.sha256(documents.encode(verdict)).hexdigest()[:_ID_DIGITS]
