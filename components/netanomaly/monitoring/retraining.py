"""Start the training of a model at most once for each window, whoever sees first that it is due, and whoever dies on the way.

Who starts it claims the window in the registry, by compare-and-swap, and beats there while it works. A claim whose beat
stands still is of one that was killed, and is taken over; a claim that is done or failed never is. What a killed one may have
finished is found by its run's name, which is that of the window, before anything is started again.
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from netanomaly.errors import NetanomalyError, OutsideError
from netanomaly.monitoring.judging import RETRAIN_FOR
from netanomaly.registry.claims import CLAIMED, DONE, FAILED, REGISTERING, claim_of, with_claim
from netanomaly.registry.documents import now
from netanomaly.registry.errors import NotInRegistry
from netanomaly.registry.monitored import Claim, Document
from netanomaly.registry.reading import Reader

AGE, NEVER = "age", "never"
CHOICES = (*RETRAIN_FOR, AGE, NEVER)
"""When to retrain: verdicts, the age of the version, or never."""

BEAT_SECONDS, PATIENCE_SECONDS = 5.0, 60.0
LEASE_HOURS = 12.0
"""The claim of a pipeline's run that registered nothing may be taken over after so long: the time limit of the stage `monitor`."""
LONGEST_HOURS = 72.0
"""No run of the training pipeline lasts as long, its stages' time limits add up to less: of a claim that was taken over once, or
that is registering."""

# The champion calls so many times as many of the rows attacks as is usual, or a host that was not there is so much of them.
_TIMES_USUAL, _MOST_OF_ONE = 5.0, 0.5


@dataclass(frozen=True)
class Wish:
    """When to retrain.

    Attributes:
        when: Of `CHOICES`.
        age_days: A version older than this is retrained, where `age` is among them.
    """

    when: Sequence[str] = (NEVER,)
    age_days: float = 30.0


def reason(verdict: Mapping[str, Any], wish: Wish, registered_at: str, today: datetime | None = None) -> str:
    """Why this window is one to retrain for, in words; empty where it is not."""
    if NEVER in wish.when:
        return ""
    found = str(verdict["verdict"])
    if found in wish.when and found in RETRAIN_FOR:
        return f"{found}: {'; '.join(verdict['reasons'])}"
    if AGE in wish.when and found == "quiet":
        age = ((today or datetime.now(UTC)) - datetime.fromisoformat(registered_at)).total_seconds() / 86_400
        if age > wish.age_days:
            return f"the version is {age:.0f} days old, over {wish.age_days:g}"
    return ""


def against(verdict: Mapping[str, Any]) -> str:
    """Why a window is not trained for though it is one to retrain for, and what to do, in words; empty where nothing is in the way."""
    if words := outdated(verdict):
        return words
    words = poisoned(verdict)
    return f"{words}; look at its alerts first" if words else ""


def outdated(verdict: Mapping[str, Any]) -> str:
    """Why training for the window would go back in time, as for one given late or one of a clock that was reset."""
    last, ended = verdict.get("last_seen"), verdict.get("training_ended")
    if not last or not ended or datetime.fromisoformat(last) > datetime.fromisoformat(ended):
        return ""
    return (
        f"the window ends at {last[:16].replace('T', ' ')} UTC, and the version learnt from traffic up to "
        f"{ended[:16].replace('T', ' ')} UTC: give newer traffic, and check the sensor's clock if it was to be"
    )


def poisoned(verdict: Mapping[str, Any]) -> str:
    """Why what the window holds must not be learnt as normal by itself; empty where nothing speaks against it.

    What the champion calls attacks would become normal, and so would a host that is most of the data.
    """
    rows, alerts = verdict["rows"], verdict["alerts"]
    rate = verdict.get("alert_rate")
    share = alerts / rows if rows else 0.0
    most = max(rate["high"], _TIMES_USUAL * rate["usual"]) if rate else None
    if most is not None and share > most:
        return (
            f"the champion calls {share:.1%} of the rows attacks, where up to {most:.1%} may be false alarms: learnt as normal, "
            "they would never alert again"
        )
    largest = verdict.get("largest_newcomer")
    if largest and largest["share"] > _MOST_OF_ONE:
        return f"{largest['name']}, which was not in the training data, is {largest['share']:.0%} of the rows"
    return ""


def started(
    registry: Reader,
    model: str,
    window: str,
    version: int,
    start: Callable[[str], str],
    *,
    beat_seconds: float = BEAT_SECONDS,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Claim | None:
    """Train for a window, unless that was done, has failed, or is being done; returns the claim as it ended.

    Args:
        registry: Where claims are.
        model: Its name.
        window: Digest of the window.
        version: That the window was judged with.
        start: Trains; is given the name of the run, the same for the same window, and returns what came of it. Only one
            runs at a time for a window, and none after one ended.
        beat_seconds: How often the claim is renewed meanwhile.
        patience_seconds: A claim that is not renewed for so long is taken over.

    Returns:
        None where another one has it: it is done, it failed, or somebody is at it.
    """
    owner = secrets.token_hex(8)
    mine = _claim(registry, model, window, version, owner, patience_seconds)
    if mine is None:
        return None
    if (found := _registered(registry, model, run_of(model, window))) is not None:
        # The one that was killed had got so far.
        return _end(registry, model, window, owner, DONE, f"version {found} had been registered")
    with _Beating(registry, model, window, owner, beat_seconds):
        try:
            came_of_it = start(run_of(model, window))
        except NetanomalyError as error:
            _end(registry, model, window, owner, FAILED, str(error))
            raise
    return _end(registry, model, window, owner, DONE, came_of_it)


def claimed_by_run(registry: Reader, model: str, window: str, version: int, run: str) -> bool:
    """Whether a run of the monitoring pipeline is the one that trains for a window: the first that asked, or asks again.

    A run's tasks cannot beat. So another takes its claim over when it is `LEASE_HOURS` old and nothing was registered. If the
    first is alive after all, it registers nothing (`registry.claims`). The second has `LONGEST_HOURS`, so that trainings that
    take long are not taken over for ever.
    """
    monitored = registry.monitored(model)
    seen = claim_of(monitored.read(), window)
    if seen is not None and seen.owner != run and (not _is_over(seen) or _has_registered(registry, model, seen)):
        return False

    def take(document: Document) -> Document:
        there = claim_of(document, window)
        if there != seen or (there is not None and there.owner == run):
            return document
        return with_claim(document, Claim(window=window, version=version, owner=run, at=now()))

    found = claim_of(monitored.change(take), window)
    return found is not None and found.owner == run and found.state == CLAIMED


def run_of(model: str, window: str) -> str:
    """The name of the run that trains for a window: whoever starts it, it is the same run."""
    return f"retrain-{model}-{window[:16]}"


def _is_over(claim: Claim) -> bool:
    """Whether the claim of a run may be taken over, as far as its age says."""
    if claim.state not in (CLAIMED, REGISTERING):
        return False
    hours = (datetime.now(UTC) - datetime.fromisoformat(claim.at)).total_seconds() / 3600
    return hours >= (LEASE_HOURS if claim.state == CLAIMED and not claim.taken_from else LONGEST_HOURS)


def _claim(registry: Reader, model: str, window: str, version: int, owner: str, patience: float) -> Claim | None:
    """The claim, ours; None where it is done, failed, or alive in other hands."""
    monitored = registry.monitored(model)
    seen = claim_of(monitored.read(), window)
    if seen is not None and seen.state == CLAIMED and not _stands_still(registry, model, seen, patience):
        return None

    def take(document: Document) -> Document:
        there = claim_of(document, window)
        if there is not None and (there.state != CLAIMED or there != seen):
            return document
        mine = Claim(window=window, version=version, owner=owner, at=now(), beat=0 if there is None else there.beat + 1)
        return with_claim(document, mine)

    found = claim_of(monitored.change(take), window)
    return found if found is not None and found.owner == owner and found.state == CLAIMED else None


def _stands_still(registry: Reader, model: str, seen: Claim, patience: float) -> bool:
    """Whether nobody renews a claim for so long. Clocks of two machines are not compared: what is seen to change is alive."""
    began = time.monotonic()
    while time.monotonic() - began < patience:
        time.sleep(min(patience / 8, 1.0))
        if claim_of(registry.monitored(model).read(), seen.window) != seen:
            return False
    return True


def _registered(registry: Reader, model: str, run: str) -> int | None:
    """The version that this run registered, if it did."""
    with suppress(NotInRegistry):
        for version in registry.newest_first(model):
            if version.record.run_id == run:
                return version.number
    return None


def _has_registered(registry: Reader, model: str, claim: Claim) -> bool:
    """Whether the version that is claimed is there: of a run of the pipeline, or of one started from here."""
    runs = (claim.owner, run_of(model, claim.window))
    return any(_registered(registry, model, run) is not None for run in runs)


def _end(registry: Reader, model: str, window: str, owner: str, state: str, words: str) -> Claim | None:
    def end(document: Document) -> Document:
        claims = [
            replace(each, state=state, words=words[:500], at=now(), beat=each.beat + 1)
            if each.window == window and each.owner == owner
            else each
            for each in document.claims
        ]
        return replace(document, claims=claims)

    return claim_of(registry.monitored(model).change(end), window)


class _Beating:
    """Renews a claim while work goes on. An outage is waited out: who comes meanwhile sees no change for the time of it."""

    def __init__(self, registry: Reader, model: str, window: str, owner: str, seconds: float) -> None:
        self._registry, self._model, self._window, self._owner = registry, model, window, owner
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        def renewed(document: Document) -> Document:
            claims = [
                replace(each, beat=each.beat + 1, at=now())
                if each.window == self._window and each.owner == self._owner
                else each
                for each in document.claims
            ]
            return replace(document, claims=claims)

        while not self._over.wait(self._seconds):
            with suppress(OutsideError):
                self._registry.monitored(self._model).change(renewed)
