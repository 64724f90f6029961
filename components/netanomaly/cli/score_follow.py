"""`netanomaly score --follow`: what a person or a scheduler sees of a follower."""

import hashlib
import signal
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netanomaly import output
from netanomaly.cli.summary import row

if TYPE_CHECKING:
    from netanomaly.scoring.delivery import Receiver
    from netanomaly.scoring.settings import Settings

_SHOWN = 5


def follow_source(
    registry: str,
    model: str,
    settings: "Settings",
    out: str,
    *,
    feedback: str,
    once: bool,
    every_seconds: float,
    receivers: Sequence["Receiver"],
    as_json: bool,
) -> None:
    """Follow, and print what was done. A follower that another one is ahead of says so and ends well."""
    from netanomaly.scoring.following import follow
    from netanomaly.scoring.lease import AnotherWorks

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # The file at hand is finished first.
        signal.signal(number, lambda *_: stop.set())
    try:
        report = follow(
            registry,
            model,
            settings,
            out,
            feedback=feedback,
            once=once,
            every_seconds=every_seconds,
            receivers=receivers,
            stop=stop,
        )
    except AnotherWorks as another:
        if as_json:
            output.say_json({"state": "another follower works", "said": str(another)})
        else:
            output.tell(str(another))
        return
    if as_json:
        output.say_json({"state": "done", **report})
    elif not any(each.key == "stdout" for each in receivers):
        _print(report)


def deliver_alerts(alerts: bytes, receivers: Sequence["Receiver"]) -> None:
    """Tell receivers of the alerts of one run. Raises NotDelivered where one does not take them; the others have them."""
    from netanomaly.scoring.delivery import NotDelivered, deliver_all

    name = hashlib.sha256(alerts).hexdigest()[:16]
    failed: NotDelivered | None = None
    for receiver in receivers:
        try:
            deliver_all(alerts.splitlines(), receiver, name)
        except NotDelivered as error:
            failed = error
    if failed is not None:
        raise failed


def _print(report: Mapping[str, Any]) -> None:
    model = report["model"]
    lines = [
        *row("model", f"{model['name']}:{model['version']}" if model["version"] else model["name"]),
        *row("scored", f"{report['rows']:,} flows of {report['files']:,} files that were new or had grown"),
        *row("incidents", f"{report['incidents']:,}, of {report['alerts']:,} alerting flows"),
    ]
    for name, why in list(report["unread"].items())[:_SHOWN]:
        lines += row("", f"not read: {name}: {why}", hang=2, most=3)
    if len(report["unread"]) > _SHOWN:
        lines += row("", f"and {len(report['unread']) - _SHOWN:,} more files that could not be read")
    lines += [f"{'results':<12}{report['out']}, up to {report['last_commit']:08d}"]
    output.say_each(lines)
