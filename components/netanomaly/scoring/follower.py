"""What is new of a source is scored and committed, look after look: docs/decisions/scored-once.md has the protocol.

Whatever is raised here leaves the outputs as they were committed last.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from netanomaly import output
from netanomaly.errors import DataError, OutsideError
from netanomaly.feedback.book import Book
from netanomaly.feedback.suppression import heard
from netanomaly.flows import sources
from netanomaly.flows.formats import is_parquet
from netanomaly.flows.sources import Present
from netanomaly.flows.streams import TextStream
from netanomaly.scoring import checkpoint as checkpoints
from netanomaly.scoring.champion import Champion
from netanomaly.scoring.checkpoint import Checkpoint, Unread
from netanomaly.scoring.contents import PIECE_BYTES, Content, Text, look
from netanomaly.scoring.delivery import FINISH_SECONDS, Delivery, Receiver
from netanomaly.scoring.growing import (
    LAST_LINE_SECONDS,
    Resumes,
    goes_on_in_a_line,
    is_left,
    is_of_a_sensor,
    is_still,
    reads_in_parts,
)
from netanomaly.scoring.incidents_open import Open
from netanomaly.scoring.noted import Noted
from netanomaly.scoring.outputs import Outputs, alerts_key
from netanomaly.scoring.part import Changed, Part
from netanomaly.scoring.past import Beside
from netanomaly.scoring.scoring import ALERTS, SCORES, SUMMARY, Origin, open_as_learnt, write_results
from netanomaly.scoring.settings import Settings
from netanomaly.traffic.context import Context
from netanomaly.traffic.reader import TrafficReader
from netanomaly.traffic.recognition import CAPTURES, Format, NoFlows, recognise
from netanomaly.traffic.source import HEAD_BYTES

_CONTEXT, _OPEN = "context", "open"


@dataclass
class Worked:
    """What a follower did, since it began."""

    commits: int = 0
    rows: int = 0
    alerts: int = 0
    incidents: int = 0
    suppressed: int = 0
    """Incidents beside these that feedback suppresses."""
    files: set[str] = field(default_factory=set)
    undelivered: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What was new and could not be read, and why."""


class Follower:
    """Scores what is new of a source, look after look."""

    def __init__(
        self,
        champion: Champion,
        settings: Settings,
        outputs: Outputs,
        book: Book,
        committed: Callable[[int], Any] = int,
    ) -> None:
        self._champion, self._settings, self._outputs, self._committed = champion, settings, outputs, committed
        self._book, self._heard = book, heard(book, champion.name)
        self._sensor = champion.now().model.sensor
        self._told: set[tuple[str, str]] = set()
        self._deliveries: list[Delivery] = []
        self._remarked: set[str] = set()
        self._is_empty = self._is_told_otherwise = self._is_told_of_captures = False
        self._resumes = Resumes()
        self.worked = Worked()

    def begin(self) -> None:
        """Take up what was committed last, by whomever. Raises as `Outputs.begin`."""
        self._outputs.begin()
        committed = self._outputs.checkpoint
        self._noted = Noted(committed, checkpoints.contents(self._outputs.store, committed))
        self._tell_what_is_asked_otherwise()
        self._publish()
        self._take_up_state()

    def _tell_what_is_asked_otherwise(self) -> None:
        """Outputs of before stay as they are: who reads them all has to know that others follow."""
        before, asked = self._noted.now.asked, _asked(self._settings)
        changed = [
            f"{name} {asked[name]} (before: {before[name]})"
            for name in asked
            if asked[name] != before.get(name, asked[name])
        ]
        if changed and not self._is_told_otherwise:
            self._is_told_otherwise = True
            output.tell(
                f"warning: {self._outputs.store.uri}: from now on {', '.join(changed)}; what is there stays as it is"
            )
        self._noted.change(asked=asked)

    def _take_up_state(self) -> None:
        context, held = self._outputs.state(_CONTEXT), self._outputs.state(_OPEN)
        try:
            self._past = Context() if context is None else Context.resumed(context)
            self._open = Open.resumed(held)
        except (ValueError, KeyError, OSError) as error:
            raise checkpoints.WrongCheckpoint(
                f"the state in {self._outputs.store.uri} cannot be taken up ({error}); restore the folder from a backup, or "
                "begin anew in another"
            ) from None

    def deliver_to(self, receivers: Sequence[Receiver]) -> None:
        """Tell these of alerts from now on, and of what they were not yet told by followers before."""
        last = self._outputs.checkpoint.number
        self._deliveries = [Delivery(self._outputs.store, receiver, last) for receiver in receivers]

    def finish(self) -> None:
        """Wait a while for receivers; what they do not take now they are told by the next follower."""
        # One end for all: receivers that are dead do not add up.
        deadline = time.monotonic() + FINISH_SECONDS
        self.worked.undelivered = [each.words for each in self._deliveries if not each.finish(deadline)]

    def look(self, stop: threading.Event) -> None:
        """Score everything that is there and new.

        Raises:
            Overtaken: Another follower began.
            InputError: The source or the model cannot be used.
            OutsideError: A store failed.
        """
        wanted = is_of_a_sensor if self._sensor else sources.is_data_file
        there = sources.present(self._settings.source, wanted)
        if bool(there) == self._is_empty:
            self._is_empty = not there
            if not there:
                output.tell(
                    f"warning: nothing is found in {', '.join(self._settings.source)}; is that the place? What appears there is "
                    "scored"
                )
        self._names = {each.file.address for each in there}
        self._noted.forget_absent(self._names)
        self._resumes.keep(self._names)
        self._hear()
        for each in there:
            if stop.is_set():
                break
            self._file(each)
        before = self._outputs.checkpoint
        asked = self._noted.now.asked != before.asked and before.asked
        if asked or _but_for_marks(self._noted.now) != _but_for_marks(before):
            self._commit(self._noted.now)

    def _hear(self) -> None:
        """What people said of alerts by now; while it cannot be read, what they had said before."""
        try:
            said = heard(self._book, self._champion.name)
        except OutsideError as error:
            output.tell(f"warning: feedback cannot be read ({error}); what was said before holds")
            return
        if said.unreadable != self._heard.unreadable:
            output.tell_each(said.warnings())
        self._heard = said

    def report(self) -> dict[str, Any]:
        """What was done, and what is known."""
        now = self._outputs.checkpoint
        return {
            "model": {"name": now.model, "version": now.version},
            "out": self._outputs.store.uri,
            "commits": self.worked.commits,
            "files": len(self.worked.files),
            "rows": self.worked.rows,
            "alerts": self.worked.alerts,
            "incidents": self.worked.incidents,
            "suppressed": self.worked.suppressed,
            "unread": {name: each.why for name, each in sorted(now.unread.items())},
            "waiting": sorted(now.resting),
            "counts": dict(sorted(now.counts.items())),
            "last_commit": now.number,
            "undelivered": self.worked.undelivered,
        }

    def refuse_nothing_read(self) -> None:
        """Raise DataError where there was something new, and none of it could be read."""
        if self.worked.wrong and not self.worked.files:
            raise DataError(self.worked.wrong[0])

    def _file(self, each: Present) -> None:
        """One file: what is new of it is scored, and everything else noted."""
        name = each.file.address
        unread = self._noted.now.unread.get(name)
        if not each.file.size or (unread is not None and unread.mark == each.mark):
            if unread is not None:
                self._tell(each, unread.why)
            return
        same = self._noted.now.resting.get(name) == each.mark
        if not (same and is_left(each)) and each.mark in (
            self._noted.marks.get(name),
            self._noted.now.others.get(name),
        ):
            return
        for what in ("resting", "unread"):
            self._noted.forget(what, name)
        try:
            self._looked_at(each, same=same)
        except DataError as error:
            # The windows may have met some of its flows.
            self._take_up_state()
            if not isinstance(error, Changed) and is_still(each):
                why = str(error)
                # What is wrong with its content may not say whose.
                self._leave(each, why if each.file.uri in why else f"{each.file.uri}: {why}")

    def _leave(self, each: Present, why: str, *, half: bool | None = None) -> None:
        """Not read while it stays as it is. What looks half-written is told of when it is still so at the next look."""
        half = "ends too early" in why if half is None else half
        self._noted.note("half-written" if half else "unread")
        self._noted.change(unread={**self._noted.now.unread, each.file.address: Unread(each.mark, why[:500], half)})
        if not half:
            self.worked.wrong.append(why)
            self._tell(each, why)

    def _leave_capture(self, each: Present, what: str) -> None:
        """Told of once, as captures come by the hour; a new one that nothing else is new beside is an error of `--once`."""
        why = (
            f"{each.file.uri} is {what}, which --follow does not read: score it when it is complete (netanomaly score MODEL "
            "FILE --out FOLDER), or follow the log of what makes flows of it; docs/scoring.md says how"
        )
        self.worked.wrong.append(why)
        if not self._is_told_of_captures:
            self._is_told_of_captures = True
            output.tell(f"warning: not scored: {why}")

    def _tell(self, each: Present, why: str) -> None:
        """Once for each state of a file."""
        if (each.file.address, each.mark) not in self._told:
            self._told.add((each.file.address, each.mark))
            output.tell(f"warning: not scored: {why}")

    def _looked_at(self, each: Present, *, same: bool) -> None:
        """What is new of one file. Args: same: Whether it was like this at the look before."""
        if is_parquet(each.file):
            # Its end says how the rest is read: what can be read is whole.
            text, compressed, takes_parts = self._text_of_bytes(each), False, False
            found: Format | NoFlows | None = None
        else:
            with closing(TextStream(each.file)) as stream:
                compressed = stream.is_compressed
                found = recognise(stream.peek(HEAD_BYTES)) if self._sensor else None
                if isinstance(found, NoFlows):
                    self._noted.note_other(each, found.what)
                    if found in CAPTURES:
                        self._leave_capture(each, found.what)
                    return
                takes_parts = reads_in_parts(found, stream.peek(1))
                whole = compressed or not each.grows or (same and (not takes_parts or is_left(each)))
                if not takes_parts and not whole:
                    self._noted.let_rest(each)
                    return
                text = self._resumes.grown(each, self._noted.by_name.get(each.file.address), whole=whole) or look(
                    iter(lambda: stream.read(PIECE_BYTES), b""), self._noted.contents, whole=whole
                )
        self._new_of(each, text, compressed, takes_parts)

    def _text_of_bytes(self, each: Present) -> Text:
        with each.file.open() as stream:
            return look(iter(lambda: stream.read(PIECE_BYTES), b""), self._noted.contents, whole=True)

    def _new_of(self, each: Present, text: Text, compressed: bool, takes_parts: bool) -> None:
        name = each.file.address
        if text.held is not None:
            where = text.held.name
            self._leave(
                each,
                f"{each.file.uri} begins as {where} did and is shorter than what was scored of that: a copy under way, or a "
                "file that was cut; it is looked at again when it changes",
                half=True,
            )
            return
        if not text.is_new:
            self._nothing_new(each, text)
            return
        before = self._noted.by_name.get(name)
        if text.known is None and (text.altered or before is not None):
            self._noted.note("replaced by other content")
        if text.known is not None and not takes_parts:
            raise DataError(
                f"{each.file.uri} grew after it was scored, and its format is read whole; let it be written elsewhere and moved "
                "here when it is complete"
            )
        self._score(each, text, compressed)

    def _nothing_new(self, each: Present, text: Text) -> None:
        name, known = each.file.address, text.known
        if known is not None and known.name != name:
            still_there = known.name in self._names
            self._noted.note("copy of what was scored" if still_there else "renamed or compressed after it was scored")
            if still_there:
                self._noted.change(others={**self._noted.now.others, name: each.mark})
                self._noted.marks[name] = each.mark
                return
        if known is not None:
            self._known_as(known, msgspec.structs.replace(known, name=name, mark=each.mark))
        if not text.whole:
            self._noted.let_rest(each)

    def _score(self, each: Present, text: Text, compressed: bool) -> None:
        loaded = self._champion.now()
        known = text.known
        header = b"" if known is None or self._settings.csv.columns else text.header
        file: sources.SourceFile = each.file
        if not is_parquet(each.file):
            file = Part(each.file, header, text.start, text.length, text.new_digest, compressed)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(self._outputs.scratch()))
            summary: dict[str, Any] = {}
            late_before = self._past.late
            past = Beside(self._past)
            if known is None or self._holds_flows(file):
                reader = open_as_learnt(
                    loaded.model, sources.Files((each.file.uri,), (file,)), self._settings, past=past
                )
                sensor = isinstance(reader, TrafficReader)
                before = 0 if known is None else (known.lines - header.count(b"\n") if sensor else known.records)
                opened = self._open.copy()
                summary = write_results(
                    loaded.model, loaded.named, self._settings, reader, folder, heard=self._heard,
                    origin=Origin(self._label(each), before), told=opened.continued,
                )  # fmt: skip
                summary["late_flows"] = past.late - (0 if past.is_apart else late_before)
                for remark in set(summary["remarks"]) - self._remarked:
                    output.tell(f"warning: {each.file.uri}: {remark}")
                    self._remarked.add(remark)
                summary["from_byte"], summary["to_byte"] = text.start, text.length
                if self._noted.now.version not in (0, loaded.named["version"]):
                    summary["model_before"] = self._noted.now.version
                self._open = opened
            content = Content(
                name=each.file.address,
                mark=each.mark,
                length=text.length,
                digest=text.digest,
                head=text.head,
                lines=(0 if known is None else known.lines) + text.new_lines,
                records=(0 if known is None else known.records) + summary.get("rows_read", 0),
            )
            self._known_as(known, content)
            self._met(summary, past, grown=known is not None)
            if known is not None and not compressed and goes_on_in_a_line(each, text.start):
                self._noted.note("lines that went on after they were scored")
                output.tell(
                    f"warning: {each.file.uri}: the line at byte {text.start:,} had no end for {LAST_LINE_SECONDS / 60:.0f} minutes "
                    "and was taken for the last; it went on, and what it says is not scored as a whole"
                )
            if not text.whole:
                self._noted.let_rest(each)
            self._written(summary, folder, past, loaded.named["version"])
            if each.grows and not compressed and (resume := text.resume(content)) is not None:
                self._resumes.add(each, resume)

    def _holds_flows(self, file: sources.SourceFile) -> bool:
        """Whether the new part of a log tells of flows: of a log of many things it may not."""
        if not self._sensor:
            return True
        with closing(TextStream(file)) as stream:
            return isinstance(recognise(stream.peek(HEAD_BYTES)), Format)

    def _met(self, summary: Mapping[str, Any], past: Beside, *, grown: bool) -> None:
        self._noted.note("files that grew" if grown else "files")
        if past.is_apart:
            self._noted.note("clock that jumped" if past.has_jumped else "files that came late")
        if late := summary.get("late_flows"):
            self._noted.note("late flows", late)
        if dropped := sum(summary.get("dropped", {}).values()):
            self._noted.note("records that are no flows", dropped)
        if unscored := summary.get("unscored"):
            self._noted.note("rows that could not be scored", unscored)

    def _written(self, summary: Mapping[str, Any], folder: Path, past: Beside, version: int) -> None:
        """Commit one part: its outputs where it has any, and what is known from now on."""
        number = self._noted.now.number + 1
        files: dict[str, Path] = {}
        state: dict[str, bytes] = {}
        rows = summary.get("rows", 0)
        if summary and (rows or summary["rows_read"]):
            files[f"summaries/{number:08d}.json"] = folder / SUMMARY
            noted = {name: value for name, value in summary.items() if name != "listed"}
            (folder / SUMMARY).write_text(output.json_text({**noted, "commit": number}) + "\n", encoding="utf-8")
        if rows:
            files[f"scores/{number:08d}.parquet"] = folder / SCORES
            if past.after().last is not None:
                state[_CONTEXT] = past.after().state()
            state[_OPEN] = self._open.state()
        if summary.get("incidents") or summary.get("suppressed"):
            files[alerts_key(number)] = folder / ALERTS
        self._commit(msgspec.structs.replace(self._noted.now, version=version), files, state)
        self._past = past.after()
        self.worked.rows += rows
        self.worked.alerts += summary.get("alerts", 0)
        self.worked.incidents += summary.get("incidents", 0)
        self.worked.suppressed += summary.get("suppressed", 0)
        if files:
            self._committed(number)

    def _commit(
        self, made: Checkpoint, files: Mapping[str, Path] | None = None, state: Mapping[str, bytes] | None = None
    ) -> None:
        self._outputs.commit(made, files or {}, state)
        self._noted.now = self._outputs.checkpoint
        self.worked.commits += 1
        self._publish()

    def _publish(self) -> None:
        for delivery in self._deliveries:
            delivery.published(self._outputs.checkpoint.number)

    def _known_as(self, before: Content | None, content: Content) -> None:
        if before != content:
            self._noted.replace(before, content)
            self.worked.files.add(content.name)

    def _label(self, each: Present) -> str:
        """What a row says of the file it is from."""
        return each.file.name if len(self._settings.source) == 1 else each.file.uri


def _asked(settings: Settings) -> dict[str, str]:
    """What of settings decides on alerts and their form, in words."""
    return {
        "budget": "as trained" if settings.budget is None else f"{settings.budget:g}",
        "alerts a day": "not asked for" if settings.alerts_per_day is None else f"{settings.alerts_per_day:g}",
        "alert format": settings.alert_format,
    }


def _but_for_marks(checkpoint: Checkpoint) -> tuple[Any, ...]:
    """What of a checkpoint is worth a commit of its own: other logs of a sensor grow all the time."""
    return (
        msgspec.structs.replace(checkpoint, others={}, resting={}, asked={}),
        set(checkpoint.others),
        set(checkpoint.resting),
    )
