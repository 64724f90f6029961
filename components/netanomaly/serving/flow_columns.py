"""Flows as a sensor's records tell of them, made into the features that a model of that sensor learnt.

A request to such a model has the features themselves, or the columns of the flow table (docs/traffic.md), of which
features are made by the code that `ingest` and `score` use. Features in context are about the flows that this server was
sent before: one stream, in order of the flows' end, to one server. Who spreads flows over several servers gives those
features in the request.
"""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.errors import DataError
from netanomaly.flows import columns, identity, time_names
from netanomaly.flows.notations import PLAIN
from netanomaly.flows.times import Clock
from netanomaly.models.frames import Frame, plain_name
from netanomaly.serving.errors import RequestError
from netanomaly.traffic import feature_list, features, in_context, outcome, table
from netanomaly.traffic.context import Context

_NEEDED = ("start_time", "src_ip", "dst_ip", "protocol")
_FLOW_COLUMNS = (*(name for name in table.COLUMNS if name not in ("uid", "label", "state")), "outcome")
_NUMBERS = frozenset(
    name for name, kind in table.COLUMNS.items() if pa.types.is_integer(kind) or pa.types.is_floating(kind)
)


class Flows:
    """What a server remembers of the flows it was sent."""

    def __init__(self) -> None:
        self._past = Context()
        self._lock = threading.Lock()

    @property
    def late(self) -> int:
        """Flows that ended before others that came sooner: they are seen as of when they came."""
        return self._past.late

    def features(self, given: pa.Table, wanted: Sequence[str]) -> pa.Table:
        """The features that are wanted: those given, or made of the columns of flows.

        Raises:
            RequestError: Neither is there, or a column of flows is of the wrong type.
        """
        names = {plain_name(name) for name in given.column_names}
        if all(name in names for name in wanted):
            return given
        if missing := [name for name in _NEEDED if name not in names]:
            absent = [name for name in wanted if name not in names]
            raise RequestError(
                f"the model needs the columns {', '.join(absent[:40])}; give them, or the flows' own columns, of which "
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} absent"
            )
        flows = _flow_table(given)
        order = np.argsort(features.end_of(flows), kind="stable")
        flows = flows.take(pa.array(order))
        made: dict[str, Any] = features.flow_features(flows)
        if any(name in feature_list.CONTEXT_NAMES for name in wanted):
            with self._lock:
                made |= features.context_features(flows, self._past)
        return pa.table(made).take(pa.array(_back(order)))

    def in_context(self, given: pa.Table, wanted: Sequence[str]) -> pa.Table:
        """The rows of a table with the features in context that are wanted: those given, or made of its times and ends.

        Raises:
            RequestError: Neither is there.
        """
        names = {plain_name(name): name for name in given.column_names}
        absent = [name for name in wanted if name in feature_list.CONTEXT_NAMES and name not in names]
        if not absent:
            return given
        ends, time = identity.likely(list(names)), time_names.likely(list(names))
        missing = [part for part in ("src_ip", "dst_ip") if part not in ends] + ([] if time else ["timestamp"])
        if time is None or missing:
            raise RequestError(
                f"the model needs the columns {', '.join(absent[:40])}; give them, or the columns that they are made of, of which "
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} absent"
            )
        if "dst_port" not in ends and not set(absent) <= set(in_context.names(ends)):
            raise RequestError(
                "the model knows of ports, and no column of the destination's is known by its name; give dst_port"
            )
        seconds = _seconds(given, names[time])
        known = {part: ends[part] for part in ("src_ip", "dst_ip", "dst_port") if part in ends}
        frame = Frame(given, list(known.values()))
        order = np.argsort(np.nan_to_num(seconds), kind="stable")
        texts: dict[str, Any] = {
            part: frame.columns(name)[0].cast(pa.string()).take(pa.array(order)) for part, name in known.items()
        }
        with self._lock:
            made = self._past.features(in_context.seen(seconds[order], texts))
        back = _back(order)
        for name in absent:
            given = given.append_column(name, pa.array(made[name][back], from_pandas=True))
        return given


def _back(order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where what was put in an order stood before."""
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return back


def _seconds(given: pa.Table, time: str) -> npt.NDArray[np.float64]:
    column = Frame(given, [time]).columns(time)[0]
    try:
        return Clock(time).seconds(column, "the request", 1)
    except (pa.ArrowException, DataError) as error:
        raise RequestError(f"column {time!r}: {' '.join(str(error).split())[:200]}") from None


def _numbers(column: Any, name: str) -> Any:
    """A column of numbers, which may be written as texts. Raises RequestError."""
    if pa.types.is_signed_integer(column.type):
        return column
    if pa.types.is_temporal(column.type):
        wanted = "seconds since 1970" if name == "start_time" else "numbers"
        raise RequestError(f"column {name!r} holds {column.type}; give {wanted}")
    read = columns.doubles(column)
    if read.wrong is not None:
        raise RequestError(
            str(columns.no_number(column, read.wrong, name, PLAIN, f"row {read.wrong + 1}", "correct it"))
        )
    return pa.array(read.values, from_pandas=True)


def _flow_table(given: pa.Table) -> pa.Table:
    """The columns of flows that are there, spelt as sensors' readers spell them."""
    there = [name for name in _FLOW_COLUMNS if name in {plain_name(each) for each in given.column_names}]
    frame = Frame(given, there)
    found = {name: frame.columns(name)[0] for name in there}
    for name in _NUMBERS.intersection(found):
        found[name] = _numbers(found[name], name)
    for name, spell in (("protocol", table.protocol), ("service", table.lower), ("outcome", table.lower)):
        if name in found:
            found[name] = spell(found[name])
    for name in ("src_ip", "dst_ip"):
        found[name] = table.clean(found[name])
    if "outcome" in found:
        words = found["outcome"].dictionary.to_pylist()
        if unknown := [word for word in words if word not in outcome.WORDS]:
            raise RequestError(f"column 'outcome' holds {unknown[0][:40]!r}; known are {', '.join(outcome.WORDS)}")
    counts = table.Counts()
    outcomes = found.pop("outcome", None)
    try:
        batch = table.make(found, np.arange(len(frame), dtype=np.int64), 0, counts)
    except (pa.ArrowException, DataError, OverflowError, ValueError) as error:
        raise RequestError(f"the flows' columns cannot be read: {' '.join(str(error).split())[:200]}") from None
    if counts.dropped or counts.repaired:
        reason, number = next(iter({**counts.dropped, **counts.repaired}.items()))
        raise RequestError(
            f"{number:,} {'row' if number == 1 else 'rows'}: {reason.removesuffix('set to missing').rstrip(' ,')}; correct "
            f"{'it or leave it' if number == 1 else 'them or leave them'} out"
        )
    flows = pa.Table.from_batches([batch])
    if outcomes is not None:
        flows = flows.set_column(flows.schema.get_field_index("outcome"), "outcome", outcomes)
    return flows
