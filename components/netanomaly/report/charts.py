"""The pictures of the evaluation report, each from plain numbers to inline SVG.

Normal and attack differ by place, shape or line style as well as by colour.
"""

import math
from collections.abc import Sequence

from markupsafe import Markup

from netanomaly.report import svg, words
from netanomaly.report.documents import Estimate
from netanomaly.report.svg import Plot, Point

_WIDTH, _HEIGHT = 320.0, 276.0
_QUARTERS = [(share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)]


def roc(curve: Sequence[Point], operating: Point | None, recall_at: Sequence[tuple[float, Estimate]]) -> Markup:
    """Recall against the false-positive rate on decades: where a detector that people can live with has to work.

    Args:
        curve: Pairs of false-positive rate and recall, rising.
        operating: The same pair at the model's threshold.
        recall_at: Recall with its interval at fixed false-positive rates.
    """
    rates = [x for x, _ in curve if x > 0]
    decade = math.floor(math.log10(min(rates, default=0.001)) + 1e-9)
    low = 10.0 ** max(-5, min(-3, decade))
    plot = _square(svg.logarithmic(low, 1, 46, _WIDTH - 22))
    ticks = [(10.0**power, words.budget(10.0**power)) for power in range(round(math.log10(low)), 1)]
    chance = [(low * (1 / low) ** (step / 40),) * 2 for step in range(41)]
    parts = [
        plot.axes(ticks, _QUARTERS, "false-positive rate (log scale)", "attacks caught (recall)"),
        svg.path(plot.place(chance), "chance"),
        svg.path(plot.place(_from(curve, low)), "line main"),
    ]
    for rate, recall in recall_at:
        x = plot.x(rate)
        if recall.low is not None and recall.high is not None:
            ends = plot.place([(rate, recall.low), (rate, recall.high)])
            parts.append(svg.path(ends, "whisker"))
        parts.append(svg.element("circle", cx=x, cy=plot.y(recall.value), r=3, class_="dot"))
    parts.append(_operating(plot, operating))
    said = "; ".join(f"{words.percent(recall.value)} at {words.budget(rate)}" for rate, recall in recall_at)
    return svg.drawing(
        _WIDTH,
        _HEIGHT,
        "ROC curve, logarithmic false-positive rate",
        f"Recall {said}." if said else "Recall for each false-positive rate.",
        svg.joined(parts),
    )


def roc_linear(curve: Sequence[Point], operating: Point | None, area: Estimate | None) -> Markup:
    """The usual ROC curve, both axes from 0 to 1."""
    plot = _square(svg.linear(0, 1, 46, _WIDTH - 22))
    parts = [
        plot.axes(_QUARTERS, _QUARTERS, "false-positive rate", "attacks caught (recall)"),
        svg.path(plot.place([(0, 0), (1, 1)]), "chance"),
        svg.path(plot.place([(0, 0), *curve, (1, 1)]), "line main"),
        _operating(plot, operating),
    ]
    said = f"The area under the curve is {words.decimal(area.value)}." if area else "Recall by false-positive rate."
    return svg.drawing(_WIDTH, _HEIGHT, "ROC curve", said, svg.joined(parts))


def precision_recall(curve: Sequence[Point], operating: Point | None, base_rate: float | None) -> Markup:
    """Precision against recall; the dashed level is what alerts at random would reach."""
    plot = _square(svg.linear(0, 1, 46, _WIDTH - 22))
    parts = [plot.axes(_QUARTERS, _QUARTERS, "attacks caught (recall)", "alerts that are attacks (precision)")]
    if base_rate is not None:
        parts.append(svg.path(plot.place([(0, base_rate), (1, base_rate)]), "chance"))
    parts += [svg.path(plot.place(sorted(curve)), "line main"), _operating(plot, operating, rising=False)]
    said = (
        f"At the threshold, recall is {words.percent(operating[0])} and precision {words.percent(operating[1])}."
        if operating
        else "Precision for each recall."
    )
    return svg.drawing(_WIDTH, _HEIGHT, "Precision-recall curve", said, svg.joined(parts))


def scores(edges: Sequence[float], normal: Sequence[float], attack: Sequence[float], threshold: float | None) -> Markup:
    """Score distributions back to back: normal upwards, attack downwards, each as shares of its own rows.

    The share axis is a square root, so that the few normal flows over the threshold stay visible. With no `attack`
    counts, `normal` is drawn alone (all flows of unlabelled data).
    """
    width, height, top, bottom, left, right = 380.0, 320.0, 30.0, 278.0, 46.0, 362.0
    if len(edges) < 2 or len(normal) != len(edges) - 1 or (attack and len(attack) != len(edges) - 1):
        return Markup("")
    above, below = _shares(normal), _shares(attack)
    most = max([*above, *below], default=0) or 1.0
    low, high = min(edges[0], threshold or edges[0]), max(edges[-1], threshold or edges[-1])
    base = (top + bottom) / 2 if attack else bottom
    reach = base - top
    plot = Plot(svg.linear(low, high, left, right), lambda share: base - reach * _root(share / most),
                left, right, top, bottom)  # fmt: skip
    shares = [share for share in (0.01, 0.05, 0.1, 0.25, 0.5, 1.0) if share <= most]
    shares = [
        share
        for i, share in enumerate(shares)
        if i == 0 or reach * (_root(share / most) - _root(shares[i - 1] / most)) > 11
    ]
    y_ticks = [(0.0, "0"), *((share, f"{share:.0%}") for share in shares)]
    if attack:
        y_ticks += [(-share, f"{share:.0%}") for share in shares]
    axes = plot.axes(
        _ticks(low, high), y_ticks, "anomaly score (higher is more anomalous)", "share of flows (root scale)"
    )
    parts = [axes, svg.path(_steps(plot, edges, above, 1), "area normal" if attack else "area all", close=True)]
    if attack:
        parts.append(svg.path(_steps(plot, edges, below, -1), "area attack", close=True))
        parts += [_beside(right + 6, (top + base) / 2, "normal"), _beside(right + 6, (base + bottom) / 2, "attack")]
    parts.append(svg.element("line", x1=left, x2=right, y1=base, y2=base, class_="base"))
    said = "Anomaly scores of all flows." if not attack else "Anomaly scores of normal flows above, of attacks below."
    if threshold is not None:
        x = plot.x(threshold)
        side, dx = ("end", -6.0) if x > (left + right) / 2 else ("start", 6.0)
        parts.append(svg.element("line", x1=x, x2=x, y1=top - 8, y2=bottom, class_="threshold"))
        parts.append(svg.element("text", "threshold", x=x + dx, y=top + 12, text_anchor=side, class_="name strong"))
        said += f" Flows over {words.decimal(threshold)} raise an alert."
    return svg.drawing(width, height, "Distribution of anomaly scores", said, svg.joined(parts))


def crowd(caught: float, whole: int, columns: int, class_: str, title: str) -> Markup:
    """`whole` small squares, `caught` of them filled and the others hollow: a rate one can count."""
    size, gap = (9.0, 3.0) if whole <= 100 else (5.0, 1.0)
    step, filled = size + gap, round(caught * whole)
    full: list[str] = []
    hollow: list[str] = []
    for index in range(whole):
        row, column = divmod(index, columns)
        # Hollow squares are inset by half their outline, so that both look of one size.
        inset = 0.0 if index < filled else 0.5
        side = size - 2 * inset
        square = f"M{column * step + inset:g} {row * step + inset:g}h{side:g}v{side:g}h-{side:g}z"
        (full if index < filled else hollow).append(square)
    content = svg.joined(
        [svg.element("path", d="".join(hollow), class_="hollow"), svg.element("path", d="".join(full), class_=class_)]
    )
    rows = -(-whole // columns)
    return svg.drawing(
        columns * step - gap, rows * step - gap, title, f"{filled} of {whole} squares are filled.", content
    )


def rate_bar(estimate: Estimate, class_: str = "bar-attack") -> Markup:
    """A rate as a bar with its interval as a line; it stretches with its cell, and the cell's text says the value."""
    parts = [
        svg.element("rect", x=0, y=1, width=100, height=10, class_="bar-back"),
        svg.element("rect", x=0, y=1, width=float(100 * _unit(estimate.value)), height=10, class_=class_),
    ]
    if estimate.low is not None and estimate.high is not None:
        ends = [100 * _unit(estimate.low), 100 * _unit(estimate.high)]
        parts.append(svg.path([(ends[0], 6.0), (ends[1], 6.0)], "bar-interval"))
        parts += [svg.path([(end, 3.0), (end, 9.0)], "bar-interval") for end in ends]
    return svg.element(
        "svg", svg.joined(parts), viewBox="0 0 100 12", preserveAspectRatio="none", aria_hidden="true", class_="bar"
    )


def _beside(x: float, y: float, name: str) -> Markup:
    """A name that runs down the right edge of a plot."""
    turned = f"rotate(90 {x:g} {y:g})"
    return svg.element("text", name, x=x, y=y, text_anchor="middle", class_="name", transform=turned)


def _square(x: svg.Scale) -> Plot:
    return Plot(x, svg.linear(0, 1, 228, 30), 46, _WIDTH - 22, 30, 228)


def _from(curve: Sequence[Point], low: float) -> list[Point]:
    """The curve from `low` on: what lies left of a logarithmic axis enters it at the highest recall reached there."""
    before = [y for x, y in curve if x <= low]
    return [(low, max(before, default=0.0)), *((x, y) for x, y in curve if x > low), (1.0, 1.0)]


def _operating(plot: Plot, point: Point | None, rising: bool = True) -> Markup:
    """The model's threshold: a diamond, named on the side that the curve leaves free."""
    if point is None:
        return Markup("")
    (x, y), r = plot.place([point])[0], 6
    diamond = svg.path([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], "diamond", close=True)
    along = (x - plot.left) / (plot.right - plot.left)
    anchor, dx = ("end", -9.0) if along > (0.7 if rising else 0.3) else ("start", 9.0)
    drop = 17 if y < plot.bottom - 24 else -9
    label = svg.element("text", "threshold", x=x + dx, y=y + drop, text_anchor=anchor, class_="name strong")
    return svg.joined([diamond, label])


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Four to eight round values between the ends."""
    span = (high - low) or 1.0
    step = 10.0 ** math.floor(math.log10(span))
    step = next(s for s in (step / 5, step / 2, step, step * 2) if span / s <= 8)
    first = math.ceil(low / step - 1e-9)
    return [(i * step, f"{i * step:.6g}") for i in range(first, first + 9) if i * step <= high + 1e-9 * span]


def _steps(plot: Plot, edges: Sequence[float], shares: Sequence[float], sign: int) -> list[Point]:
    outline = [(edges[0], 0.0)]
    for left, right, share in zip(edges, edges[1:], shares, strict=False):
        outline += [(left, sign * share), (right, sign * share)]
    return plot.place([*outline, (edges[-1], 0.0)])


def _shares(counts: Sequence[float]) -> list[float]:
    whole = sum(counts) or 1.0
    return [count / whole for count in counts]


def _root(share: float) -> float:
    return math.copysign(math.sqrt(abs(share)), share)


def _unit(rate: float) -> float:
    return min(1.0, max(0.0, rate))
