"""Data sets of the quality benchmark that are made up, each to show one thing."""

import numpy as np
import pyarrow as pa


def beyond(draw: np.random.Generator) -> tuple[pa.Table, list[str]]:
    """Ten columns of common shapes; an attack is out of range in one of them."""
    normal, attacks = 20_000, 1000
    rows = normal + attacks
    columns = [
        draw.lognormal(3, 1, rows),
        draw.exponential(1, rows),
        draw.normal(1000, 3, rows),
        draw.integers(0, 5, rows).astype(float),
        draw.uniform(0, 1, rows),
        draw.lognormal(6, 2, rows),
        draw.poisson(2, rows).astype(float),
        draw.normal(0, 1, rows),
        draw.normal(50, 10, rows),
        draw.beta(0.5, 0.5, rows),
    ]
    for row in range(normal, rows):
        column = columns[draw.integers(0, len(columns))]
        low, high = column[:normal].min(), column[:normal].max()
        column[row] = high + (high - low) * draw.uniform(0.5, 5)
    labels = np.where(np.arange(rows) < normal, "normal", "beyond")
    return pa.table({**{f"x{position}": column for position, column in enumerate(columns)}, "label": labels}), []


def scan(draw: np.random.Generator) -> tuple[pa.Table, list[str]]:
    """Flows with addresses and ports; a few hosts try ports that nobody uses."""
    normal, attacks = 20_000, 1000
    rows = normal + attacks
    attack = np.arange(rows) >= normal
    source, destination = draw.integers(0, 200, rows), draw.zipf(1.3, rows) % 60_000
    size = np.where(attack, draw.integers(40, 80, rows), draw.lognormal(7, 2, rows))
    usual = draw.choice([80, 443, 53, 22, 25], rows, p=[0.3, 0.4, 0.25, 0.03, 0.02])
    columns = {
        "source": [f"10.0.{9 * bad}.{each % (3 if bad else 200)}" for bad, each in zip(attack, source, strict=True)],
        "destination": [f"93.{each % 256}.{each // 256}.7" for each in destination],
        "port": np.where(attack, draw.integers(1, 65_536, rows), usual).astype(float),
        "source_port": draw.integers(32_768, 61_000, rows).astype(float),
        "bytes": size,
        "packets": np.where(attack, 1, 1 + size // 800),
        "duration_seconds": np.where(attack, 0.0, draw.exponential(2, rows)),
        "label": np.where(attack, "scan", "normal"),
    }
    return pa.table(columns), ["source", "destination", "port"]
