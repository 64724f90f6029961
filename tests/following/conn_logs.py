"""Zeek's conn logs for tests of following: each flow has a uid, by which it is found again."""

import random
from collections.abc import Sequence
from pathlib import Path

from tests.unit.traffic.zeek_logs import FIELDS

START = 1_700_000_000.0
TYPES = ["time", "string", "addr", "port", "addr", "port", "enum", "string", "interval", "count", "count", "string",
         "bool", "count", "string", "count", "count", "count", "count", "set[string]"]  # fmt: skip


def header(path: str = "conn") -> str:
    """What a Zeek log begins with."""
    lines = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", f"#path\t{path}",
             "#open\t2023-11-14-22-13-20", "#fields\t" + "\t".join(FIELDS), "#types\t" + "\t".join(TYPES)]  # fmt: skip
    return "\n".join(lines) + "\n"


def flows(seed: int, count: int, start: float = START, seconds: float = 600.0, name: str = "") -> list[str]:
    """Lines of so many flows in order of time."""
    chosen = random.Random(seed)
    times = sorted(start + chosen.random() * seconds for _ in range(count))
    return [_flow(chosen, time, f"C{name or seed}x{number}") for number, time in enumerate(times)]


def probes(count: int, start: float = START, source: str = "10.0.0.66", name: str = "scan") -> list[str]:
    """Lines of a horizontal scan."""
    found = []
    for number in range(count):
        ends = [source, str(40000 + number % 20000), f"10.0.{1 + number // 200 % 200}.{number % 200}", "445"]
        counted = ["0", "0", "S0", "T", "0", "S", "1", "60", "0", "0", "(empty)"]
        found.append("\t".join([f"{start + number * 0.05:.6f}", f"C{name}{number}", *ends, "tcp", "-", "-", *counted]))
    return found


def _flow(chosen: random.Random, time: float, uid: str) -> str:
    port = chosen.choice(["53", "80", "443", "443", "443"])
    out, back = int(chosen.lognormvariate(6, 1)), int(chosen.lognormvariate(8, 1))
    packets = [1 + out // 500, 1 + back // 1200]
    ends = [f"10.0.0.{chosen.randrange(1, 40)}", str(chosen.randrange(32768, 60999)), f"192.0.2.{chosen.randrange(30)}"]
    protocol = "udp" if port == "53" else "tcp"
    counted = [str(packets[0]), str(out + 40 * packets[0]), str(packets[1]), str(back + 40 * packets[1])]
    return "\t".join(
        [f"{time:.6f}", uid, *ends, port, protocol, "dns" if port == "53" else "ssl", f"{chosen.expovariate(1):.6f}",
         str(out), str(back), "SF", "T", "0", "ShADadFf", *counted, "(empty)"]
    )  # fmt: skip


def uid(line: str) -> str:
    return line.split("\t")[1]


def written(path: Path, lines: Sequence[str], *, close: bool = True) -> Path:
    """A whole log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        header() + "".join(f"{line}\n" for line in lines) + ("#close\t2023-11-14-23-13-20\n" if close else "")
    )
    return path
