"""What monitoring keeps of a model beside its head: verdicts, references made anew, and who retrains for which window.

One document, replaced by compare-and-swap like a head, so that two monitors never both believe they were first. It is
bounded: of verdicts and claims the oldest go. It is not signed, and nothing of it is ever loaded as code.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from netanomaly.errors import Absent, InputError, Refused
from netanomaly.registry import bounds, documents
from netanomaly.registry.documents import File
from netanomaly.registry.download import fetch
from netanomaly.registry.errors import DamagedRegistry, NewerFormat
from netanomaly.registry.heads import Patience
from netanomaly.registry.location import Location

FORMAT = 1
MOST_VERDICTS, MOST_CLAIMS = 512, 128
_LONGEST = 500

_Text = Annotated[str, msgspec.Meta(max_length=2000)]


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was said of one window of one version.

    `id` is that of version, window and verdict: the same window judged again says nothing new.
    """

    id: _Text
    at: _Text
    by: _Text
    version: Annotated[int, msgspec.Meta(ge=0, le=10**9)]
    verdict: _Text
    window: _Text
    words: _Text = ""
    first: _Text | None = None
    last: _Text | None = None
    rows: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] = 0
    alerts: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] = 0


class Claim(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who retrains for a window. `state`: claimed, registering, done, or failed; one that is claimed may be taken over.

    `beat` rises with each renewal, so that others see it live without comparing clocks. `taken_from`: the owners before, who
    may not register any more.
    """

    window: _Text
    version: Annotated[int, msgspec.Meta(ge=0, le=10**9)]
    owner: _Text
    at: _Text
    state: _Text = "claimed"
    beat: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] = 0
    words: _Text = ""
    taken_from: list[_Text] = []


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """As it is stored."""

    format: int
    model: str
    verdicts: list[Verdict] = []
    references: dict[str, File] = {}
    claims: list[Claim] = []


class Monitored:
    """The document of one model."""

    def __init__(self, location: Location, model: str) -> None:
        self._location = location
        self._model = model

    @property
    def key(self) -> str:
        return f"{documents.MODELS}{self._model}/monitoring.json"

    def read(self) -> Document:
        """As it is now; an empty one where there is none.

        Raises:
            DamagedRegistry, NewerFormat: It cannot be read.
        """
        return self._found()[0]

    def verdicts(self) -> list[Verdict]:
        """Oldest first."""
        return list(self.read().verdicts)

    def append(self, verdict: Verdict) -> bool:
        """Keep a verdict, unless the same was said of that window before; whether it was new."""
        short = replace(verdict, words=verdict.words[:_LONGEST])
        new = False

        def add(document: Document) -> Document:
            nonlocal new
            new = all(each.id != verdict.id for each in document.verdicts)
            return replace(document, verdicts=[*document.verdicts, short][-MOST_VERDICTS:]) if new else document

        self.change(add)
        return new

    def reference(self, version: int) -> bytes | None:
        """The reference that was made anew for a version, verified; None where none was."""
        file = self.read().references.get(str(version))
        return None if file is None else fetch(self._location.read, file)

    def keep_reference(self, version: int, data: bytes) -> None:
        """Store a reference made anew for a version, in place of one made before."""
        sha256 = documents.digest(data)
        file = File(f"{documents.MODELS}{self._model}/references/{sha256}.json", sha256, len(data))
        with suppress(Refused):  # it is there already, and its name says what it holds
            self._location.write.put_new(file.path, data)
        self.change(lambda document: replace(document, references={**document.references, str(version): file}))

    def keep_left_out(self, name: str, data: bytes) -> str:
        """Store the rows that a retraining leaves out, under a name by their content; where they are."""
        key = f"{documents.MODELS}{self._model}/left_out/{name}"
        with suppress(Refused):  # it is there already
            self._location.write.put_new(key, data)
        return f"{self._location.uri}/{key}"

    def change(self, make: Callable[[Document], Document]) -> Document:
        """Replace the document by what `make` makes of it, again and again until no other writer was faster.

        Raises:
            StoreUnavailable: Others changed it without a gap for two minutes.
        """
        patience = Patience(self._location.uri, self._model)
        while True:
            document, etag, unknown = self._found(writing=True)
            changed = make(document)
            if changed is document:
                return document
            data = documents.canonical({**unknown, **msgspec.to_builtins(changed)})
            if len(data) > bounds.most_bytes(self.key):
                raise InputError(f"what is kept of monitoring model {self._model!r} would be too large")
            store = self._location.write
            try:
                if etag is None:
                    store.put_new(self.key, data)
                else:
                    store.put_if_match(self.key, data, etag)
            except Refused:
                patience.wait()
                continue
            return changed

    def _found(self, *, writing: bool = False) -> tuple[Document, str | None, dict[str, Any]]:
        store = self._location.write if writing else self._location.read
        try:
            stored = store.get(self.key)
        except Absent:
            return Document(format=FORMAT, model=self._model), None, {}
        try:
            unknown = bounds.parse(dict[str, Any], stored.data)
            if unknown.get("format") != FORMAT:
                raise NewerFormat(
                    f"{self.key} of the registry is in format {unknown.get('format')!r} and this netanomaly reads {FORMAT}; "
                    "use a newer one"
                )
            return bounds.parse(Document, stored.data), stored.etag, unknown
        except ValueError as error:
            raise DamagedRegistry(
                f"{self.key} of the registry is damaged ({error}); restore it from a backup, or remove it: verdicts are lost then"
            ) from None
