"""Inline SVG: elements, and a plot area with axes.

Colours and line styles are classes that the page's style sheet defines, so that one drawing serves light, dark and
print. Nothing refers to another element by URL (no gradients, clip paths or patterns): such references break in a
frame without an address of its own, and that is where Kubeflow Pipelines shows a report.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

Point = tuple[float, float]
Scale = Callable[[float], float]


def element(tag: str, content: object = "", **attributes: object) -> Markup:
    """One element. `class_` and `text_anchor` become `class` and `text-anchor`; numbers are cut to a tenth."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_short(value))}"' for name, value in attributes.items()
    )
    return Markup(f"<{tag}{written}>{escape(content)}</{tag}>")  # noqa: S704 - every part is escaped above


def joined(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def drawing(width: float, height: float, title: str, description: str, content: Markup) -> Markup:
    """A picture that scales with its place and says what it shows to those who do not see it."""
    return element(
        "svg",
        joined([element("title", title), element("desc", description), content]),
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=f"{title}. {description}",
        class_="chart",
    )


def path(points: Sequence[Point], class_: str, close: bool = False) -> Markup:
    if not points:
        return Markup("")
    steps = "L".join(f"{_short(x)} {_short(y)}" for x, y in points)
    return element("path", d=f"M{steps}{'Z' if close else ''}", class_=class_)


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Values from `low` to `high` onto `start` to `end`, those outside onto the nearer end."""
    span = (high - low) or 1.0
    return lambda value: start + (end - start) * min(1.0, max(0.0, (value - low) / span))


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """As `linear`, on decades. Zero has no place on it: it stands at the start."""
    scale = linear(math.log10(low), math.log10(high), start, end)
    return lambda value: scale(math.log10(max(value, low)))


@dataclass(frozen=True)
class Plot:
    """A plot area: its place in the drawing, and what its two axes mean."""

    x: Scale
    y: Scale
    left: float
    right: float
    top: float
    bottom: float

    def place(self, points: Iterable[Point]) -> list[Point]:
        return [(self.x(x), self.y(y)) for x, y in points]

    def axes(
        self, x_ticks: list[tuple[float, str]], y_ticks: list[tuple[float, str]], x_name: str, y_name: str
    ) -> Markup:
        """Grid lines, tick labels and names of both axes."""
        parts = []
        for value, label in x_ticks:
            at = self.x(value)
            parts.append(element("line", x1=at, x2=at, y1=self.top, y2=self.bottom, class_="grid"))
            parts.append(element("text", label, x=at, y=self.bottom + 16, text_anchor="middle", class_="tick"))
        for value, label in y_ticks:
            at = self.y(value)
            parts.append(element("line", x1=self.left, x2=self.right, y1=at, y2=at, class_="grid"))
            parts.append(element("text", label, x=self.left - 6, y=at + 4, text_anchor="end", class_="tick"))
        middle = (self.left + self.right) / 2
        parts.append(element("text", x_name, x=middle, y=self.bottom + 34, text_anchor="middle", class_="axis"))
        parts.append(element("text", y_name, x=self.left, y=self.top - 10, class_="axis"))
        return joined(parts)


def _short(value: object) -> str:
    """A coordinate in few characters: a tenth of a unit is less than a pixel."""
    return f"{round(value, 1):g}" if isinstance(value, float) else str(value)
