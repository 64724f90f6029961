"""Who writes what is scored: forged hosts, ports that are no numbers, texts without end, and what alerts say of them."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from netanomaly import output
from netanomaly.alerts import incidents as said
from netanomaly.alerts.collecting import PARTS, Alerts
from netanomaly.alerts.forms import FORMS
from netanomaly.models.rows import Rows

from tests.attacks.measuring import MOST_BYTES, measured


class Untold:
    """A model that explains nothing."""

    typical = None
    sensor = "zeek"
    schema = SimpleNamespace(numeric=())


def collected(**parts: Sequence[str | None]) -> Alerts:
    alerts = Alerts()
    count = len(next(iter(parts.values())))
    alerts.add(
        ["conn.log"] * count,
        np.arange(count),
        np.arange(count, dtype=np.float64),
        {part: pa.array(values, pa.string()) for part, values in parts.items()},
        Rows(np.zeros((count, 1), dtype=np.float32), np.zeros((count, 0), dtype=np.int32)),
        np.ones(count, dtype=np.float32),
    )
    return alerts


def documents(alerts: Alerts) -> tuple[list[said.Document], int]:
    named = {"name": "office", "version": 1, "digest": "sha256:00"}
    return said.incidents(alerts.all(), Untold(), named, lambda scores: scores * 0 + 0.01, lambda *_: None)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", ["²", "9" * 5000, "-1", "99999", "", "\x1b]0;x\x07", "\u202e", "\x9b31m", "٤٤٣"])
def test_what_is_no_port_and_no_host_is_said_and_not_obeyed(form, text):
    found, _ = documents(collected(**{part: [text, text] for part in PARTS}))
    line = output.json_text(FORMS[form](found[0], "2026-06-13T00:00:00.000Z"), None)
    assert len(line) < 20_000
    assert line == output.visible(line, len(line))


def test_a_name_without_end_is_cut_in_alerts():
    found, _ = documents(collected(src_ip=["s" * 100_000] * 50, dst_ip=["d" * 100_000] * 50))
    assert len(output.json_text(found, None)) < 20_000


def test_forged_hosts_are_counted_and_the_strongest_are_listed(monkeypatch):
    monkeypatch.setattr(said, "_LISTED", 100)
    sources = [f"198.51.{number // 250}.{number % 250}" for number in range(1000)]
    found, left_out = documents(collected(src_ip=sources, dst_ip=sources[::-1]))
    assert (len(found), left_out) == (100, 900)


_COLLECT = """
import sys
import numpy as np, pyarrow as pa
from netanomaly.alerts.collecting import Alerts, PARTS
from netanomaly.alerts.grouping import group
from netanomaly.models.rows import Rows
alerts, count = Alerts(), 10_000
rows = Rows(np.zeros((count, 1), dtype=np.float32), np.zeros((count, 0), dtype=np.int32))
texts = {part: pa.array(["10.0.0.1"] * (count - 1) + ["x" * 100_000]) for part in PARTS}
for batch in range(int(sys.argv[1])):
    alerts.add(["/data/conn.log"] * count, np.arange(count), np.arange(count, dtype=np.float64), texts, rows, np.ones(count, dtype=np.float32))
if sys.argv[1] != "0":
    kept = alerts.all()
    print(len(group(kept.times, kept.identity["src_ip"], kept.identity["dst_ip"])))
print(peak())
"""


def test_a_million_alerts_of_one_host_take_little_memory():
    found = measured(_COLLECT, "100")
    assert found.said == "2", found.stderr[-2000:]
    assert found.peak_bytes - measured(_COLLECT, "0").peak_bytes < MOST_BYTES
    assert found.seconds < 30
