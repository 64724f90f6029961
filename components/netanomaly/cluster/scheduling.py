"""Recurring runs under one name: made, replaced when what they are to do changed, never two of a kind.

The server takes two recurring runs of a name without a word. So a name's are compared with what is wanted, by a digest
in their description: what is missing is made, what is not wanted any more goes. Doing it again does nothing.

Deleting a recurring run kills the run that it has going, and leaves it RUNNING on the server for ever. So one that is not
wanted any more is switched off, and deleted only where it has no run going; else the next call of the command does it.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from netanomaly.cluster.errors import NotFound, Refused, SignInNeeded, Unavailable
from netanomaly.cluster.pipelines import Version
from netanomaly.cluster.server import API, Server
from netanomaly.cluster.zones import Entry
from netanomaly.errors import InputError, OutsideError

LONGEST_NAME = 100

_ROUTE = f"{API}/recurringruns"
_DIGEST_LENGTH = 12
# The server may still be at it when its answer is given up: it is asked a few times whether the thing has come.
_LOOKS = 3
_LOOKS_FOR_THE_END = 24
_MOST_ENDED = 20
_ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
_NOTHING_FIRES = "the schedule stands still until the same command succeeds"
_NO_WORKFLOW = re.compile(r"workflows\.argoproj\.io .*not found")
_DESCRIPTION = re.compile(r"netanomaly schedule: (.+) in (\S+); content ([0-9a-f]+)")


@dataclass(frozen=True)
class Schedule:
    """What is wanted: a pipeline's version, with these parameters, at these times."""

    name: str
    cron: str
    """The five fields that a person gave."""
    zone: str
    entries: tuple[Entry, ...]
    experiment_id: str
    version: Version
    parameters: Mapping[str, Any]

    def requests(self) -> dict[str, dict[str, Any]]:
        """What the server is asked to make, by digest."""
        return dict(self._request(entry) for entry in self.entries)

    def _request(self, entry: Entry) -> tuple[str, dict[str, Any]]:
        times = {"cron": entry.cron, "start_time": _timestamp(entry.start), "end_time": _timestamp(entry.end)}
        body: dict[str, Any] = {
            "display_name": self.name,
            "experiment_id": self.experiment_id,
            "pipeline_version_reference": self.version.reference,
            "runtime_config": {"parameters": dict(self.parameters)},
            "trigger": {"cron_schedule": {name: value for name, value in times.items() if value}},
            # A run that takes longer than the time between two does not pile up, and missed ones are not made up for.
            "max_concurrency": "1",
            "no_catchup": True,
            # No `plugins_input`: of a recurring run that has any, KFP 2.17 makes runs without their parameters.
            "mode": "ENABLE",
        }
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:_DIGEST_LENGTH]
        body["description"] = f"netanomaly schedule: {self.cron} in {self.zone}; content {digest}"
        return digest, body


@dataclass(frozen=True)
class Recurring:
    """A recurring run on the server. `cron`, `zone` and `digest` are empty where it was not made here."""

    id: str
    name: str
    enabled: bool
    pipeline_id: str
    version_id: str
    times: Mapping[str, str]
    """The server's: `cron` in six fields, `start_time`, `end_time`."""
    cron: str = ""
    zone: str = ""
    digest: str = ""
    experiment_id: str = ""

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Recurring":
        """Of the server's JSON."""
        reference = answer.get("pipeline_version_reference", {})
        made_here = _DESCRIPTION.fullmatch(str(answer.get("description", "")))
        cron, zone, digest = made_here.groups() if made_here else ("", "", "")
        return cls(
            id=str(answer["recurring_run_id"]),
            name=str(answer.get("display_name", "")),
            enabled=answer.get("status", answer.get("mode", "")) in ("ENABLED", "ENABLE"),
            pipeline_id=str(reference.get("pipeline_id", "")),
            version_id=str(reference.get("pipeline_version_id", "")),
            times=answer.get("trigger", {}).get("cron_schedule", {}),
            cron=cron,
            zone=zone,
            digest=digest,
            experiment_id=str(answer.get("experiment_id", "")),
        )


@dataclass(frozen=True)
class Plan:
    """What is to be done to a name's recurring runs."""

    kept: tuple[Recurring, ...]
    made: Mapping[str, Mapping[str, Any]]
    """Requests by digest."""
    removed: tuple[Recurring, ...]

    @property
    def revived(self) -> tuple[Recurring, ...]:
        """Those that were switched off for others, which are not wanted any more: what was wanted before is again."""
        if not any(recurring.enabled for recurring in self.removed):
            return ()
        return tuple(recurring for recurring in self.kept if not recurring.enabled)

    @property
    def wakes(self) -> bool:
        """Whether what was there stood still, and what is made in its place fires."""
        return bool(self.made and self.removed) and not any(each.enabled for each in (*self.kept, *self.removed))

    @property
    def word(self) -> str:
        """`created`, `replaced` or `unchanged`."""
        if not self.made and not any(recurring.enabled for recurring in self.removed):
            return "unchanged"
        return "replaced" if self.kept or self.removed else "created"


@dataclass(frozen=True)
class Left:
    """A recurring run that is switched off and not deleted, and why: the runs that it has going."""

    recurring: Recurring
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What there is of a name, in the order of the periods they are for, and what is still to be deleted."""

    kept: tuple[Recurring, ...]
    left: tuple[Left, ...] = ()


def existing(server: Server, namespace: str, pipeline_id: str | None) -> list[Recurring]:
    """The recurring runs of a pipeline; none where there is no such pipeline."""
    found = [Recurring.of(answer) for answer in server.each(_ROUTE, "recurringRuns", namespace=namespace)]
    return [recurring for recurring in found if pipeline_id and recurring.pipeline_id == pipeline_id]


def plan(wanted: Schedule, found: list[Recurring]) -> Plan:
    """How to come from what is there to what is wanted."""
    requests = wanted.requests()
    kept: dict[str, Recurring] = {}
    removed = []
    for recurring in found:
        if recurring.name != wanted.name:
            continue
        if recurring.digest in requests and recurring.digest not in kept:
            kept[recurring.digest] = recurring
        else:
            removed.append(recurring)
    made = {digest: body for digest, body in requests.items() if digest not in kept}
    return Plan(tuple(kept.values()), made, tuple(removed))


def carry_out(server: Server, plan: Plan, *, seconds_between_looks: float) -> Outcome:
    """Do it, and return what there is then. At no moment do the old ones and the new ones both fire.

    Raises:
        InputError: The server refuses; the old ones are as they were.
        OutsideError: The server failed; the message says what is left. Doing it again mends it.
    """
    stopped = [recurring for recurring in plan.removed if recurring.enabled]
    made: list[Recurring] = []
    try:
        for recurring in stopped:
            _switch(server, recurring, "disable")
        for recurring in plan.revived:
            _switch(server, recurring, "enable")
        for digest, body in plan.made.items():
            made.append(_make(server, digest, body, seconds_between_looks))
    except (Refused, Unavailable) as failure:
        if isinstance(failure, Unavailable) and failure.undecided:
            # The new one may yet come: beside it the old one must not fire.
            raise OutsideError(f"{failure}; {_NOTHING_FIRES}") from None
        left = _undo(server, made, plan.revived, stopped)
        kind = InputError if isinstance(failure, Refused) else OutsideError
        raise kind(f"{failure}; {left}") from None
    kept = [replace(recurring, enabled=recurring.enabled or recurring in plan.revived) for recurring in plan.kept]
    left_over = retire(server, plan.removed, seconds_between_looks=seconds_between_looks)
    return Outcome(tuple(sorted((*kept, *made), key=lambda each: each.times.get("start_time", ""))), left_over)


def retire(server: Server, unwanted: Sequence[Recurring], *, seconds_between_looks: float) -> tuple[Left, ...]:
    """Switch recurring runs off, and delete those that have no run going; return the others.

    Raises:
        OutsideError: The server failed; the same command again goes on.
    """
    fired = False
    for recurring in unwanted:
        if recurring.enabled:
            with _again(recurring):
                _switch(server, recurring, "disable")
            fired = True
    if fired:
        # A run that was fired just before it was switched off is listed a moment later.
        time.sleep(seconds_between_looks)
    left = []
    for recurring in unwanted:
        with _again(recurring):
            going = tuple(unfinished(server, recurring))
        if going:
            left.append(Left(recurring, going))
        else:
            _delete(server, recurring)
    return tuple(left)


def end_and_delete(server: Server, left: Sequence[Left], *, seconds_between_looks: float) -> None:
    """Cancel the runs that are going, and delete what they belong to when they have ended.

    Raises:
        OutsideError: The server failed, or a run does not end; the same command again goes on.
    """
    gone = set()
    for each in left:
        for run_id in each.runs:
            with _again(each.recurring):
                if not _cancel(server, run_id):
                    gone.add(run_id)
    for each in left:
        for look in range(_LOOKS_FOR_THE_END):
            with _again(each.recurring):
                going = [run_id for run_id in unfinished(server, each.recurring) if run_id not in gone]
            if not going:
                break
            if look == _LOOKS_FOR_THE_END - 1:
                raise OutsideError(
                    f"run {going[0]} was canceled and has not ended; the schedule is switched off, and the same "
                    "command again removes it; a run that never ends can be deleted on its page"
                )
            time.sleep(seconds_between_looks)
        _delete(server, each.recurring)


def unfinished(server: Server, recurring: Recurring) -> Iterator[str]:
    """Ids of a recurring run's runs that have not ended, newest first.

    None is looked for behind twenty that have ended: a recurring run of ours has one going at a time.
    """
    ended = 0
    query = {"experiment_id": recurring.experiment_id, "sort_by": "created_at desc"}
    for run in server.each(f"{API}/runs", "runs", **query):
        if run.get("recurring_run_id") != recurring.id:
            continue
        if str(run.get("state", "")) in _ENDED:
            ended += 1
            if ended == _MOST_ENDED:
                return
        else:
            yield str(run["run_id"])


def _cancel(server: Server, run_id: str) -> bool:
    """Have a run end; False where its workflow is gone, so that it never will, and nothing of it is there to be killed."""
    try:
        server.post(f"{API}/runs/{run_id}:terminate", {})
    except SignInNeeded:
        raise
    except Refused:
        # The server refuses it of a run that has just ended, that is being canceled already, or that was deleted.
        return True
    except Unavailable as failure:
        if not _NO_WORKFLOW.search(str(failure)):
            raise
        return False
    return True


def _switch(server: Server, recurring: Recurring, verb: str) -> None:
    """`enable` or `disable`; that it is gone is as good as switched off."""
    try:
        server.post(f"{_ROUTE}/{recurring.id}:{verb}", {})
    except NotFound:
        if verb == "enable":
            raise


def _delete(server: Server, recurring: Recurring) -> None:
    """That it is gone already is as good."""
    for last in (False, True):
        try:
            server.delete(f"{_ROUTE}/{recurring.id}")
        except NotFound:
            return
        except Unavailable:
            if last:
                with _again(recurring):
                    raise
        else:
            return


@contextmanager
def _again(recurring: Recurring) -> Iterator[None]:
    """Say of a failure how to go on."""
    try:
        yield
    except Unavailable as failure:
        raise OutsideError(
            f"{failure}; recurring run {recurring.name!r} ({recurring.id}) may still be there: the same command again "
            "removes it"
        ) from None


def _make(server: Server, digest: str, body: Mapping[str, Any], seconds: float) -> Recurring:
    """Make a recurring run, once: after a lost answer it is looked for by its digest."""
    try:
        return Recurring.of(server.post(_ROUTE, body))
    except Unavailable as failure:
        for look in range(_LOOKS if failure.undecided else 1):
            if look:
                time.sleep(seconds)
            found = _look(server, digest, body)
            if found is not None:
                return found
        if failure.undecided:
            raise
    return Recurring.of(server.post(_ROUTE, body))


def _look(server: Server, digest: str, body: Mapping[str, Any]) -> Recurring | None:
    try:
        for answer in server.each(_ROUTE, "recurringRuns", experiment_id=body["experiment_id"]):
            recurring = Recurring.of(answer)
            if (recurring.name, recurring.digest) == (body["display_name"], digest):
                return recurring
    except Unavailable:
        return None
    return None


def _undo(server: Server, made: list[Recurring], revived: Sequence[Recurring], stopped: Sequence[Recurring]) -> str:
    """Put back what was there, and say whether that went well."""
    try:
        for recurring in revived:
            server.post(f"{_ROUTE}/{recurring.id}:disable", {})
        for recurring in made:
            server.delete(f"{_ROUTE}/{recurring.id}")
        for recurring in stopped:
            server.post(f"{_ROUTE}/{recurring.id}:enable", {})
    except (Refused, Unavailable) as failure:
        return f"nor could it be put back as it was ({failure}): {_NOTHING_FIRES}"
    return "the schedule is as it was: run the same command again"


def _timestamp(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
