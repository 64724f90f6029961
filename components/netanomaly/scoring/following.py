"""Score a folder or prefix whose files appear and grow: each record once, whatever is killed when.

docs/decisions/scored-once.md has the protocol. Whatever is raised here leaves the outputs as they were committed last.
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
from netanomaly.errors import ConfigError, DataError, OutsideError
from netanomaly.feedback.book import Book, open_book, place
from netanomaly.feedback.suppression import heard
from netanomaly.flows import sources
from netanomaly.flows.formats import is_parquet
from netanomaly.flows.sources import Present
from netanomaly.flows.streams import TextStream
from netanomaly.registry import open_registry
from netanomaly.scoring import checkpoint as checkpoints
from netanomaly.scoring import lease
from netanomaly.scoring.champion import Champion
from netanomaly.scoring.checkpoint import Checkpoint, Unread
from netanomaly.scoring.contents import Content, Known, Resume, Text, look, look_on
from netanomaly.scoring.delivery import Delivery, Receiver
from netanomaly.scoring.incidents_open import Open
from netanomaly.scoring.outputs import Outputs, Overtaken, alerts_key
from netanomaly.scoring.part import Changed, Part
from netanomaly.scoring.past import Beside
from netanomaly.scoring.scoring import ALERTS, SCORES, SUMMARY, Origin, open_as_learnt, refuse_wrong, write_results
from netanomaly.scoring.settings import Settings
from netanomaly.traffic.context import Context
from netanomaly.traffic.reader import TrafficReader
from netanomaly.traffic.recognition import CAPTURES, Format, NoFlows, recognise
from netanomaly.traffic.source import HEAD_BYTES

EVERY_SECONDS = 4.0
"""A folder is looked at so often. A file that is read whole rests when it is the same at two looks."""
LAST_LINE_SECONDS = 900.0
"""A file that nobody wrote to for so long ends where it ends: writers pause in the middle of a line, for seconds and minutes."""
_LONGEST_OUTAGE_WAIT = 60.0
_PIECE_BYTES = 4 << 20
_CONTEXT, _OPEN = "context", "open"


@dataclass
class Worked:
    """What a follower did, since it began."""

    commits: int = 0
    rows: int = 0
    alerts: int = 0
    incidents: int = 0
    files: set[str] = field(default_factory=set)
    undelivered: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What was new and could not be read, and why."""


def follow(
    registry: str,
    reference: str,
    settings: Settings,
    out: str,
    *,
    feedback: str = "",
    once: bool = True,
    every_seconds: float = EVERY_SECONDS,
    receivers: Sequence[Receiver] = (),
    committed: Callable[[int], Any] = int,
    stop: threading.Event | None = None,
) -> dict[str, Any]:
    """Score what is new in the source, and with `once` end; else go on until `stop` is set.

    Args:
        registry: A folder, file:///folder or s3://bucket/prefix.
        reference: The model: `office` (its champion, taken up anew when it moves), `office@alias` or `office:3`.
        settings: What to score; its source is files, folders, globs and prefixes.
        out: A folder or s3://bucket/prefix of this follower's own.
        feedback: Where feedback is kept; empty: beside the registry.
        once: Whether to look once.
        every_seconds: How often to look, else.
        receivers: Who is told of alerts, beside the outputs.
        committed: Told the number of each commit that has outputs, unless the answer to it was lost.
        stop: Ends the work after the file at hand.

    Returns:
        What was done, and what is known of the source by now: plain JSON.

    Raises:
        AnotherWorks: Another follower lives and works on `out`.
        WrongCheckpoint: That of `out` is damaged, or of another model.
        InputError: Source, model or settings cannot be used; or, with `once`, no file that is new can be read.
        OutsideError: A store or disk failed; with `once` only, else it is waited for.
    """
    _refuse_inside(settings.source, out)
    champion = Champion(open_registry(registry), reference)
    refuse_wrong(champion.now().model, settings)
    outputs = Outputs.at(out, champion.name)
    # What is wrong with it is told before anything is written.
    outputs.look()
    stop = stop or threading.Event()
    with lease.held(outputs.store):
        book = open_book(place(feedback, registry))
        follower = Follower(champion, settings, outputs, book, committed)
        follower.begin()
        follower.deliver_to(receivers)
        try:
            if once:
                follower.look(stop)
                follower.refuse_nothing_read()
            else:
                _go_on(follower, every_seconds, stop)
        finally:
            follower.finish()
    return follower.report()


def _go_on(follower: "Follower", every_seconds: float, stop: threading.Event) -> None:
    wait_seconds = every_seconds
    healthy = True
    while not stop.is_set():
        try:
            if not healthy:
                follower.begin()
            follower.look(stop)
        except Overtaken:
            raise
        except (OutsideError, OSError) as error:
            if healthy:
                output.tell(f"warning: {error}; tried again until it is mended")
            healthy, wait_seconds = False, min(wait_seconds * 2, _LONGEST_OUTAGE_WAIT)
        else:
            if not healthy:
                output.tell("goes on")
            healthy, wait_seconds = True, every_seconds
        stop.wait(wait_seconds)


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
        self._resumes: dict[str, tuple[str, Resume]] = {}
        self.worked = Worked()

    def begin(self) -> None:
        """Take up what was committed last, by whomever. Raises as `Outputs.begin`."""
        self._outputs.begin()
        self._now = self._outputs.checkpoint
        self._tell_what_is_asked_otherwise()
        self._publish()
        found = checkpoints.contents(self._outputs.store, self._now)
        self._known = Known(found)
        self._by_name = {content.name: content for content in found}
        self._marks = {content.name: content.mark for content in found}
        self._take_up_state()

    def _tell_what_is_asked_otherwise(self) -> None:
        """Outputs of before stay as they are: who reads them all has to know that others follow."""
        before, asked = self._now.asked, _asked(self._settings)
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
        self._now = msgspec.structs.replace(self._now, asked=asked)

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
        self.worked.undelivered = [each.words for each in self._deliveries if not each.finish()]

    def look(self, stop: threading.Event) -> None:
        """Score everything that is there and new.

        Raises:
            Overtaken: Another follower began.
            InputError: The source or the model cannot be used.
            OutsideError: A store failed.
        """
        wanted = _is_of_a_sensor if self._sensor else sources.is_data_file
        there = sources.present(self._settings.source, wanted)
        if bool(there) == self._is_empty:
            self._is_empty = not there
            if not there:
                output.tell(
                    f"warning: nothing is found in {', '.join(self._settings.source)}; is that the place? What appears there is "
                    "scored"
                )
        self._names = {each.file.address for each in there}
        self._forget_absent()
        self._resumes = {name: each for name, each in self._resumes.items() if name in self._names}
        self._hear()
        for each in there:
            if stop.is_set():
                break
            self._file(each)
        before = self._outputs.checkpoint
        asked = self._now.asked != before.asked and before.asked
        if asked or _but_for_marks(self._now) != _but_for_marks(before):
            self._commit(self._now)

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

    def _forget_absent(self) -> None:
        """What is remembered of files by name alone goes with them."""
        for name in ("unread", "others", "resting"):
            held: Mapping[str, Any] = getattr(self._now, name)
            kept = {key: value for key, value in held.items() if key in self._names}
            if len(kept) != len(held):
                self._now = msgspec.structs.replace(self._now, **{name: kept})

    def _file(self, each: Present) -> None:
        """One file: what is new of it is scored, and everything else noted."""
        name = each.file.address
        unread = self._now.unread.get(name)
        if not each.file.size or (unread is not None and unread.mark == each.mark):
            if unread is not None:
                self._tell(each, unread.why)
            return
        same = self._now.resting.get(name) == each.mark
        if not (same and _is_left(each)) and each.mark in (self._marks.get(name), self._now.others.get(name)):
            return
        for what in ("resting", "unread"):
            self._forget(what, name)
        try:
            self._looked_at(each, same=same)
        except DataError as error:
            # The windows may have met some of its flows.
            self._take_up_state()
            if not isinstance(error, Changed) and _is_still(each):
                why = str(error)
                # What is wrong with its content may not say whose.
                self._leave(each, why if each.file.uri in why else f"{each.file.uri}: {why}")

    def _leave(self, each: Present, why: str, *, half: bool | None = None) -> None:
        """Not read while it stays as it is. What looks half-written is told of when it is still so at the next look."""
        half = "ends too early" in why if half is None else half
        self._note("half-written" if half else "unread")
        self._now = msgspec.structs.replace(
            self._now, unread={**self._now.unread, each.file.address: Unread(each.mark, why[:500], half)}
        )
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

    def _forget(self, what: str, name: str) -> None:
        held: Mapping[str, Any] = getattr(self._now, what)
        if name in held:
            kept = {key: value for key, value in held.items() if key != name}
            self._now = msgspec.structs.replace(self._now, **{what: kept})

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
                    self._note_other(each, found.what)
                    if found in CAPTURES:
                        self._leave_capture(each, found.what)
                    return
                takes_parts = _takes_parts(found, stream.peek(1))
                whole = compressed or not each.grows or (same and (not takes_parts or _is_left(each)))
                if not takes_parts and not whole:
                    self._let_rest(each)
                    return
                text = self._grown(each, whole=whole) or look(
                    iter(lambda: stream.read(_PIECE_BYTES), b""), self._known, whole=whole
                )
        self._new_of(each, text, compressed, takes_parts)

    def _grown(self, each: Present, *, whole: bool) -> Text | None:
        """The text of a file that was looked at before and only grew, of which the rest alone is read; None: it may be another."""
        inode, resume = self._resumes.get(each.file.address, ("", None))
        if resume is None or inode != _inode(each) or each.file.size < resume.content.length:
            return None
        if self._by_name.get(each.file.address) != resume.content:
            return None
        with each.file.open() as stream:
            stream.seek(resume.begins)
            if stream.read(len(resume.tail)) != resume.tail:
                return None
            return look_on(iter(lambda: stream.read(_PIECE_BYTES), b""), resume, whole=whole)

    def _text_of_bytes(self, each: Present) -> Text:
        with each.file.open() as stream:
            return look(iter(lambda: stream.read(_PIECE_BYTES), b""), self._known, whole=True)

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
        before = self._by_name.get(name)
        if text.known is None and (text.altered or before is not None):
            self._note("replaced by other content")
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
            self._note("copy of what was scored" if still_there else "renamed or compressed after it was scored")
            if still_there:
                self._now = msgspec.structs.replace(self._now, others={**self._now.others, name: each.mark})
                self._marks[name] = each.mark
                return
        if known is not None:
            self._replace(known, msgspec.structs.replace(known, name=name, mark=each.mark))
        if not text.whole:
            self._let_rest(each)

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
                if self._now.version not in (0, loaded.named["version"]):
                    summary["model_before"] = self._now.version
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
            self._replace(known, content)
            self._met(summary, past, grown=known is not None)
            if known is not None and not compressed and _goes_on_in_a_line(each, text.start):
                self._note("lines that went on after they were scored")
                output.tell(
                    f"warning: {each.file.uri}: the line at byte {text.start:,} had no end for {LAST_LINE_SECONDS / 60:.0f} minutes "
                    "and was taken for the last; it went on, and what it says is not scored as a whole"
                )
            if not text.whole:
                self._let_rest(each)
            self._written(summary, folder, past, loaded.named["version"])
            if each.grows and not compressed and (resume := text.resume(content)) is not None:
                self._resumes[each.file.address] = _inode(each), resume

    def _holds_flows(self, file: sources.SourceFile) -> bool:
        """Whether the new part of a log tells of flows: of a log of many things it may not."""
        if not self._sensor:
            return True
        with closing(TextStream(file)) as stream:
            return isinstance(recognise(stream.peek(HEAD_BYTES)), Format)

    def _met(self, summary: Mapping[str, Any], past: Beside, *, grown: bool) -> None:
        self._note("files that grew" if grown else "files")
        if past.is_apart:
            self._note("clock that jumped" if past.has_jumped else "files that came late")
        if late := summary.get("late_flows"):
            self._note("late flows", late)
        if dropped := sum(summary.get("dropped", {}).values()):
            self._note("records that are no flows", dropped)
        if unscored := summary.get("unscored"):
            self._note("rows that could not be scored", unscored)

    def _written(self, summary: Mapping[str, Any], folder: Path, past: Beside, version: int) -> None:
        """Commit one part: its outputs where it has any, and what is known from now on."""
        number = self._now.number + 1
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
        if summary.get("incidents"):
            files[alerts_key(number)] = folder / ALERTS
        self._commit(msgspec.structs.replace(self._now, version=version), files, state)
        self._past = past.after()
        self.worked.rows += rows
        self.worked.alerts += summary.get("alerts", 0)
        self.worked.incidents += summary.get("incidents", 0)
        if files:
            self._committed(number)

    def _commit(
        self, made: Checkpoint, files: Mapping[str, Path] | None = None, state: Mapping[str, bytes] | None = None
    ) -> None:
        self._outputs.commit(made, files or {}, state)
        self._now = self._outputs.checkpoint
        self.worked.commits += 1
        self._publish()

    def _publish(self) -> None:
        for delivery in self._deliveries:
            delivery.published(self._outputs.checkpoint.number)

    def _replace(self, before: Content | None, content: Content) -> None:
        """A content as it is known from now on."""
        if before == content:
            return
        name = content.name
        kept = [each for each in self._now.contents if each not in (before, content)]
        self._known.add(content, before)
        self._by_name[name], self._marks[name] = content, content.mark
        self.worked.files.add(name)
        self._now = msgspec.structs.replace(self._now, contents=[*kept, content])

    def _let_rest(self, each: Present) -> None:
        """Looked at again though nobody writes to it: once it rests, its last line is all there is."""
        if each.grows and self._now.resting.get(each.file.address) != each.mark:
            self._now = msgspec.structs.replace(self._now, resting={**self._now.resting, each.file.address: each.mark})

    def _note_other(self, each: Present, what: str) -> None:
        if each.file.address not in self._now.others:
            self._note(f"files of {what.removeprefix('a ')}")
        self._now = msgspec.structs.replace(self._now, others={**self._now.others, each.file.address: each.mark})

    def _note(self, what: str, count: int = 1) -> None:
        counts = {**self._now.counts, what: self._now.counts.get(what, 0) + count}
        self._now = msgspec.structs.replace(self._now, counts=counts)

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


def _is_left(each: Present) -> bool:
    """Whether nobody wrote to a file for so long that its last line is taken as it is."""
    return time.time() - each.modified >= LAST_LINE_SECONDS


def _goes_on_in_a_line(each: Present, start: int) -> bool:
    """Whether the text on both sides of a place is one line."""
    with each.file.open() as stream:
        stream.seek(start - 1)
        return b"\n" not in stream.read(2)


def _is_still(each: Present) -> bool:
    """Whether a file is there as it was listed; else it is for the next look."""
    if not each.grows:
        return True
    try:
        status = Path(each.file.address).stat()
    except FileNotFoundError:
        return False
    return sources.mark_of(status) == each.mark


def _inode(each: Present) -> str:
    return each.mark.partition("-")[0]


def _is_of_a_sensor(name: str) -> bool:
    """Captures are looked at so that they are told of."""
    return sources.is_sensor_file(name) or sources.is_capture_file(name)


def _takes_parts(found: Format | NoFlows | None, begins: bytes) -> bool:
    """Whether a text may be read part by part: where each record is one line, and a flow one record."""
    if isinstance(found, Format) and found.shape != "two-way":
        return False
    return begins not in (b"[", b"@", b"%")


def _refuse_inside(source: list[str], out: str) -> None:
    """Refuse outputs within what is followed: they would be scored themselves."""
    for item in source:
        if out.startswith("s3://") or item.startswith("s3://"):
            inside = f"{out.rstrip('/')}/".startswith(f"{item.rstrip('/')}/")
        else:
            folder = Path(item.removeprefix("file://")).expanduser().resolve()
            inside = folder.is_dir() and Path(out.removeprefix("file://")).expanduser().resolve().is_relative_to(folder)
        if inside:
            raise ConfigError(f"--out {out} lies within what is followed, {item}; name a folder outside of it")
