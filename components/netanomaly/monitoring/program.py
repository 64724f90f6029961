"""Judge windows by what is kept of versions: one verdict for each version that scored."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from netanomaly.errors import InputError
from netanomaly.feedback.book import place
from netanomaly.feedback.confirmed import confirmed_of
from netanomaly.flows.left_out import RowsByFile, name_of
from netanomaly.monitoring import reference as references
from netanomaly.monitoring import reviewed
from netanomaly.monitoring.finding import Scored, scored_in
from netanomaly.monitoring.judging import judge
from netanomaly.monitoring.reading import has_labels
from netanomaly.monitoring.reference import Reference
from netanomaly.monitoring.remaking import reference_from
from netanomaly.monitoring.reviewed import Feedback
from netanomaly.monitoring.scored import summary_of, watch_scores
from netanomaly.monitoring.seen import Seen
from netanomaly.monitoring.settings import Settings
from netanomaly.monitoring.watching import watch
from netanomaly.registry import Registry
from netanomaly.registry.changes import caller
from netanomaly.registry.documents import READY, now
from netanomaly.registry.monitored import Verdict
from netanomaly.registry.reading import Version
from netanomaly.scoring.choosing import Chosen, choose
from netanomaly.traffic.reader import LABEL

FORMAT = 1


@dataclass(frozen=True)
class Judged:
    """A window as a version sees it: the verdict as a document, and which rows alert and are not suppressed."""

    verdict: dict[str, Any]
    open_alerts: RowsByFile


def monitor(
    registry: Registry, reference: str, settings: Settings, progress: Callable[[int], Any] = int
) -> list[Judged]:
    """The verdicts on a window, by version; of traffic one, of scores one for each version that they are of.

    Raises:
        InputError: The model is not there, or the source cannot be read or is of another model.
    """
    scores = scored_in(settings.source)
    if scores is None:
        chosen = choose(registry, reference)
        kept = kept_reference(registry, chosen.version)
        said = reviewed.read(place(settings.feedback, registry.uri), chosen.version.model)
        seen = watch(chosen.model, None if kept is None else kept.layout, settings, progress)
        return [_judged(registry, chosen.version, kept, seen, settings, said)]
    by_version: dict[int, list[Scored]] = {}
    wanted = registry.version(reference)
    for each in scores:
        summary = summary_of(each)
        if summary["name"] != wanted.model:
            raise InputError(f"{each.scores.uri} was scored by model {summary['name']}, not by {wanted.model}")
        by_version.setdefault(summary["version"], []).append(each)
    said = reviewed.read(place(settings.feedback, registry.uri), wanted.model)
    found = []
    for number, its in sorted(by_version.items()):
        version = registry.version(f"{wanted.model}:{number}")
        kept = kept_reference(registry, version)
        seen = watch_scores(its, registry.load_version(version).threshold, said.heard)
        found.append(_judged(registry, version, kept, seen, settings, said))
    return found


def kept_reference(registry: Registry, version: Version) -> Reference | None:
    """What is usual for a version: as it was registered with it, or made anew since; None where there is neither.

    One made anew is not signed: where signatures are checked it is not believed.
    """
    data = registry.file(version, references.FILE)
    if data is None and not registry.checks_signatures:
        data = registry.monitored(version.model).reference(version.number)
    return None if data is None else references.read(data)


def make_reference(
    registry: Registry, reference: str, settings: Settings, progress: Callable[[int], Any] = int
) -> tuple[Version, Reference]:
    """Make a version's reference anew from its training source, and keep it in the registry.

    Where no label column is named, a version that learnt from normal rows takes the one that it had then, if the source has it.

    Raises:
        InputError: The version carries one, which stands; or there is no such version.
        DataError: The source has too few rows.
    """
    chosen = choose(registry, reference)
    version = chosen.version
    if references.FILE in version.record.files:
        raise InputError(
            f"{version.model}:{version.number} carries the reference that it was registered with, which stands: train a new "
            "version on other data"
        )
    made = reference_from(chosen.model, _as_learnt(chosen, settings), progress)
    registry.monitored(version.model).keep_reference(version.number, made.text().encode())
    return version, made


def _as_learnt(chosen: Chosen, settings: Settings) -> Settings:
    """Settings with the labels by which the version learnt from normal rows alone."""
    metadata = chosen.version.record.metadata
    configuration = _part(metadata, "configuration")
    names = settings.normal_labels or list(configuration.get("normal_labels") or [])
    if settings.label_column or chosen.model.training_rows != "normal":
        return replace(settings, normal_labels=names)
    had = _part(_part(metadata, "data"), "training").get("label_column")
    column = str(had or configuration.get("label_column") or LABEL)
    labelled = replace(settings, label_column=column, normal_labels=names)
    return labelled if has_labels(chosen.model, labelled) else settings


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Of metadata that anyone may have registered."""
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}


def _why_no_reference(version: Version, *, checks_signatures: bool) -> str:
    """Which of the reasons it is, and what to do."""
    training = _part(version.record.metadata, "training")
    if refused := training.get("no_reference"):
        return f"the version has no reference: {refused}"
    rows = training.get("rows_eligible")
    if isinstance(rows, int) and rows < references.LEAST_TRAINING_ROWS:
        return (
            f"the version has no reference, as it learnt from {rows:,} rows and a reference takes "
            f"{references.LEAST_TRAINING_ROWS:,}: train a new version on more data"
        )
    if checks_signatures:
        return (
            "the version was made before references were, and one that is made anew is not signed, as is asked for here: train a "
            "new version"
        )
    return (
        "the version was made before references were; make one with netanomaly monitor "
        f"{version.model}:{version.number} TRAINING_SOURCE --make-reference"
    )


def keep(registry: Registry, verdict: Mapping[str, Any]) -> bool:
    """Append a verdict to the model's history; whether it is new."""
    model = verdict["model"]
    return registry.monitored(model["name"]).append(
        Verdict(
            id=digest_of([model["version"], verdict["window"], verdict["verdict"]]),
            at=now(),
            by=caller(),
            version=model["version"],
            verdict=verdict["verdict"],
            window=verdict["window"],
            words="; ".join(verdict["reasons"]),
            first=verdict["first_seen"],
            last=verdict["last_seen"],
            rows=verdict["rows"],
            alerts=verdict["alerts"],
        )
    )


def without_open_alerts(
    registry: Registry, model: str, training: Mapping[str, Any], judged: Judged, feedback: str
) -> dict[str, Any]:
    """The configuration of a retraining that learns nothing of what alerts and nobody called benign.

    Rows of open alerts are left out, where they are in its data. What feedback calls benign is learnt by its own flows, which
    are kept with the verdict. What came of it is said in the verdict, under `learnt`.

    Args:
        training: As it is given; what it says of `feedback` and `leave_out` itself stands.
        feedback: Where feedback is kept; empty: beside the models.
    """
    found = judged.open_alerts
    made = {"feedback": feedback or True, **training}
    if found.rows and made.get("leave_out") is None:
        data = found.encode()
        made["leave_out"] = registry.monitored(model).keep_left_out(name_of(data), data)
    where = made["feedback"]
    benign = confirmed_of(place(where if isinstance(where, str) else "", registry.uri), model).benign if where else []
    learnt = {
        "open_alerts_left_out": found.rows,
        "benign_by_feedback": sum(kept.rows for kept in benign),
        "not_left_out": found.over,
    }
    judged.verdict["learnt"] = learnt
    judged.verdict["notes"].append(
        f"training again leaves out {found.rows:,} rows of open alerts of this window, and takes {learnt['benign_by_feedback']:,} flows "
        "that feedback calls benign" + (f"; {found.over:,} more alert than can be left out" if found.over else "")
    )
    return made


def digest_of(parts: list[Any]) -> str:
    """A digest of plain values."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _judged(
    registry: Registry, version: Version, kept: Reference | None, seen: Seen, settings: Settings, said: Feedback
) -> Judged:
    window = seen.window
    if not seen.features and kept is not None:
        # Scores hold no features: what is judged of them is how many alert, and whose they are.
        kept = kept.of_alerts()
    lacking = "" if kept is not None else _why_no_reference(version, checks_signatures=registry.checks_signatures)
    quality = seen.quality(kept) + reviewed.quality(said, version, kept, window.profile.rows, window.profile.alerts)
    document = judge(kept, window, gone=seen.gone, quality=quality, now=time.time(), lacking=lacking)
    if version.status != READY:
        document["notes"].append(f"{version.model}:{version.number} is {version.status} by now")
    if seen.dropped and not seen.gone:
        said_of = ", ".join(f"{reason} ({count:,})" for reason, count in seen.dropped.items())
        document["notes"].append(f"{sum(seen.dropped.values()):,} records are no flows, and are not judged: {said_of}")
    document["suppressed"] = seen.suppressed
    if seen.suppressed:
        document["notes"].append(
            f"{seen.suppressed:,} more rows alert that feedback suppresses; they do not count as alerts"
        )
    elif seen.features and said.suppresses:
        document["notes"].append(
            "rows that feedback suppresses count as alerts here: give the folders that score wrote to tell them apart"
        )
    document["notes"] += [
        f"feedback {said.uri}/{key} cannot be read ({problem}); nothing follows from it"
        for key, problem in said.pages.unreadable.items()
    ]
    if not seen.features:
        document["notes"].append(
            "scores hold no features: alert rate and sources are judged; give the traffic itself for the rest"
        )
    identity = f"sha256:{version.record.artifact.sha256}"
    verdict = {
        "format": FORMAT,
        "model": {"name": version.model, "version": version.number, "digest": identity},
        "window": digest_of(
            [version.model, seen.identity, document["first_seen"], document["last_seen"], document["rows"]]
        ),
        "source": list(settings.source),
        "identity": seen.identity,
        **document,
    }
    return Judged(verdict, seen.open_alerts)
