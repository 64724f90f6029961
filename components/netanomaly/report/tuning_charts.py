"""The pictures of the tuning report, each from plain numbers to inline SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from netanomaly.report import svg, words
from netanomaly.report.documents import Estimate
from netanomaly.report.svg import Plot

_WIDTH = 1040.0
_QUARTERS = [(share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)]
_LABELS, _LABEL = 7, 36


@dataclass(frozen=True)
class Axis:
    """One axis of parallel coordinates: of names, from top to bottom, or of numbers, the greatest on top."""

    name: str
    names: Sequence[str] | None = None
    low: float = 0.0
    high: float = 1.0
    by_ratio: bool = False
    share: bool = False

    def height(self, value: object) -> float | None:
        """Where a value stands, 0 at the bottom and 1 on top; None where it has no place."""
        if self.names is not None:
            if str(value) not in self.names:
                return None
            return 1 - (self.names.index(str(value)) + 0.5) / len(self.names)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        low, high, at = float(self.low), float(self.high), float(value)
        if self.by_ratio and low > 0 and at > 0:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return min(1.0, max(0.0, (at - low) / (high - low))) if high > low else 0.5


@dataclass(frozen=True)
class Line:
    """One trial: its values by the axes' names, and how it is drawn: `plain`, `stopped`, `best` or `defaults`."""

    values: Mapping[str, object]
    kind: str
    label: str


def parallel(axes: Sequence[Axis], lines: Sequence[Line], title: str) -> Markup:
    """Each trial as a line from axis to axis; it ends where the trial did."""
    if len(axes) < 2 or not lines:
        return Markup("")
    height, top, bottom, left = 300.0, 36.0, 280.0, _room(axes[0])
    step = (_WIDTH - left - 90) / (len(axes) - 1)
    parts = []
    for place, axis in enumerate(axes):
        x = left + place * step
        parts.append(svg.element("line", x1=x, x2=x, y1=top, y2=bottom, class_="base"))
        parts.append(
            svg.element("text", words.clip(axis.name, 24), x=x, y=top - 16, text_anchor="middle", class_="axis")
        )
        parts += [
            svg.element("text", words.clip(label, _LABEL), x=x - 6, y=bottom - at * (bottom - top) + 4, text_anchor="end", class_="name")
            for at, label in _labels(axis)
        ]  # fmt: skip
    order = {"stopped": 0, "plain": 1, "defaults": 2, "best": 3}
    for line in sorted(lines, key=lambda each: order.get(each.kind, 0)):
        points = []
        for place, axis in enumerate(axes):
            at = axis.height(line.values.get(axis.name))
            if at is None:
                break
            points.append((left + place * step, bottom - at * (bottom - top)))
        drawn = svg.path(points, f"trial {line.kind}") if len(points) > 1 else Markup("")
        parts.append(svg.element("g", svg.joined([svg.element("title", line.label), drawn])))
    said = f"{words.plural(len(lines), 'line')} over {', '.join(axis.name for axis in axes)}."
    return svg.drawing(_WIDTH, height, title, said, svg.joined(parts))


def _room(axis: Axis) -> float:
    """What the labels of the first axis need at its left."""
    longest = max((len(words.clip(label, _LABEL)) for _, label in _labels(axis)), default=0)
    return max(70.0, 24.0 + 6.6 * longest)


def _labels(axis: Axis) -> list[tuple[float, str]]:
    if axis.names is not None:
        shown = axis.names if len(axis.names) <= 2 * _LABELS else []
        return [(axis.height(name) or 0.0, name) for name in shown]
    ends = [axis.low, axis.high]
    show = words.percent if axis.share else words.value
    return [(axis.height(end) or 0.0, show(float(end))) for end in ends]


def learning_curve(
    trials: Sequence[tuple[int, float | None, str]], defaults: float | None, rounds: Sequence[int]
) -> Markup:
    """What each trial caught, in the order they were asked for, and the best so far.

    Args:
        trials: Number, mean recall on the folds (None: it has none), and state.
        defaults: What the defaults catch.
        rounds: The number of the first trial of each round.
    """
    values = [value for _, value, _ in trials if value is not None]
    if not values:
        return Markup("")
    width, height, top, bottom, left, right = 470.0, 290.0, 30.0, 240.0, 46.0, 440.0
    last = max(number for number, _, _ in trials)
    every = [*values, *([defaults] if defaults is not None else [])]
    low = max(0.0, math.floor(min(every) * 10 - 1e-9) / 10)
    high = min(1.0, math.ceil(max(every) * 10 + 1e-9) / 10)
    plot = Plot(svg.linear(0, last + 1, left, right), svg.linear(low, high, bottom, top), left, right, top, bottom)
    ticks = [(low + place * (high - low) / 4, words.percent(low + place * (high - low) / 4)) for place in range(5)]
    parts = [plot.axes([(float(first), str(first)) for first in rounds], ticks, "trial (a line begins a round)", "caught, mean of the folds")]  # fmt: skip
    if defaults is not None:
        y = plot.y(defaults)
        parts.append(svg.element("line", x1=left, x2=right, y1=y, y2=y, class_="threshold"))
        parts.append(svg.element("text", "defaults", x=right - 4, y=y - 6, text_anchor="end", class_="name strong"))
    best = -1.0
    steps: list[tuple[float, float]] = []
    for number, value, _ in sorted(trials):
        if value is not None and value > best:
            if steps:
                steps.append((float(number), best))
            best = value
            steps.append((float(number), best))
    steps.append((last + 1.0, best))
    parts.append(svg.path(plot.place(steps), "line main"))
    parts += [
        svg.element("circle", cx=plot.x(float(number)), cy=plot.y(value), r=3.5, class_="dot")
        for number, value, _ in trials
        if value is not None
    ]
    said = f"The best of {words.plural(last, 'trial')} catches {words.percent(best)}."
    return svg.drawing(width, height, "Learning curve of the search", said, svg.joined(parts))


def differences(rows: Sequence[tuple[str, Estimate | None]]) -> Markup:
    """How much more is caught than by the defaults, with intervals: right of the line is more."""
    known = [(name, each) for name, each in rows if each is not None and each.low is not None and each.high is not None]
    if not known:
        return Markup("")
    width, row, top, left, right = 470.0, 34.0, 30.0, 92.0, 452.0
    bottom = top + row * len(known) + 6
    reach = max(0.05, *(max(abs(each.low or 0), abs(each.high or 0)) for _, each in known))
    reach = math.ceil(reach * 20) / 20
    x = svg.linear(-reach, reach, left, right)
    parts = []
    for value in (-reach, -reach / 2, 0.0, reach / 2, reach):
        parts.append(
            svg.element("line", x1=x(value), x2=x(value), y1=top, y2=bottom, class_="base" if not value else "grid")
        )
        parts.append(svg.element("text", f"{value * 100:+.3g}" if value else "0", x=x(value), y=bottom + 16, text_anchor="middle", class_="tick"))  # fmt: skip
    for place, (name, each) in enumerate(known):
        y = top + row * (place + 0.5)
        parts.append(svg.element("text", name, x=left - 8, y=y + 4, text_anchor="end", class_="name"))
        parts.append(svg.path([(x(each.low or 0), y), (x(each.high or 0), y)], "whisker"))
        parts.append(svg.element("circle", cx=x(each.value), cy=y, r=4.5, class_="dot"))
    parts.append(svg.element("text", "points of recall more than the defaults, 95% interval", x=(left + right) / 2, y=bottom + 36, text_anchor="middle", class_="axis"))  # fmt: skip
    said = "; ".join(f"{name} {each.value * 100:+.1f}" for name, each in known)
    return svg.drawing(width, bottom + 44, "Difference from the defaults", said, svg.joined(parts))
