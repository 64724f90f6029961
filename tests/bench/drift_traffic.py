"""A made-up network for the benchmark of drift: hosts of very different sizes, of which each window draws who is active.

Flows of one host are like each other, so that rows of a window depend on each other as those of real traffic do; a window
of another draw is as different as one day is from the next, and nothing has drifted.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from netanomaly.traffic import features, outcome, table
from netanomaly.traffic.table import Counts

HOSTS = 2000
TIMEOUT = 120.0
MONDAY = 1_699_833_600.0
"""2023-11-13 00:00 UTC."""
DAY = 86_400.0

# Of each application: port, protocol, service, packets (log mean, log deviation), payload a packet out and back,
# seconds (log mean, log deviation), share that nobody answers.
_APPLICATIONS = (
    (443, "tcp", "ssl", (3.0, 1.0), 120, 900, (0.5, 1.6), 0.02),
    (80, "tcp", "http", (2.3, 0.9), 180, 1000, (-0.5, 1.2), 0.03),
    (53, "udp", "dns", (0.1, 0.2), 45, 130, (-3.5, 0.8), 0.01),
    (22, "tcp", "ssh", (4.0, 1.2), 80, 120, (4.0, 1.5), 0.01),
    (445, "tcp", "smb", (3.3, 1.1), 200, 300, (2.5, 1.5), 0.04),
    (123, "udp", "ntp", (0.0, 0.1), 48, 48, (-3.0, 0.3), 0.05),
    (8080, "tcp", "-", (2.0, 0.8), 300, 200, (0.0, 1.0), 0.3),
)
_BARE = np.array([40.0, 44.0, 52.0, 60.0])


@dataclass
class Columns:
    """Connections as columns; `host` is the place of the source among the hosts."""

    start: npt.NDArray[np.float64]
    seconds: npt.NDArray[np.float64]
    host: npt.NDArray[np.int64]
    src: npt.NDArray[np.object_]
    dst: npt.NDArray[np.object_]
    application: npt.NDArray[np.int64]
    packets_out: npt.NDArray[np.int64]
    packets_in: npt.NDArray[np.int64]
    bytes_out: npt.NDArray[np.float64]
    bytes_in: npt.NDArray[np.float64]

    def take(self, which: npt.NDArray[np.generic]) -> "Columns":
        return Columns(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    def with_(self, other: "Columns") -> "Columns":
        return Columns(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in self.__dataclass_fields__))


Change = Callable[["Network", Columns, np.random.Generator], Columns]


@dataclass
class Network:
    """Hosts with sizes and habits of their own."""

    seed: int
    size: npt.NDArray[np.float64] = field(init=False)
    mix: npt.NDArray[np.float64] = field(init=False)
    habit: npt.NDArray[np.float64] = field(init=False)
    weekday_only: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        draw = np.random.default_rng([self.seed, 7])
        self.size = draw.lognormal(0, 1.0, HOSTS)
        usual = np.array([6.0, 2.0, 5.0, 0.4, 1.0, 0.5, 0.3])
        self.mix = draw.dirichlet(usual, HOSTS)
        # How much more or less is said by each host.
        self.habit = draw.normal(0, 0.4, HOSTS)
        self.weekday_only = draw.random(HOSTS) < 0.7

    def address(self, host: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
        known = np.array([f"10.1.{each // 250}.{1 + each % 250}" for each in range(HOSTS)], dtype=object)
        found: npt.NDArray[np.object_] = known[host]
        return found

    def connections(
        self, draw: np.random.Generator, rows: int, start: float, seconds: float, *, weekend: bool = False
    ) -> Columns:
        """So many connections of the hosts that this window draws."""
        active = draw.random(HOSTS) < 0.5
        if weekend:
            active &= ~self.weekday_only
        chosen = np.flatnonzero(active)
        # A host has busy and idle times.
        weight = self.size[chosen] * draw.lognormal(0, 0.6, len(chosen))
        host = draw.choice(chosen, rows, p=weight / weight.sum())
        # Of each row: which application, by its host's mix.
        cut = np.cumsum(self.mix, axis=1)
        application = (draw.random(rows)[:, None] > cut[host]).sum(axis=1).clip(0, len(_APPLICATIONS) - 1)
        return self.of(draw, host, application, np.sort(draw.uniform(start, start + seconds, rows)))

    def of(
        self,
        draw: np.random.Generator,
        host: npt.NDArray[np.int64],
        application: npt.NDArray[np.int64],
        start: npt.NDArray[np.float64],
    ) -> Columns:
        rows = len(host)
        of = [
            np.array(values)[application]
            for values in zip(*((*a[3], a[4], a[5], *a[6], a[7]) for a in _APPLICATIONS), strict=True)
        ]
        packet_mean, packet_spread, out_size, in_size, time_mean, time_spread, unanswered = of
        packets_out = np.maximum(
            1, np.rint(np.exp(packet_mean + self.habit[host] + packet_spread * draw.normal(size=rows)))
        ).astype(np.int64)
        packets_in = np.maximum(1, np.rint(packets_out * draw.uniform(0.7, 1.4, rows))).astype(np.int64)
        seconds = np.exp(time_mean + time_spread * draw.normal(size=rows))
        bare = _BARE[draw.choice(4, rows, p=[0.35, 0.15, 0.3, 0.2])]
        silent = draw.random(rows) < unanswered
        tcp = np.array([a[1] == "tcp" for a in _APPLICATIONS])[application]
        bytes_out = packets_out * bare + np.where(tcp, packets_out // 2, packets_out) * np.rint(
            out_size * draw.lognormal(0, 0.5, rows)
        )
        bytes_in = packets_in * 40 + np.where(tcp, packets_in * 3 // 4, packets_in) * np.rint(
            in_size * draw.lognormal(0, 0.5, rows)
        )
        packets_out = np.where(silent, draw.integers(1, 4, rows), packets_out)
        bytes_out = np.where(silent, packets_out * bare, bytes_out)
        return Columns(
            start=start,
            seconds=np.where(silent, 0.0, seconds),
            host=host,
            src=self.address(host),
            dst=_targets(draw, rows),
            application=application,
            packets_out=packets_out,
            packets_in=np.where(silent, 0, packets_in),
            bytes_out=np.rint(bytes_out),
            bytes_in=np.where(silent, 0.0, np.rint(bytes_in)),
        )


def _targets(draw: np.random.Generator, rows: int) -> npt.NDArray[np.object_]:
    known = np.array([f"203.0.{113 + each // 250}.{each % 250 + 1}" for each in range(500)], dtype=object)
    found: npt.NDArray[np.object_] = known[np.minimum(draw.zipf(1.4, rows), 500) - 1]
    return found


def cut(columns: Columns, timeout: float) -> Columns:
    """As a sensor with this active time-out writes them: long connections in pieces."""
    pieces = np.maximum(1, np.ceil(columns.seconds / timeout)).astype(np.int64).clip(1, 60)
    which = np.repeat(np.arange(len(pieces)), pieces)
    number = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    made = columns.take(which)
    several = pieces[which]
    last = number == several - 1
    made.start = made.start + number * timeout
    made.seconds = np.where(
        several == 1, made.seconds, np.where(last, made.seconds - number * timeout, timeout).clip(0, timeout)
    )
    for name in ("packets_out", "packets_in", "bytes_out", "bytes_in"):
        whole = getattr(made, name)
        setattr(made, name, np.where(several == 1, whole, np.maximum(whole // several, 0)))
    made.packets_out = np.maximum(made.packets_out, 1)
    made.bytes_out = np.maximum(made.bytes_out, 40 * made.packets_out)
    return made


def flow_table(columns: Columns) -> pa.Table:
    """Of `table.SCHEMA`, in order of the flows' end."""
    rows = len(columns.start)
    services = np.array([a[2] for a in _APPLICATIONS], dtype=object)[columns.application]
    answered = columns.packets_in > 0
    batch = table.make(
        {
            "start_time": pa.array(columns.start),
            "duration_seconds": pa.array(columns.seconds),
            "src_ip": pa.array(columns.src, pa.string()),
            "src_port": pa.array(np.full(rows, 40_000)),
            "dst_ip": pa.array(columns.dst, pa.string()),
            "dst_port": pa.array(np.array([a[0] for a in _APPLICATIONS])[columns.application]),
            "protocol": pa.array(
                np.array([a[1] for a in _APPLICATIONS], dtype=object)[columns.application], pa.string()
            ),
            "service": pa.array(services, pa.string(), mask=(services == "-") | ~answered),
            "bytes_out": pa.array(columns.bytes_out.astype(np.int64)),
            "bytes_in": pa.array(columns.bytes_in.astype(np.int64)),
            "packets_out": pa.array(columns.packets_out),
            "packets_in": pa.array(columns.packets_in),
            "outcome": pa.array(np.where(answered, outcome.CLOSED, outcome.UNANSWERED), pa.string()),
        },
        np.arange(1, rows + 1),
        0,
        Counts(),
    )
    flows = pa.Table.from_batches([batch])
    return flows.take(pa.array(np.argsort(features.end_of(flows), kind="stable")))


# What may change, one each.


def frame_bytes(_network: Network, columns: Columns, _draw: np.random.Generator) -> Columns:
    """The sensor counts frames: 14 bytes a packet more."""
    columns.bytes_out = columns.bytes_out + 14 * columns.packets_out
    columns.bytes_in = columns.bytes_in + 14 * columns.packets_in
    return columns


def sampled(_network: Network, columns: Columns, draw: np.random.Generator) -> Columns:
    """One packet in ten is seen; flows none of whose packets is are not."""
    out, back = (draw.binomial(packets, 0.1) for packets in (columns.packets_out, columns.packets_in))
    columns.bytes_out = np.rint(columns.bytes_out / columns.packets_out) * out
    columns.bytes_in = np.rint(columns.bytes_in / np.maximum(columns.packets_in, 1)) * back
    columns.seconds = np.where(out + back <= 1, 0.0, columns.seconds * (1 - 2 / (out + back + 1)))
    columns.packets_out, columns.packets_in = out, back
    return columns.take(np.flatnonzero(out > 0))


def new_subnet(network: Network, columns: Columns, draw: np.random.Generator) -> Columns:
    """A tenth of the flows come from a subnet that was not there, whose hosts do as others do."""
    moved = np.flatnonzero(draw.random(len(columns.host)) < 0.1)
    columns.src = columns.src.copy()
    columns.src[moved] = [f"10.77.3.{1 + each}" for each in draw.integers(0, 200, len(moved))]
    return columns


def scan(network: Network, columns: Columns, draw: np.random.Generator) -> Columns:
    """One host tries one port of many: a tenth as many flows again."""
    rows = max(200, len(columns.start) // 10)
    host = np.full(rows, int(draw.integers(HOSTS)))
    probes = network.of(
        draw, host, np.full(rows, 4), np.sort(draw.uniform(columns.start.min(), columns.start.max(), rows))
    )
    probes.dst = np.array([f"10.2.{each // 250 % 250}.{1 + each % 250}" for each in range(rows)], dtype=object)
    probes.packets_out, probes.packets_in = np.ones(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    probes.bytes_out, probes.bytes_in, probes.seconds = np.full(rows, 44.0), np.zeros(rows), np.zeros(rows)
    return columns.with_(probes)


def wild_host(network: Network, columns: Columns, draw: np.random.Generator) -> Columns:
    """One host sends a fifth as many flows as all others together, and large ones."""
    rows = max(200, len(columns.start) // 5)
    host = np.full(rows, int(draw.integers(HOSTS)))
    wild = network.of(
        draw, host, np.full(rows, 6), np.sort(draw.uniform(columns.start.min(), columns.start.max(), rows))
    )
    wild.packets_out = wild.packets_out * 50
    wild.bytes_out = np.asarray(wild.packets_out * 1400, dtype=np.float64)
    return columns.with_(wild)


def busier(network: Network, columns: Columns, draw: np.random.Generator) -> Columns:
    """Half of all web traffic becomes long streams, at all hosts: people do something else."""
    web = (columns.application <= 1) & (draw.random(len(columns.start)) < 0.5)
    columns.packets_in = np.where(web, columns.packets_in * 20, columns.packets_in)
    columns.bytes_in = np.where(web, columns.bytes_in * 25, columns.bytes_in)
    columns.seconds = np.where(web, columns.seconds * 8, columns.seconds)
    return columns
