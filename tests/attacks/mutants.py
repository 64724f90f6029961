"""Registries with one document altered at random, and all that is done with a registry done with each.

`python -m tests.attacks.mutants --count 10000` prints, for each kind of document, how many mutants were tried, what they
ended with, and the peak of memory above that of an idle process. A traceback ends it with exit code 1, and is printed with
the seed that makes it again.
"""

import argparse
import copy
import json
import logging
import os
import random
import resource
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from netanomaly.errors import NetanomalyError
from netanomaly.registry import ModelRegistryClient, open_registry, parsing, probe, sealing
from netanomaly.registry.collecting import collect
from netanomaly.registry.fsck import fsck
from netanomaly.registry.importing import import_file
from netanomaly.registry.location import locate

from tests.attacks import forging

KINDS = ("head", "record", "entries", "events", "view", "import", "marker", "probe")

_SCALARS: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 3, 255, 2**31, 2**53, 2**63, 2**64, 10**12, 10**30, -(10**30), 0.5, 1e308, -0.0),
    *(
        "",
        "m",
        "..",
        "../evil",
        "/etc/passwd",
        "a/b",
        "a\0b",
        "\u202e",
        "\x1b[2J",
        "\ud800",
        "x" * 5000,
        "ready",
        "gone",
    ),
    *("0" * 64, "G" * 64, "\uff10" * 64, "1e3", "NaN", "heads/m.json", "model_registry.json", [], {}, [[]], {"": {}}),
]
_TEXTS = [
    *(
        b"1e12",
        b"1E999",
        b"-1e999",
        b"NaN",
        b"Infinity",
        b"9" * 5000,
        b"-",
        b"0x1",
        b"01",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
    ),
    *(b"[" * 2000, b'{"a":' * 2000, b"[" * 200_000, b"[" * 100 + b"]" * 100, b"[[],[],[]," * 300_000, b'""' * 10),
    *(
        b'"\\ud800"',
        b'"\\u0000"',
        b"/**/",
        b",,",
        b"null",
        b"\0",
        b" " * 100_000,
        b'{"x":{"x":{}}}',
        b'"' + b"y" * (9 << 20),
    ),
]

_PROBE = (
    b'{"format":1,"endpoints":{"https://s3.example.org":{"server":"X","checks":[{"question":"q","passed":true,"found":"f"}],'
    b'"probed_at":"2026-01-01T00:00:00+00:00","seconds":0.5,"single_writer":false}}}'
)


def base(root: Path) -> None:
    """Nine versions in segments and tail, a log in segments, an alias, a view, a marker."""
    longest, sealing.LONGEST_TAIL = sealing.LONGEST_TAIL, 4
    longest_log, sealing._LONGEST_LOG = sealing._LONGEST_LOG, 4
    try:
        model = root.parent / "model.joblib"
        model.write_bytes(forging.MODEL_BYTES)
        registry = open_registry(root)
        for number in range(9):
            registry.register(
                "m", model, {"versions": {"scikit-learn": "1.0.0"}, "deep": [{"a": [1, {}]}]}, run_id=str(number)
            )
            registry.set_alias(f"m:{number % 3 + 1}", "champion", why="it is better")
        registry.deprecate("m:9")
        registry.register("n", model, {}, run_id="n", files={"report.html": model})
        registry.publish()
    finally:
        sealing.LONGEST_TAIL, sealing._LONGEST_LOG = longest, longest_log


def mutated(data: bytes, random: random.Random) -> bytes:
    """One to three changes: of what the JSON says, or of its bytes."""
    for _ in range(random.choice((1, 1, 2, 3))):
        data = _of_values(data, random) if random.random() < 0.7 else _of_bytes(data, random)
    return data


def _of_values(data: bytes, random: random.Random) -> bytes:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return _of_bytes(data, random)
    places = list(_places(document))
    if not places:
        return _of_bytes(data, random)
    holder, at = random.choice(places)
    match random.randrange(6):
        case 0:
            del holder[at]
        case 1 if isinstance(holder, dict):
            holder[str(random.choice(_SCALARS))] = holder.pop(at)
        case 2 if isinstance(holder, list):
            holder[at:at] = [copy.deepcopy(holder[at])] * random.choice((1, 2, 500))
        case 3:
            other, where = random.choice(places)
            with suppress(LookupError, TypeError):
                holder[at] = copy.deepcopy(other[where])
        case 4 if isinstance(holder[at], (int, float)):
            holder[at] = holder[at] + random.choice((-2, -1, 1, 2, 1000, 10**12))
        case _:
            holder[at] = copy.deepcopy(random.choice(_SCALARS))
    try:
        return json.dumps(document).encode()
    except (ValueError, RecursionError):
        return data


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    waiting = [document]
    while waiting:
        holder = waiting.pop()
        items = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
        for at, value in list(items):
            yield holder, at
            waiting.append(value)


def _of_bytes(data: bytes, random: random.Random) -> bytes:
    at = random.randrange(len(data) + 1)
    match random.randrange(5):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]
        case 2:
            return data[:at] + random.choice(_TEXTS) + data[at:]
        case 3:
            # In place of a value.
            start, end = data.find(b":", at) + 1, len(data)
            ends = [found for found in (data.find(mark, start) for mark in (b",", b"}", b"]")) if found > 0]
            return data[:start] + random.choice(_TEXTS) + data[min(ends, default=end) :]
        case _:
            return data + random.choice(_TEXTS)


class Mutants:
    """A registry to alter again and again."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "registry"
        self._folder = folder
        base(self.root)
        self._whole = {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()}

    def restore(self) -> None:
        """As it was at first."""
        for path in self.root.rglob("*"):
            if path.is_file() and path not in self._whole:
                path.unlink()
        for path, data in self._whole.items():
            if not path.exists() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)

    def make(self, kind: str, seed: int) -> None:
        """Alter one document; what depends on its digest fits again, more often than not."""
        draw = random.Random(f"{kind} {seed}")
        fits = draw.random() < 0.8
        match kind:
            case "head":
                data = mutated(self._read("heads/m.json"), draw)
                self._write_head(data, fits)
            case "record":
                self._record(draw, fits)
            case "entries" | "events":
                self._segment("segments" if kind == "entries" else "log_segments", draw, fits)
            case "view":
                (self.root / "model_registry.json").write_bytes(mutated(self._read("model_registry.json"), draw))
            case "marker":
                name = f"{'a' * 64}.{'b' * 64}.{draw.choice((1, 7, 10))}"
                name = mutated(name.encode(), draw).decode(errors="replace").replace("/", "").replace("\0", "")[:200]
                with suppress(OSError, UnicodeError):
                    forging.put(self.root, f"models/m/pending/{name}", b"{}")
            case _:
                # Made where it is used.
                pass

    def use(self, kind: str, seed: int) -> list[Callable[[], object]]:
        """What is done with it. Each may be refused."""
        out = self._folder / "out"
        if kind == "import":
            file = self._folder / "original.json"
            known = json.dumps(json.loads(self._read("model_registry.json"))).encode()
            file.write_bytes(mutated(known, random.Random(seed)))
            target = self._folder / "imported"
            shutil.rmtree(target, ignore_errors=True)
            return [lambda: import_file(locate(target), file, self.root), lambda: fsck(locate(target))]
        if kind == "probe":
            data = mutated(_PROBE, random.Random(seed))
            return [lambda: parsing.decode(probe._Remembered, data, probe.KEY)]
        registry = open_registry(self.root)
        reading: list[Callable[[], object]] = [
            registry.summaries,
            lambda: registry.version("m"),
            lambda: registry.version("m:1").document(),
            lambda: registry.versions("m", deleted=True),
            lambda: registry.history("m"),
            lambda: registry.champion("m"),
            lambda: registry.download("m@champion", out),
            lambda: registry.load("m:1"),
            lambda: ModelRegistryClient(self.root).list_model_versions("m"),
            lambda: fsck(locate(self.root)),
            lambda: collect(locate(self.root), dry_run=True),
        ]
        model = self._folder / "model.joblib"
        writing: list[Callable[[], object]] = [
            lambda: registry.register("m", model, {}, run_id=f"new {seed}"),
            lambda: registry.set_alias("m:2", "champion"),
            lambda: registry.rollback("m"),
            lambda: registry.delete("m:9"),
            registry.flush,
            registry.publish,
            lambda: fsck(locate(self.root), repair=True),
            lambda: collect(locate(self.root)),
        ]
        return [*reading, *writing]

    def _read(self, key: str) -> bytes:
        return self._whole[self.root / key]

    def _write_head(self, data: bytes, fits: bool) -> None:
        if fits:
            with suppress(ValueError, AttributeError, RecursionError):
                data = forging.canonical(forging.with_checksum(json.loads(data)))
        forging.put(self.root, "heads/m.json", data)

    def _record(self, draw: random.Random, fits: bool) -> None:
        head = json.loads(self._read("heads/m.json"))
        entry = draw.choice(head["tail"])
        key = f"models/m/records/{entry['key']}.json"
        data = mutated(self._read(key), draw)
        forging.put(self.root, key, data)
        if fits:
            entry["record"] = forging.sha256(data)
        head["aliases"]["champion"]["version"] = entry["version"]
        entry.pop("status", None)
        self._write_head(forging.canonical(head), fits=True)

    def _segment(self, name: str, draw: random.Random, fits: bool) -> None:
        head = json.loads(self._read("heads/m.json"))
        segment = draw.choice(head[name])
        data = mutated(self._read(f"models/m/segments/{segment['first']}-{segment['sha256']}.json"), draw)
        if fits:
            segment["sha256"] = forging.sha256(data)
        forging.put(self.root, f"models/m/segments/{segment['first']}-{segment['sha256']}.json", data)
        self._write_head(forging.canonical(head), fits=True)


def run(kind: str, seeds: range, folder: Path) -> Counter[str]:
    """Try mutants of one kind; how often which refusal was met.

    All that can be done is done with every tenth, and three things, drawn anew, with the others.

    Raises:
        AssertionError: Something else than a refusal came, or one of several lines.
    """
    mutants = Mutants(folder)
    met: Counter[str] = Counter()
    for seed in seeds:
        mutants.restore()
        mutants.make(kind, seed)
        uses = mutants.use(kind, seed)
        for use in uses if seed % 10 == 0 else random.Random(seed).sample(uses, min(3, len(uses))):
            try:
                use()
            except NetanomalyError as error:
                assert error.exit_code in (2, 3), f"{kind} {seed}: {error!r}"
                assert "\n" not in str(error), f"{kind} {seed}: {error!r}"
                met[type(error).__name__] += 1
            except Exception as error:
                raise AssertionError(f"{kind} {seed}: {traceback.format_exc()}") from error
            else:
                met["done"] += 1
    return met


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="of each kind")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    os.fsync = lambda descriptor: None  # type: ignore[assignment]
    for kind in options.kinds:
        # Each in a process of its own: the peak of memory is a process's.
        with tempfile.TemporaryDirectory() as folder:
            child = os.fork()
            if not child:
                code = 1
                try:
                    for name in ("idle", "work"):
                        (Path(folder) / name).mkdir()
                    run(kind, range(1), Path(folder) / "idle")
                    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                    met = run(kind, range(options.first, options.first + options.count), Path(folder) / "work")
                    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) // 1024
                    refusals = ", ".join(f"{name} {count:,}" for name, count in met.most_common(6))
                    print(f"{kind:<10}{options.count:>8,} mutants, {peak:>5} MiB over idle; {refusals}", flush=True)
                    code = 0
                except AssertionError as error:
                    print(error, file=sys.stderr, flush=True)
                finally:
                    os._exit(code)
            if os.waitpid(child, 0)[1]:
                raise SystemExit(1)


if __name__ == "__main__":
    main()
