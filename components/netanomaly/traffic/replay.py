"""The flows of the patterns in `netanomaly.metrics.attack_patterns`, injected into a copy of normal traffic."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netanomaly.flows import columns
from netanomaly.metrics.attack_patterns import BY_NAME, NAMES, VERSION
from netanomaly.traffic import feature_list, features, outcome, scope, table
from netanomaly.traffic.context import Context
from netanomaly.traffic.table import Counts

EPISODES = 5
"""How often each pattern is injected, each time with other hosts and at another time."""

MOST_BACKGROUND_ROWS = 100_000
"""So much normal traffic is enough to be injected into; memory and time grow with it."""

_WEB = 443
# Documentation networks (RFC 5737) are no scope of their own in sensors' eyes; these are public, of no use to anybody.
_OUTSIDE = (45, 91, 141, 185)

Draw = np.random.Generator


@dataclass(frozen=True)
class Injected:
    """Attack flows among normal ones, and what the model is to see of the attacks.

    Attributes:
        flows: The attack flows, of `table.SCHEMA`, in order of their end.
        features: Of each attack flow, the features asked for, as a source's would be; those in context saw the normal flows
            and the attack's own before it.
        pattern: Name of the pattern, of each.
        episode: Its number within the pattern, from 0, of each.
    """

    flows: pa.Table
    features: pa.Table
    pattern: npt.NDArray[np.str_]
    episode: npt.NDArray[np.int64]


def inject(background: pa.Table, wanted: Sequence[str], sensor: str, seed: int, episodes: int = EPISODES) -> Injected:
    """Every pattern, so many times, into a copy of normal traffic. The same background and seed give the same flows.

    Args:
        background: Normal flows of `table.SCHEMA`, at least one; at most `MOST_BACKGROUND_ROWS` keep it quick.
        wanted: Features by name; of `feature_list.EVERY`.
        sensor: The kind that recorded the background: what it never says is not said of attacks either.
        seed: Of every draw.
        episodes: Of each pattern.
    """
    if not background.num_rows:
        raise ValueError("attacks are injected into normal traffic, and there is none")
    draw = np.random.default_rng([seed, VERSION])
    network = _Network.of(background, sensor, draw)
    parts = [
        (name, episode, _MAKERS[name](network, BY_NAME[name].parameters))
        for episode in range(episodes)
        for name in NAMES
    ]
    attacks = pa.concat_tables([part for _, _, part in parts])
    which = np.concatenate([np.full(part.num_rows, number) for number, (_, _, part) in enumerate(parts)])
    order = np.argsort(features.end_of(attacks), kind="stable")
    attacks, which = attacks.take(pa.array(order)), which[order]
    return Injected(
        flows=attacks,
        features=_features(background, attacks, wanted),
        pattern=np.array([name for name, _, _ in parts])[which],
        episode=np.array([episode for _, episode, _ in parts])[which],
    )


def flow_table(rows: pa.Table, identity: dict[str, str] | None = None) -> pa.Table:
    """Rows of a flow file of a sensor as `table.SCHEMA`; what the file does not hold is null.

    Args:
        rows: With columns named as features of flows are, `start_time`, and the ends.
        identity: As the file's contract names the ends; None: by their names.
    """
    named = identity or {}
    given: dict[str, Any] = {}
    for name in table.SCHEMA.names:
        column = named.get(name, name)
        if name in ("line", "file", "label") or column not in rows.column_names:
            continue
        values = rows.column(column)
        if name == "allowed":
            values = pc.equal(values.cast(pa.string()), "allowed")
        if name in ("src_port", "dst_port") and pa.types.is_string(values.type):
            values = values.cast(pa.int32())
        given[name] = values
    batch = table.make(given, np.arange(rows.num_rows), 0, Counts())
    made = pa.Table.from_batches([batch])
    return made.take(pa.array(np.argsort(features.end_of(made), kind="stable")))


def _features(background: pa.Table, attacks: pa.Table, wanted: Sequence[str]) -> pa.Table:
    made: dict[str, Any] = features.flow_features(attacks)
    if any(name in feature_list.CONTEXT_NAMES for name in wanted):
        together = pa.concat_tables([background.select(table.SCHEMA.names), attacks]).unify_dictionaries()
        order = np.argsort(features.end_of(together), kind="stable")
        seen = features.context_features(together.take(pa.array(order)), Context())
        # Where each attack came to stand.
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        made |= {name: values[place[background.num_rows :]] for name, values in seen.items()}
    return pa.table(
        {
            name: columns.categories(made[name])
            if feature_list.EVERY[name].category
            else pa.array(made[name], from_pandas=True)
            for name in wanted
        }
    )


@dataclass
class _Network:
    """Who is there, when, and what the sensor says."""

    draw: Draw
    first: float
    last: float
    inside: list[str]
    servers: list[tuple[str, int]]
    says_service: bool
    says_flags: bool
    says_answers: bool
    says_allowed: bool

    @classmethod
    def of(cls, background: pa.Table, sensor: str, draw: Draw) -> "_Network":
        start = features.whole(background, "start_time").to_numpy(zero_copy_only=False)
        sources = _most(background, "src_ip")
        inside = [each for each in sources if scope.scope(each) == scope.PRIVATE]
        pairs = (
            background.select(["dst_ip", "dst_port"])
            .drop_null()
            .group_by(["dst_ip", "dst_port"])
            .aggregate([([], "count_all")])
        )
        ranked = sorted(pairs.to_pylist(), key=lambda each: (-each["count_all"], str(each["dst_ip"]), each["dst_port"]))
        servers = [(str(each["dst_ip"]), int(each["dst_port"])) for each in ranked if 0 < each["dst_port"] < 49_152]
        became = set(features.whole(background, "outcome").dictionary.to_pylist())
        return cls(
            draw=draw,
            first=float(np.nanmin(start)),
            last=float(np.nanmax(start)),
            inside=(inside or sources or ["10.0.0.1"])[:100],
            servers=servers[:20] or [("10.0.0.2", _WEB)],
            says_service=sensor in feature_list.SAY_SERVICE,
            says_flags=not became <= {outcome.ESTABLISHED, outcome.UNANSWERED},
            says_answers=background.column("packets_in").null_count < background.num_rows
            or background.column("bytes_in").null_count < background.num_rows,
            says_allowed=background.column("allowed").null_count < background.num_rows,
        )

    def between(self, ends: Sequence[float], count: int) -> npt.NDArray[np.float64]:
        """So many numbers from one end to the other."""
        return self.draw.uniform(ends[0], ends[1], count)

    def host(self) -> str:
        """One inside."""
        return str(self.draw.choice(self.inside))

    def stranger(self) -> str:
        """One outside that is not likely to have been met."""
        return f"{self.draw.choice(_OUTSIDE)}." + ".".join(str(each) for each in self.draw.integers(1, 255, 3))

    def begin(self, gaps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Times of flows that are so far apart, somewhere within the traffic as far as they fit."""
        offsets = np.cumsum(gaps) - gaps[0]
        room = max(0.0, self.last - self.first - float(offsets[-1]))
        times: npt.NDArray[np.float64] = self.first + self.draw.uniform(0, room) + offsets
        return times

    def flows(
        self,
        start: npt.NDArray[np.float64],
        duration: npt.NDArray[np.float64],
        src: Sequence[str],
        dst: Sequence[str],
        port: int,
        out: npt.NDArray[np.float64],
        back: npt.NDArray[np.float64],
        packets_out: npt.NDArray[np.float64],
        packets_in: npt.NDArray[np.float64],
        became: Sequence[str],
        service: str | None,
    ) -> pa.Table:
        """Flows of TCP as the sensor would have written them."""
        count = len(start)
        given: dict[str, Any] = {
            "start_time": pa.array(start),
            "duration_seconds": pa.array(duration),
            "src_ip": pa.array(src, pa.string()),
            "src_port": pa.array(self.draw.integers(32_768, 60_999, count), pa.int32()),
            "dst_ip": pa.array(dst, pa.string()),
            "dst_port": pa.array(np.full(count, port), pa.int32()),
            "protocol": pa.array(["tcp"] * count),
            "bytes_out": pa.array(np.rint(out).astype(np.int64)),
            "packets_out": pa.array(np.rint(packets_out).astype(np.int64)),
            "outcome": pa.array(self._said(became)),
        }
        if service is not None and self.says_service:
            given["service"] = pa.array([service] * count)
        if self.says_answers:
            given["bytes_in"] = pa.array(np.rint(back).astype(np.int64))
            given["packets_in"] = pa.array(np.rint(packets_in).astype(np.int64))
        if self.says_allowed:
            given["allowed"] = pa.array([True] * count)
        return pa.Table.from_batches([table.make(given, np.arange(1, count + 1), 0, Counts())])

    def _said(self, became: Sequence[str]) -> list[str | None]:
        if not self.says_answers:
            return [None] * len(became)
        if self.says_flags:
            return list(became)
        return [
            outcome.UNANSWERED if word in (outcome.UNANSWERED, outcome.HALF_OPEN) else outcome.ESTABLISHED
            for word in became
        ]


def _scan(network: _Network, parameters: dict[str, Any]) -> pa.Table:
    draw, count = network.draw, parameters["flows"]
    start = network.begin(network.between(parameters["seconds_between"], count))
    refused = draw.random(count) < parameters["refused"]
    size = draw.choice([40.0, 44.0, 52.0, 60.0], count)
    third, fourth = draw.integers(0, 255, 2)
    targets = [f"10.{third}.{(fourth + number // 254) % 256}.{1 + number % 254}" for number in range(count)]
    return network.flows(
        start,
        np.where(refused, draw.uniform(0.0002, 0.05, count), 0.0),
        [network.host()] * count,
        targets,
        int(draw.choice(parameters["ports"])),
        size,
        np.where(refused, 40.0, 0.0),
        np.ones(count),
        np.where(refused, 1.0, 0.0),
        [outcome.REFUSED if no else outcome.UNANSWERED for no in refused],
        None,
    )


def _brute_force(network: _Network, parameters: dict[str, Any]) -> pa.Table:
    draw, count = network.draw, parameters["flows"]
    port = int(draw.choice(parameters["ports"]))
    packets = draw.integers(parameters["packets"][0], parameters["packets"][1], count).astype(np.float64)
    answers = np.rint(packets * draw.uniform(0.8, 1.2, count))
    return network.flows(
        network.begin(network.between(parameters["seconds_between"], count)),
        network.between(parameters["seconds"], count),
        [network.stranger()] * count,
        [network.host()] * count,
        port,
        packets * draw.uniform(90, 130, count),
        answers * draw.uniform(110, 170, count),
        packets,
        answers,
        [outcome.CLOSED] * count,
        {22: "ssh", 21: "ftp", 3389: "rdp"}.get(port),
    )


def _flood(network: _Network, parameters: dict[str, Any]) -> pa.Table:
    draw, count = network.draw, parameters["flows"]
    sources = [network.stranger() for _ in range(parameters["sources"])]
    target, port = network.servers[int(draw.integers(0, len(network.servers)))]
    return network.flows(
        network.begin(network.between(parameters["seconds_between"], count)),
        draw.uniform(0.0, 3.0, count),
        [sources[place] for place in draw.integers(0, len(sources), count)],
        [target] * count,
        port,
        np.full(count, 40.0),
        np.full(count, 44.0),
        np.ones(count),
        np.ones(count),
        [outcome.HALF_OPEN] * count,
        None,
    )


def _exfiltration(network: _Network, parameters: dict[str, Any]) -> pa.Table:
    count = parameters["flows"]
    out = np.exp(network.between(np.log(parameters["bytes_out"]), count))
    packets = np.ceil(out / 1448)
    answers = np.ceil(packets / 2)
    return network.flows(
        network.begin(network.between(parameters["seconds_between"], count)),
        out / network.between(parameters["bytes_a_second"], count),
        [network.host()] * count,
        [network.stranger()] * count,
        _WEB,
        out,
        np.maximum(out * parameters["answer"], answers * 52),
        packets,
        answers,
        [outcome.CLOSED] * count,
        "ssl",
    )


def _beacon(network: _Network, parameters: dict[str, Any]) -> pa.Table:
    draw, count = network.draw, parameters["flows"]
    return network.flows(
        network.begin(network.between(parameters["seconds_between"], count)),
        network.between(parameters["seconds"], count),
        [network.host()] * count,
        [network.stranger()] * count,
        _WEB,
        network.between(parameters["bytes_out"], count),
        network.between(parameters["bytes_in"], count),
        draw.integers(5, 9, count).astype(np.float64),
        draw.integers(4, 8, count).astype(np.float64),
        [outcome.CLOSED] * count,
        "ssl",
    )


_MAKERS: dict[str, Callable[[_Network, dict[str, Any]], pa.Table]] = {
    "scan": _scan,
    "brute_force": _brute_force,
    "flood": _flood,
    "exfiltration": _exfiltration,
    "beacon": _beacon,
}


def _most(flows: pa.Table, name: str) -> list[str]:
    """Its values, the most frequent first."""
    counted = pc.value_counts(features.whole(flows, name).cast(pa.string()).drop_null()).to_pylist()
    return [str(each["values"]) for each in sorted(counted, key=lambda each: (-each["counts"], str(each["values"])))]
