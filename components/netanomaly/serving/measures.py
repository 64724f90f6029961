"""What the server counts: requests, rows, scores, versions, and what is unlike training."""

import os
import time
from datetime import datetime
from pathlib import Path

import numpy as np

from netanomaly.serving.metrics import Registry
from netanomaly.serving.served import Seen, Served

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10, 30)
_STATM = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Measures:
    """All metrics of one server."""

    def __init__(self) -> None:
        made = self.registry = Registry()
        self.requests = made.counter(
            "netanomaly_requests_total", "Requests answered, by what was asked and status code."
        )
        self.seconds = made.histogram(
            "netanomaly_infer_seconds", "Time from a request's first byte to its answer, by the body's form.", _SECONDS
        )
        self.refused = made.counter("netanomaly_refused_total", "Inference requests refused, by status code.")
        self.in_flight = made.gauge("netanomaly_requests_in_flight", "Inference requests read, waiting or scored now.")
        self.bytes_held = made.gauge("netanomaly_body_bytes_held", "Bytes of requests that are held now.")
        self.rows = made.counter("netanomaly_rows_total", "Rows scored, by version.")
        self.alerts = made.counter("netanomaly_alerts_total", "Rows that alerted, by version and alert budget.")
        self.above = made.counter(
            "netanomaly_rows_above_total",
            "Rows that score above an operating point, by version and budget; of normal traffic that share of all rows.",
        )
        self.missing = made.counter("netanomaly_missing_values_total", "Numbers that were missing, by column.")
        self.unusual = made.counter(
            "netanomaly_unusual_values_total", "Numbers outside the range of 98% of the training rows, by column."
        )
        self.unseen = made.counter("netanomaly_unseen_values_total", "Categories that training had not, by column.")
        self.model = made.gauge("netanomaly_model_info", "1 for what is served now: name, version, digest.")
        self.registered = made.gauge(
            "netanomaly_model_registered_timestamp_seconds", "When the version was registered."
        )
        self.loaded = made.gauge("netanomaly_model_loaded_timestamp_seconds", "When the version was taken up here.")
        self.budget = made.gauge(
            "netanomaly_alert_budget", "Share of normal rows that may alert, as the model was trained."
        )
        self.swaps = made.counter("netanomaly_swaps_total", "Versions taken up while serving, by role.")
        self.swap_failures = made.counter(
            "netanomaly_swap_failures_total", "Looks for another version that failed, by role and kind of failure."
        )
        self.looked = made.gauge(
            "netanomaly_registry_looked_timestamp_seconds", "When the registry last answered, by role."
        )
        self.shadow_rows = made.counter(
            "netanomaly_shadow_rows_total",
            "Rows that the shadow scored too, by who alerted: both, none, served or shadow.",
        )
        self.shadow_model = made.gauge("netanomaly_shadow_info", "1 for what scores beside: name, version, digest.")
        self.shadow_distance = made.histogram(
            "netanomaly_shadow_distance",
            "How far the shadow's tail probability of a row is from the answer's, in powers of ten.",
            (0.01, 0.03, 0.1, 0.3, 1, 2, 3),
        )
        self.shadow_skipped = made.counter(
            "netanomaly_shadow_skipped_total", "Rows that the shadow did not score, by why."
        )
        self.logged = made.counter(
            "netanomaly_logged_rows_total", "Scored rows by what became of them in the score log."
        )
        self._memory = made.gauge("process_resident_memory_bytes", "Resident memory.")
        self._cpu = made.gauge("process_cpu_seconds_total", "Processor time of this process.")
        made.gauge("process_start_time_seconds", "When the process started.").set(round(time.time(), 3))
        made.before_each_look(self._look)

    def serves(self, served: Served) -> None:
        """Another version is served."""
        for family in (self.model, self.registered, self.loaded, self.budget):
            family.clear()
        self.model.set(1, name=served.name, version=served.version, digest=served.digest)
        self.loaded.set(round(time.time(), 3))
        self.budget.set(served.model.alert_budget)
        if served.registered_at:
            self.registered.set(round(datetime.fromisoformat(served.registered_at).timestamp(), 3))

    def scored(self, served: Served, seen: Seen, rows: int, alerts: int, budget: float) -> None:
        """Rows were scored."""
        version, schema = served.version, served.model.schema
        self.rows.add(rows, version=version)
        self.alerts.add(alerts, version=version, budget=f"{budget:g}")
        for point, count in zip(served.model.thresholds, seen.above.tolist(), strict=True):
            self.above.add(count, version=version, budget=f"{point.budget:g}")
        for family, names, counts in (
            (self.missing, schema.numeric, seen.missing),
            (self.unusual, schema.numeric, seen.unusual),
            (self.unseen, schema.categorical, seen.unseen),
        ):
            for position in np.flatnonzero(counts).tolist():
                family.add(int(counts[position]), column=names[position])

    def _look(self) -> None:
        if _STATM.exists():  # Linux alone says what a process holds now
            self._memory.set(int(_STATM.read_bytes().split()[1]) * _PAGE)
        self._cpu.set(round(time.process_time(), 3))
