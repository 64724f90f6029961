"""Alerting rows to incidents: what one host did in one stretch of time is one thing to look at.

A source's alerts belong together until it was quiet for `QUIET_SECONDS`. Where many sources alert towards one target at
the same time (a flood, a distributed scan), the target is what they have in common: they become one incident of it.
The same rows give the same incidents, in whatever batches they came.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

QUIET_SECONDS = 1800.0
# So many sources of alerts towards one target, and no others, are an incident of the target.
_MANY_SOURCES = 5

SOURCE, TARGET, ROW = "source", "target", "row"

Texts = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Group:
    """Alerts that belong together.

    Attributes:
        kind: Whose they are: source, target, or row where no ends are known and each stands alone.
        entity: The host's address; empty for a row.
        places: Of its alerts, in order of time.
    """

    kind: str
    entity: str
    places: Places


def group(times: Floats, sources: Texts, targets: Texts) -> list[Group]:
    """Incidents of alerting rows.

    Args:
        times: Seconds since 1970 of each alert; NaN where not known, which counts as one moment.
        sources: Address of the source of each; None where not known.
        targets: Address of the target of each; None where not known.
    """
    known = np.array([source is not None for source in sources], dtype=bool)
    alone = [Group(ROW, "", np.array([place])) for place in np.flatnonzero(~known)]
    places = np.flatnonzero(known)
    if not len(places):
        return alone
    # Not as an array of text, each of which takes what the longest takes.
    numbers: dict[str, int] = {}
    who = np.array([numbers.setdefault(str(source), len(numbers)) for source in sources[places]])
    when = np.nan_to_num(times[places], nan=0.0)
    order = np.lexsort((places, when, who))
    places, who, when = places[order], who[order], when[order]
    begins = np.flatnonzero(np.concatenate([[True], (who[1:] != who[:-1]) | (when[1:] - when[:-1] > QUIET_SECONDS)]))
    sessions = np.split(places, begins[1:])
    found = _by_target(sessions, times, targets)
    merged = {place for each in found for place in each.places.tolist()}
    rest = [Group(SOURCE, str(sources[session[0]]), session) for session in sessions if int(session[0]) not in merged]
    return sorted([*found, *rest, *alone], key=lambda each: int(each.places.min()))


def _by_target(sessions: list[Places], times: Floats, targets: Texts) -> list[Group]:
    """Sessions of many sources towards one target each, at one time."""
    towards: dict[str, list[Places]] = {}
    for session in sessions:
        only = targets[session[0]]
        if only is not None and all(targets[place] == only for place in session):
            towards.setdefault(str(only), []).append(session)
    found = []
    for target, several in towards.items():
        if len(several) < _MANY_SOURCES:
            continue
        for together in _at_one_time(several, times):
            if len(together) >= _MANY_SOURCES:
                places = np.concatenate(together)
                order = np.lexsort((places, np.nan_to_num(times[places], nan=0.0)))
                found.append(Group(TARGET, target, places[order]))
    return found


def _at_one_time(sessions: list[Places], times: Floats) -> list[list[Places]]:
    """Sessions in runs between which the target was left alone."""
    spans = sorted(
        ((float(np.nan_to_num(times[each[0]])), float(np.nan_to_num(times[each[-1]])), position))
        for position, each in enumerate(sessions)
    )
    runs: list[list[Places]] = []
    end = -np.inf
    for first, last, position in spans:
        if not runs or first - end > QUIET_SECONDS:
            runs.append([])
        runs[-1].append(sessions[position])
        end = max(end, last)
    return runs
