"""Small pictures of how one column's values are spread, in training and in evaluation data."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from netanomaly.report import svg
from netanomaly.report.documents import Document, as_number

_WIDTH, _HEIGHT = 120.0, 34.0
_STEPS = 25
_SLICES = 6


def quantile_lines(training: Sequence[float], evaluation: Sequence[float]) -> Markup:
    """Both sets' quantiles, smallest value at the left, largest at the right, on one scale: where the two lines part,
    the data has shifted. The scale is an inverse hyperbolic sine, so that bytes and rates both show their shape."""
    curves = [[math.asinh(value) for value in _thinned(curve)] for curve in (training, evaluation)]
    every = [value for curve in curves for value in curve]
    if not every:
        return Markup("")
    y = svg.linear(min(every), max(every), _HEIGHT - 3, 3)
    if min(every) == max(every):
        y = svg.linear(0, 1, _HEIGHT / 2, _HEIGHT / 2)
    lines = [
        svg.path([(3 + (_WIDTH - 6) * i / max(1, len(curve) - 1), y(value)) for i, value in enumerate(curve)], class_)
        for curve, class_ in zip(curves, ("first", "second"), strict=True)
    ]
    return _small(svg.joined(lines))


def category_slices(training: Document, evaluation: Document) -> Markup:
    """Shares of the most frequent categories, training data above evaluation data, in the same order."""
    order = [name for name, _ in ranked(training or evaluation)][:_SLICES]
    parts = []
    for row, categories in enumerate((training, evaluation)):
        counts = dict(ranked(categories))
        whole, start = sum(counts.values()), 1.0
        if not whole:
            continue
        for index, name in enumerate(order):
            width = (_WIDTH - 2) * counts.get(name, 0.0) / whole
            if width >= 0.5:
                parts.append(
                    svg.element("rect", x=start, y=2 + 16 * row, width=width, height=13,
                                class_="slice odd" if index % 2 else "slice")
                )  # fmt: skip
            start += width
    return _small(svg.joined(parts)) if parts else Markup("")


def ranked(categories: Document) -> list[tuple[str, float]]:
    """Categories and their counts, most frequent first."""
    counts = [(str(name), as_number(found) or 0.0) for name, found in categories.items()]
    return sorted(counts, key=lambda item: -item[1])


def _thinned(curve: Sequence[float]) -> list[float]:
    if len(curve) <= _STEPS:
        return list(curve)
    return [curve[round(i * (len(curve) - 1) / (_STEPS - 1))] for i in range(_STEPS)]


def _small(content: Markup) -> Markup:
    """The cell beside says the same in numbers, so that the picture may stay silent."""
    return svg.element("svg", content, viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}", class_="spark", aria_hidden="true")
