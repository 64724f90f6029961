"""A made-up network with its reference, and windows of it, for tests and for the benchmark of drift."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from netanomaly.flows import columns
from netanomaly.metrics.alert_rates import AlertBlocks
from netanomaly.models.catalogue import check
from netanomaly.models.detector import Detector, make
from netanomaly.models.rows import Rows, Schema, learn_schema
from netanomaly.monitoring.encoded import Encoded, encode
from netanomaly.monitoring.judging import judge
from netanomaly.monitoring.layout import Layout, learn_layout
from netanomaly.monitoring.reference import Rates, Reference, build
from netanomaly.monitoring.window import Window
from netanomaly.traffic import feature_list, features
from netanomaly.traffic.context import Context

from tests.bench import drift_traffic as traffic

CATEGORIES = [name for name in feature_list.names("zeek", context=False) if feature_list.EVERY[name].category]


def table(flows: pa.Table, *, context: bool = False) -> dict[str, Any]:
    """The features of flows, as a source has them; beside those before them where there is a context."""
    made = features.flow_features(flows)
    if context:
        made |= features.context_features(flows, Context())
    return {
        name: columns.categories(made[name])
        if feature_list.EVERY[name].category
        else pa.array(made[name], from_pandas=True)
        for name in feature_list.names("zeek", context=context)
    }


def ends(flows: pa.Table) -> dict[str, Any]:
    return {
        "source": features.whole(flows, "src_ip"),
        "target": features.whole(flows, "dst_ip"),
        "times": features.whole(flows, "start_time").to_numpy(),
    }


@dataclass
class World:
    """A network, and what was usual in it."""

    network: traffic.Network
    schema: Schema
    layout: Layout
    reference: Reference
    encoded: Encoded
    detector: Detector | None = None
    threshold: float = np.inf
    context: bool = False

    @classmethod
    def make(
        cls,
        seed: int = 1,
        days: int = 28,
        rows_a_day: int = 3000,
        *,
        weekends: bool = True,
        alerts: bool = False,
        context: bool = False,
    ) -> "World":
        """A network of its own; with alerts a detector, too, whose usual alert rate is that of a fortnight after training."""
        network, draw = traffic.Network(seed), np.random.default_rng([seed, 1])
        parts = [flows(network, draw, rows_a_day, day) for day in range(days) if weekends or day % 7 < 5]
        training = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
        made = pa.table(
            {
                name: each.cast(pa.string()) if name in CATEGORIES else each
                for name, each in table(training, context=context).items()
            }
        )
        schema = learn_schema(made.select(CATEGORIES), made.column_names, CATEGORIES)
        rows = schema.rows(made)
        layout = learn_layout(schema, rows)
        encoded = encode(layout, rows, **ends(training))
        reference = build([encoded], layout, Rates(), {})
        assert reference is not None
        world = cls(network, schema, layout, reference, encoded, context=context)
        if alerts:
            world._detect(rows, [flows(network, draw, rows_a_day, days + day) for day in range(14)])
        return world

    def _detect(self, training: Rows, later: list[pa.Table]) -> None:
        self.detector = make("pca", check("pca", {}))
        self.detector.fit(training, 1)
        scores = np.concatenate(
            [self.detector.score(self.schema.rows(pa.table(table(day, context=self.context)))) for day in later]
        )
        self.threshold = float(np.quantile(scores, 0.99))
        blocks = AlertBlocks()
        blocks.add(scores > self.threshold)
        found = blocks.document()
        self.reference = replace(self.reference, rates=Rates(tuple(found["rows"]), tuple(found["alerts"])))

    def window(self, found: pa.Table, **changed: Any) -> Window:
        """A window of flows."""
        window = Window(self.layout)
        made = table(found, context=self.context) | changed
        rows = self.schema.rows(pa.table(made))
        alerts = None if self.detector is None else self.detector.score(rows) > self.threshold
        window.add(rows, alerts=alerts, categories={name: made[name] for name in CATEGORIES}, **ends(found))
        return window

    def judged(self, found: pa.Table, **changed: Any) -> dict[str, Any]:
        return judge(self.reference, self.window(found, **changed))


def flows(
    network: traffic.Network,
    draw: np.random.Generator,
    rows: int,
    day: int,
    change: traffic.Change | None = None,
    timeout: float = traffic.TIMEOUT,
) -> pa.Table:
    """A day of flows, week-ends as such, with a change."""
    connections = network.connections(draw, rows, traffic.MONDAY + day * traffic.DAY, traffic.DAY, weekend=day % 7 >= 5)
    if change is not None:
        connections = change(network, connections, draw)
    return traffic.flow_table(traffic.cut(connections, timeout))
