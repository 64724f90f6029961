"""Score a folder or prefix whose files appear and grow: each record once, whatever is killed when.

docs/decisions/scored-once.md has the protocol.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from netanomaly import output
from netanomaly.errors import ConfigError, OutsideError
from netanomaly.feedback.book import open_book, place
from netanomaly.scoring import lease
from netanomaly.scoring.champion import Champion
from netanomaly.scoring.choosing import opened
from netanomaly.scoring.delivery import Receiver
from netanomaly.scoring.follower import Follower
from netanomaly.scoring.outputs import Outputs, Overtaken
from netanomaly.scoring.scoring import refuse_wrong
from netanomaly.scoring.settings import Settings

EVERY_SECONDS = 4.0
"""A folder is looked at so often. A file that is read whole rests when it is the same at two looks."""
_LONGEST_OUTAGE_WAIT = 60.0


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
    champion = Champion(*opened(registry, reference))
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


def _go_on(follower: Follower, every_seconds: float, stop: threading.Event) -> None:
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
