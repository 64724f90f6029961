"""Times the registry: many writers, many versions, large artefacts. `make bench-registry` prints a table."""

import argparse
import os
import resource
import secrets
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
from netanomaly.registry import documents, heads, open_registry, sealing
from netanomaly.registry.documents import Entry, File, Head, Record
from netanomaly.registry.location import locate

from tests.store import servers
from tests.store.proxy import proxy
from tests.store.work import CONTEXT, LONGEST_SECONDS, METADATA

WRITERS = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", nargs="*", default=["file", *servers.GO_PACKAGES])
    parser.add_argument("--seconds", type=float, default=8, help="of each race")
    parser.add_argument("--only", default="", help="part of a measurement's name")
    options = parser.parse_args()
    print(f"{'store':<24}{'measurement':<44}{'result'}")
    for name in options.stores:
        with tempfile.TemporaryDirectory() as folder, _place(name, Path(folder)) as (base, environment, delays):
            os.environ.update(environment)
            model = Path(folder) / "model.joblib"
            model.write_bytes(secrets.token_bytes(20_000))
            for delay in delays:
                label = f"{name} +{delay} ms" if delay else name
                with _delayed(environment, delay) as slowed:
                    os.environ.update(slowed)
                    for what, result in _measured(base, slowed, model, options, delay):
                        print(f"{label:<24}{what:<44}{result}", flush=True)


def _measured(base, environment, model, options, delay) -> Iterator[tuple[str, str]]:
    for models in (1, WRITERS):
        what = f"{WRITERS} writers, {models} model{'s' if models > 1 else ''}"
        if options.only in what:
            yield what, _race(f"{base}/{secrets.token_hex(4)}", environment, model, models, options.seconds)
    for versions in (10, 1_000, 10_000, 100_000):
        what = f"register with {versions:,} versions"
        if options.only in what:
            yield what, _with_versions(f"{base}/{secrets.token_hex(4)}", model, versions)
    if not delay and options.only in "list 1,000 models of 100 versions":
        yield "list 1,000 models of 100 versions", _list(f"{base}/{secrets.token_hex(4)}")
    if not delay and options.only in "register 1 GiB":
        yield "register 1 GiB", _large(f"{base}/{secrets.token_hex(4)}", environment)


def _race(uri, environment, model, models, seconds) -> str:
    if locate(uri).write is None:
        raise AssertionError
    gate = CONTEXT.Event()
    running = []
    for number in range(WRITERS):
        receive, send = CONTEXT.Pipe(duplex=False)
        name = f"m{number % models}"
        process = CONTEXT.Process(target=_write, args=(environment, uri, name, number, model, seconds, gate, send))
        process.start()
        send.close()
        running.append((process, receive))
    for _, receive in running:
        receive.recv()
    gate.set()
    times: list[float] = []
    spans: list[tuple[float, float]] = []
    processor = 0.0
    for process, receive in running:
        own, span, used = receive.recv()
        times += own
        spans.append(span)
        processor += used
        process.join(LONGEST_SECONDS)
    took = max(end for _, end in spans) - min(start for start, _ in spans)
    times.sort()
    entered = sum(found.registered for found in open_registry(uri).summaries())
    lost = len(times) - entered
    return (
        f"{len(times) / took:.0f}/s, p50 {times[len(times) // 2]:.2f} s, p95 {times[int(len(times) * 0.95)]:.2f} s, "
        f"{max(0, lost)} lost, {max(0, -lost)} doubled; the writers alone took {processor / took:.1f} cores"
    )


def _write(environment, uri, name, number, model, seconds, gate, answers) -> None:
    os.environ.update(environment)
    registry = open_registry(uri)
    registry.models()
    answers.send("ready")
    gate.wait()
    started, used = time.monotonic(), time.process_time()
    times: list[float] = []
    while time.monotonic() - started < seconds:
        before = time.monotonic()
        registry.register(name, model, METADATA, run_id=f"{number}-{len(times)}", metrics={"roc_auc": 0.9})
        times.append(time.monotonic() - before)
    answers.send((times, (started, time.monotonic()), time.process_time() - used))


# Beyond, a view shows a model's newest hundred: older records are not looked at by anything that is timed here.
_RECORDS = 10_000


def _filled(uri: str, model: str, versions: int, *, records: bool = False) -> None:
    """A head and its segments; with records, a view that is up to date, too."""
    store = locate(uri).write
    head = Head(format=documents.FORMAT, model=model, next=versions + 1)
    entries = [
        Entry(number, documents.digest(b"%d" % number), documents.digest(b"r%d" % number))
        for number in range(1, versions + 1)
    ]
    if records:
        real = slice(0 if versions <= _RECORDS else versions - 200, None)
        with ThreadPoolExecutor(16) as writers:
            entries[real] = writers.map(lambda entry: _recorded(store, model, entry), entries[real])
    segments, tail = [], entries
    while len(tail) > sealing.LONGEST_TAIL:
        part, tail = tail[:2048], tail[2048:]
        if len(tail) < sealing.LONGEST_TAIL // 2:
            tail = part[-128:] + tail
            part = part[:-128]
        segments.append(sealing._write(store, model, part))
    head = msgspec.structs.replace(head, segments=segments, tail=tail)
    belief = locate(uri).belief
    assert heads.swap(store, heads.find(store, model, belief), head, belief)
    assert not records or open_registry(uri).publish()


def _recorded(store, model: str, entry: Entry) -> Entry:
    record = Record(
        format=documents.FORMAT,
        model=model,
        key=entry.key,
        contents=entry.record,
        created_at=documents.now(),
        metrics={"roc_auc": 0.9},
        artifact=File(documents.artifact_key(model, entry.record, "model.joblib"), entry.record, 20_000),
    )
    data = documents.encode_record(record)
    store.put_new(documents.record_key(model, entry.key), data)
    return msgspec.structs.replace(entry, record=documents.digest(data))


def _with_versions(uri: str, model: Path, versions: int) -> str:
    _filled(uri, "m", versions, records=True)
    times = []
    for number in range(15):
        before = time.monotonic()
        # As a stage does, each in a process of its own.
        open_registry(uri).register("m", model, METADATA, run_id=f"r{number}")
        times.append(time.monotonic() - before)
    times.sort()
    store = locate(uri).read
    head, view = (len(store.get(key).data) / 1024 for key in (documents.head_key("m"), documents.VIEW))
    return f"{times[7] * 1000:.1f} ms median; head {head:.0f} KiB, view {view:.0f} KiB each way"


def _list(uri: str) -> str:
    for number in range(1000):
        _filled(uri, f"m{number:04d}", 100)
    before = time.monotonic()
    found = open_registry(uri).summaries()
    return f"{time.monotonic() - before:.2f} s for {len(found)} models"


def _large(uri: str, environment) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.joblib"
        with path.open("wb") as file:
            for _ in range(1024):
                file.write(secrets.token_bytes(1 << 20))
        receive, send = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(target=_register_large, args=(environment, uri, path, send))
        process.start()
        seconds, more = receive.recv()
        process.join()
    return f"{seconds:.1f} s, {more / 1024:.0f} MiB more memory than before"


def _register_large(environment, uri, path, answers) -> None:
    import hashlib

    os.environ.update(environment)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    registry = open_registry(uri)
    small = path.with_name("small.joblib")
    small.write_bytes(b"x")
    registry.register("m", small, {}, run_id="small")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    registry.register("m", path, {}, run_id="large", sha256=digest)
    answers.send((time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))


@contextmanager
def _place(name: str, folder: Path) -> Iterator[tuple[str, dict[str, str], list[int]]]:
    if name == "file":
        yield str(folder / "registry"), {}, [0]
        return
    with servers.running(name, folder) as server:
        yield f"s3://{servers.BUCKET}/bench", dict(server.environment), [0, 25]


@contextmanager
def _delayed(environment: dict[str, str], milliseconds: int) -> Iterator[dict[str, str]]:
    if not milliseconds:
        yield environment
        return
    with proxy(int(environment["S3_ENDPOINT_URL"].rpartition(":")[2])) as made:
        made.before = lambda index: time.sleep(milliseconds / 1000)
        yield {**environment, "S3_ENDPOINT_URL": made.url}


if __name__ == "__main__":
    main()
