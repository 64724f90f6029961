"""Counters, gauges and histograms in Prometheus's text format, version 0.0.4.

Written by the event loop alone, so that nothing here needs a lock.
"""

import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


class Family:
    """All series of one name."""

    def __init__(self, kind: str, name: str, help_text: str) -> None:
        self.kind, self.name, self._help = kind, name, help_text
        self._values: dict[Labels, float] = {}

    def add(self, value: float = 1, **labels: str) -> None:
        """Raise a counter."""
        key = tuple(labels.items())
        self._values[key] = self._values.get(key, 0) + value

    def set(self, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._values[tuple(labels.items())] = value

    def clear(self) -> None:
        """Forget all series, as of a version that is served no more."""
        self._values.clear()

    def value(self, **labels: str) -> float:
        return self._values.get(tuple(labels.items()), 0)

    def lines(self) -> Iterator[str]:
        yield f"# HELP {self.name} {self._help}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self._values.items():
            yield f"{self.name}{_written(labels)} {_number(value)}"


class Histogram(Family):
    """Observations by upper limits."""

    def __init__(self, name: str, help_text: str, limits: Sequence[float]) -> None:
        super().__init__("histogram", name, help_text)
        self._limits = limits
        self._counts: dict[Labels, tuple[list[int], list[float]]] = {}

    def observe(self, value: float, **labels: str) -> None:
        counts, total = self._counts.setdefault(tuple(labels.items()), ([0] * (len(self._limits) + 1), [0.0]))
        counts[bisect.bisect_left(self._limits, value)] += 1
        total[0] += value

    def lines(self) -> Iterator[str]:
        yield f"# HELP {self.name} {self._help}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, (counts, total) in self._counts.items():
            below = 0
            for limit, count in zip([*map(_number, self._limits), "+Inf"], counts, strict=True):
                below += count
                yield f"{self.name}_bucket{_written((*labels, ('le', limit)))} {below}"
            yield f"{self.name}_sum{_written(labels)} {_number(total[0])}"
            yield f"{self.name}_count{_written(labels)} {below}"


class Registry:
    """All families, in the order they were made."""

    def __init__(self) -> None:
        self._families: list[Family] = []
        self._looks: list[Callable[[], None]] = []

    def counter(self, name: str, help_text: str) -> Family:
        return self._added(Family("counter", name, help_text))

    def gauge(self, name: str, help_text: str) -> Family:
        return self._added(Family("gauge", name, help_text))

    def histogram(self, name: str, help_text: str, limits: Sequence[float]) -> Histogram:
        made = Histogram(name, help_text, limits)
        self._families.append(made)
        return made

    def before_each_look(self, update: Callable[[], None]) -> None:
        """Have gauges brought up to date when somebody looks."""
        self._looks.append(update)

    def text(self) -> str:
        for update in self._looks:
            update()
        return "\n".join(line for family in self._families for line in family.lines()) + "\n"

    def _added(self, family: Family) -> Family:
        self._families.append(family)
        return family


def _written(labels: Iterable[tuple[str, str]]) -> str:
    pairs = [f'{name}="{_escaped(value)}"' for name, value in labels]
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
