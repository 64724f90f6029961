"""Speed and memory of reading what sensors write: rows a second, processor seconds a million flows, peak memory.

    python -m tests.bench.traffic [--rows 1000000]

The logs are made up (hosts, ports and sizes drawn with long tails, a fixed seed). Processor time is what is told, beside
the wall clock: another load on the machine changes it little.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from netanomaly.absent import do_without

from tests.bench.end_to_end import ROOT

DATA = ROOT / "build" / "bench"
FIELDS = (
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration", "orig_bytes", "resp_bytes",
    "conn_state", "local_orig", "local_resp", "missed_bytes", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts",
    "resp_ip_bytes", "tunnel_parents",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--measure", choices=MEASURES, help="one of the measures, in this process")
    wanted = parser.parse_args()
    DATA.mkdir(parents=True, exist_ok=True)
    zeek, eve = DATA / f"conn_{wanted.rows}.log", DATA / f"eve_{wanted.rows // 4}.json"
    if wanted.measure:
        # As stages and the command are.
        do_without("pandas")
        print(json.dumps(MEASURES[wanted.measure](zeek, eve)))
        return
    if not zeek.exists():
        write_zeek(zeek, wanted.rows)
    if not eve.exists():
        write_eve(eve, wanted.rows // 4)
    print("| | rows | processor s a million | rows a processor second | rows a second | peak MiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in MEASURES:
        # Each in a process of its own, whose peak is its own.
        command = [sys.executable, "-m", "tests.bench.traffic", "--rows", str(wanted.rows), "--measure", name]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
        rows, processor, wall = found["rows"], found["processor"], found["wall"]
        print(
            f"| {name} | {rows:,} | {processor / rows * 1e6:.2f} | {rows / processor:,.0f} | {rows / wall:,.0f} | "
            f"{found['peak']:.0f} |"
        )


def parsed(path: Path) -> dict[str, Any]:
    """Of the parser alone."""
    from netanomaly.traffic import stream

    understood, opened = _source(path)
    return _measured(lambda: sum(batch.num_rows for batch in stream.records(opened(), understood)))


def features_of(path: Path) -> dict[str, Any]:
    """Of all that makes batches of features: parsing, sorting, features of each flow and in context."""
    from netanomaly.flows import sources
    from netanomaly.traffic.opening import format_of
    from netanomaly.traffic.reader import TrafficReader, Wish

    files = sources.resolve([str(path)])
    written = format_of(files)
    assert written is not None
    reader = TrafficReader(files, written, Wish(), DATA)
    return _measured(lambda: sum(batch.rows for batch in reader.batches()))


def in_context(path: Path) -> dict[str, Any]:
    """Of the features in context alone."""
    from netanomaly.traffic import features, stream
    from netanomaly.traffic.context import Context
    from netanomaly.traffic.sorting import Room

    understood, opened = _source(path)
    flows = [features.seen(table) for table in stream.flows(opened(), understood, Room(scratch=DATA))]
    past = Context()

    def count() -> int:
        for block in flows:
            past.features(block)
        return sum(map(len, flows))

    return _measured(count)


MEASURES: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "Zeek, parsing": lambda zeek, _: parsed(zeek),
    "Zeek, all features": lambda zeek, _: features_of(zeek),
    "features in context": lambda zeek, _: in_context(zeek),
    "eve.json, parsing": lambda _, eve: parsed(eve),
    "eve.json, all features": lambda _, eve: features_of(eve),
}


def _source(path: Path) -> tuple[Any, Callable[[], Iterator[Any]]]:
    from netanomaly.flows import sources
    from netanomaly.traffic.opening import OpenFile, format_of
    from netanomaly.traffic.stream import Understood

    files = sources.resolve([str(path)])
    written = format_of(files)
    assert written is not None

    def opened() -> Iterator[OpenFile]:
        for number, file in enumerate(files.files):
            each = OpenFile(file, number)
            yield each
            each.close()

    return Understood(written), opened


def _measured(work: Callable[[], int]) -> dict[str, Any]:
    processor, wall = time.process_time(), time.perf_counter()
    rows = work()
    return {
        "rows": rows,
        "processor": time.process_time() - processor,
        "wall": time.perf_counter() - wall,
        "peak": _peak_mebibytes(),
    }


def _peak_mebibytes() -> float:
    """Of this program: what getrusage tells began with the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def _drawn(rows: int) -> Iterator[dict[str, Any]]:
    """Flows of 2,000 sources to 40,000 destinations, 300 a second."""
    draw = np.random.default_rng(1)
    columns = {
        "at": 1_700_000_000 + np.sort(draw.random(rows)) * rows / 300,
        "src": np.minimum(draw.zipf(1.3, rows) - 1, 1_999),
        "dst": np.minimum(draw.zipf(1.2, rows) - 1, 39_999),
        "sport": draw.integers(1024, 65_536, rows),
        "dport": np.where(
            draw.random(rows) < 0.05,
            draw.integers(1024, 65_536, rows),
            draw.choice([53, 80, 443, 445, 22, 123, 8080], rows),
        ),
        "lasted": draw.lognormal(-2, 2, rows),
        "out": draw.lognormal(6, 1.5, rows).astype(int) + 40,
        "back": draw.lognormal(7, 2, rows).astype(int) + 40,
        "state": draw.choice(["SF", "S0", "REJ", "RSTO", "S1", "OTH"], rows, p=[0.75, 0.12, 0.04, 0.05, 0.02, 0.02]),
    }
    lists = {name: values.tolist() for name, values in columns.items()}
    for place in range(rows):
        flow = {name: values[place] for name, values in lists.items()}
        src, dst = flow["src"], flow["dst"]
        yield flow | {
            "uid": f"C{place:x}hT3kq9Zz",
            "src": f"10.{src >> 8}.{src & 255}.7",
            "dst": f"{93 + dst % 97}.{dst >> 8}.{dst & 255}.9",
        }


def write_zeek(path: Path, rows: int) -> None:
    """A conn.log, tab-separated."""
    with path.open("w") as file:
        file.write("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n")
        file.write("#fields\t" + "\t".join(FIELDS) + "\n")
        for flow in _drawn(rows):
            dns = flow["dport"] in (53, 123)
            file.write(
                f"{flow['at']:.6f}\t{flow['uid']}\t{flow['src']}\t{flow['sport']}\t{flow['dst']}\t{flow['dport']}\t"
                f"{'udp' if dns else 'tcp'}\t{'dns' if dns else '-'}\t{flow['lasted']:.6f}\t{flow['out'] - 40}\t{flow['back'] - 40}\t"
                f"{flow['state']}\tT\tF\t0\tShADadFf\t{flow['out'] // 300 + 1}\t{flow['out']}\t{flow['back'] // 700 + 1}\t"
                f"{flow['back']}\t-\n"
            )


def write_eve(path: Path, rows: int) -> None:
    """An eve.json of flow events."""
    stamp = "2023-11-{:02}T{:02}:{:02}:{:02}.{:06}+0000"

    def written(seconds: float) -> str:
        micros = round((seconds - 1_700_000_000) * 1e6)
        second, micro = divmod(micros, 10**6)
        minute, hour = second // 60, second // 3600
        return stamp.format(1 + hour // 24 % 28, hour % 24, minute % 60, second % 60, micro)

    with path.open("w") as file:
        for place, flow in enumerate(_drawn(rows)):
            begin, end = written(flow["at"]), written(flow["at"] + flow["lasted"])
            file.write(
                f'{{"timestamp":"{end}","flow_id":{place},"event_type":"flow","src_ip":"{flow["src"]}","src_port":{flow["sport"]},'
                f'"dest_ip":"{flow["dst"]}","dest_port":{flow["dport"]},"proto":"TCP","app_proto":"tls","flow":{{"pkts_toserver":'
                f'{flow["out"] // 300 + 1},"pkts_toclient":{flow["back"] // 700 + 1},"bytes_toserver":{flow["out"]},"bytes_toclient":'
                f'{flow["back"]},"start":"{begin}","end":"{end}","age":1,"state":"closed","reason":"timeout","alerted":false}},'
                '"tcp":{"tcp_flags":"1b","tcp_flags_ts":"1b","tcp_flags_tc":"1b","syn":true,"fin":true,"psh":true,"ack":true}}\n'
            )


if __name__ == "__main__":
    main()
