"""Latency, throughput and memory of `netanomaly serve`; side by side with KServe's and MLflow's servers of scikit-learn models.

The server runs on one core (the first), what asks it on another. Latency is of an open loop: a request that has to wait for
the one before counts from when it was due. Throughput is given by the server's processor time, too: on a busy machine that
is what it takes. The others run in environments of their own on a forest of as many trees of as many of the same rows, in one
process: KServe's SDK with the predict of its sklearnserver, and MLflow's scoring server. They answer 1 and -1; ours scores,
shares and alerts, of columns by name.
"""

import argparse
import asyncio
import json
import lzma
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
from netanomaly.models.rows import Schema
from netanomaly.registry import open_registry

from tests.clients import environments
from tests.command import ROOT, netanomaly
from tests.serving.running import ARROW, document, stream
from tests.tracking import mlflow_server

FOLDER = ROOT / "build" / "bench-serve"
HERE = Path(__file__).parent
MODELS = ("isolation_forest", "ensemble")
BATCH = 1000
PROMISED_MS = {"isolation_forest": 20, "ensemble": 40}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--rate", type=float, default=200, help="requests a second of one flow")
    parser.add_argument("--no-others", action="store_true", help="our server alone")
    options = parser.parse_args()
    rows = prepared()
    print(f"{'':34}{'p50':>8}{'p99':>8}{'worst':>8}   {'flows/s':>9}{'flows/cpu s':>13}{'RSS':>7}{'ready':>7}")
    ours: dict[str, float] = {}
    for name in MODELS:
        with ours_running(name) as (port, process, ready):
            address = f"/v2/models/{name}/infer"
            singles = [
                request(address, json.dumps(document(rows.slice(at, 1))).encode(), "application/json")
                for at in range(300)
            ]
            asyncio.run(open_loop(port, singles, 50, 1))
            line(
                f"{name}: one flow, {options.rate:g}/s",
                latency=asyncio.run(open_loop(port, singles, options.rate, options.seconds)),
            )
            for form, kind in (("Arrow", ARROW), ("JSON", "application/json")):
                bodies = [
                    stream(part) if form == "Arrow" else json.dumps(document(part)).encode()
                    for part in (rows.slice(at, BATCH) for at in range(0, 10_000, BATCH))
                ]
                found = closed_loop(port, process, [request(address, body, kind) for body in bodies], options.seconds)
                line(f"{name}: batches of {BATCH:,} by {form}", flows=found)
                ours[f"{name} {form}"] = found[1]
            found = closed_loop(port, process, singles, options.seconds, 1)
            line(f"{name}: 1 by JSON", flows=found)
            ours |= {f"{name} 1": found[1], f"{name} {BATCH}": ours[f"{name} JSON"]}
            line(name, rss=resident(process), ready=ready)
    if options.no_others:
        return
    matrix = [[float(value or 0) for value in column.to_pylist()] for column in numbers(rows).columns]
    for other, place, body_of in (
        ("KServe", "/v2/models/forest/infer", tensor),
        ("MLflow", "/invocations", lambda data: {"inputs": data}),
    ):
        with other_running(other, rows) as (port, process, ready):
            for count in (1, BATCH):
                bodies = [
                    request(place, json.dumps(body_of(row_major(matrix, at, count))).encode(), "application/json")
                    for at in range(0, 10 * count, count)
                ]
                found = closed_loop(port, process, bodies, options.seconds, count)
                line(f"{other}: {count:,} by JSON", flows=found)
                times = ours[f"isolation_forest {count}"] / found[1]
                print(f"{'':34}ours: {times:.1f} times as many for the same processor time")
            line(other, rss=resident(process), ready=ready)


def tensor(data: list[list[float]]) -> dict[str, Any]:
    """Rows as KServe's clients send them."""
    flat = [value for row in data for value in row]
    return {"inputs": [{"name": "input-0", "shape": [len(data), len(data[0])], "datatype": "FP64", "data": flat}]}


def row_major(matrix: list[list[float]], at: int, count: int) -> list[list[float]]:
    return [list(row) for row in zip(*(column[at : at + count] for column in matrix), strict=True)]


def prepared() -> pa.Table:
    """Both models in a registry of the bench, and rows to score."""
    config = json.loads((ROOT / "configs" / "nsl-kdd.json").read_text())
    for name in MODELS:
        if (FOLDER / "registry" / "heads" / f"{name}.json").exists():
            continue
        FOLDER.mkdir(parents=True, exist_ok=True)
        sources = {key: str(ROOT / "configs" / config[key]) for key in ("data_source", "evaluation_data_source")}
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps({**config, **sources, "model_name": name, "model_type": name}))
        ran = netanomaly("run", path, "--workdir", FOLDER / "work", "--registry", FOLDER / "registry")
        assert ran.code == 0, ran.stderr
    model = open_registry(FOLDER / "registry").load(MODELS[0])
    lines = lzma.decompress((ROOT / "configs" / config["evaluation_data_source"]).read_bytes())
    convert = pacsv.ConvertOptions(include_columns=list(model.schema.features), column_types=_types(model.schema))
    given = pacsv.ReadOptions(column_names=config["csv"]["columns"])
    return pacsv.read_csv(pa.BufferReader(lines), read_options=given, convert_options=convert).slice(0, 10_000)


def _types(schema: Schema) -> dict[str, pa.DataType]:
    return {name: pa.string() if name in schema.categorical else pa.float64() for name in schema.features}


def numbers(rows: pa.Table) -> pa.Table:
    return rows.select(
        [name for name, kind in zip(rows.column_names, rows.schema.types, strict=True) if kind == pa.float64()]
    )


@contextmanager
def running(command: list[str], said: str, cores: set[int]) -> Iterator[tuple[subprocess.Popen, float]]:
    """A process on some cores, once it says so; and how long that took."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    lines = []
    try:
        for text in process.stderr:
            lines.append(text)
            if said in text:
                break
        else:
            raise SystemExit("".join(lines))
        # Whose warnings nobody reads waits for a reader when the pipe is full.
        Thread(target=deque, args=(process.stderr, 0), daemon=True).start()
        yield process, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def ours_running(name: str) -> Iterator[tuple[int, subprocess.Popen, float]]:
    first, rest = cores()
    os.sched_setaffinity(0, rest)
    port = 18_200 + MODELS.index(name)
    command = [sys.executable, "-m", "netanomaly.serving", "--host", "127.0.0.1", "--http_port", str(port), "--linger_seconds", "0",
               "--model", name, "--registry", str(FOLDER / "registry"), "--threads", "1"]  # fmt: skip
    with running(command, "is served at", first) as (process, ready):
        yield port, process, ready


@contextmanager
def other_running(name: str, rows: pa.Table) -> Iterator[tuple[int, subprocess.Popen, float]]:
    data, port = FOLDER / "numbers.csv", 18_210 if name == "KServe" else 18_211
    pacsv.write_csv(numbers(rows), data)
    if name == "KServe":
        python, said = environments.make("kserve"), "startup complete"
    else:
        mlflow_server.build()
        python, said = mlflow_server.environment() / "bin" / "python", "running on"
    command = [str(python), str(HERE / f"serving_{name.lower()}.py"), str(data), str(port)]
    with running(command, said, cores()[0]) as (process, ready):
        yield port, process, ready


def cores() -> tuple[set[int], set[int]]:
    """One for the server, the others for who asks it."""
    there = sorted(os.sched_getaffinity(os.getppid()))
    return {there[0]}, set(there[1:] or there)


def request(path: str, body: bytes, kind: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def answered(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = re.search(rb"content-length: (\d+)", head)
    assert b" 200 " in head[:20], head
    assert length
    await reader.readexactly(int(length[1]))


async def open_loop(port: int, requests: list[bytes], rate: float, seconds: float) -> list[float]:
    """Seconds from when each request was due to its answer, sorted."""
    due: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
    found: list[float] = []

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (item := await due.get()) is not None:
            writer.write(item[1])
            await answered(reader)
            found.append(time.perf_counter() - item[0])
        writer.close()

    asking = [asyncio.create_task(ask()) for _ in range(16)]
    begun = time.perf_counter()
    for number in range(int(rate * seconds)):
        moment = begun + number / rate
        await asyncio.sleep(max(0, moment - time.perf_counter()))
        due.put_nowait((moment, requests[number % len(requests)]))
    for _ in asking:
        due.put_nowait(None)
    await asyncio.gather(*asking)
    return sorted(found)


def closed_loop(
    port: int, process: subprocess.Popen, requests: list[bytes], seconds: float, rows: int = BATCH
) -> tuple[float, float]:
    """Flows a second, and a second of the server's processor time, by two who ask one request after the other."""

    async def ask(until: float) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        done = 0
        while time.perf_counter() < until:
            writer.write(requests[done % len(requests)])
            await answered(reader)
            done += 1
        writer.close()
        return done

    async def both(length: float) -> int:
        until = time.perf_counter() + length
        return sum(await asyncio.gather(ask(until), ask(until)))

    asyncio.run(both(1))
    used, begun = processor_seconds(process), time.perf_counter()
    flows = asyncio.run(both(seconds)) * rows
    return flows / (time.perf_counter() - begun), flows / (processor_seconds(process) - used)


def family(process: subprocess.Popen) -> list[Path]:
    """The process and all that it started."""
    found, places = [process.pid], []
    while found:
        places.append(Path(f"/proc/{found.pop()}"))
        found += [int(each) for each in (places[-1] / "task" / places[-1].name / "children").read_text().split()]
    return places


def processor_seconds(process: subprocess.Popen) -> float:
    fields = [(place / "stat").read_text().rpartition(")")[2].split() for place in family(process)]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def resident(process: subprocess.Popen) -> float:
    """MiB."""
    found = [re.search(r"VmRSS:\s+(\d+)", (place / "status").read_text()) for place in family(process)]
    return sum(int(each[1]) for each in found if each) / 1024


def line(
    name: str,
    *,
    latency: list[float] | None = None,
    flows: tuple[float, float] | None = None,
    rss: float = 0,
    ready: float = 0,
) -> None:
    cells: list[Any] = [""] * 7
    if latency:
        places = (0.5, 0.99, 1)
        cells[:3] = [f"{1e3 * latency[min(int(len(latency) * place), len(latency) - 1)]:.1f}" for place in places]
    if flows:
        cells[3:5] = [f"{each:,.0f}" for each in flows]
    if rss:
        cells[5:7] = [f"{rss:.0f}", f"{ready:.1f}"]
    print(
        f"{name:34}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, (8, 8, 8, 12, 13, 7, 7), strict=True)),
        flush=True,
    )


if __name__ == "__main__":
    main()
