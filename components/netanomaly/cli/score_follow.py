"""`netanomaly score --follow`: what a person or a scheduler sees of a follower."""

import hashlib
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from netanomaly import output
from netanomaly.cli.scored import followed

if TYPE_CHECKING:
    from netanomaly.scoring.delivery import Receiver
    from netanomaly.scoring.settings import Settings


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
        output.say_each(followed(report))


def deliver_alerts(alerts: bytes, receivers: Sequence["Receiver"]) -> None:
    """Tell receivers of the alerts of one run, all at once, so that none waits for one that is dead.

    Raises:
        NotDelivered: Some do not take them, and each is named; the others have them.
    """
    from netanomaly.scoring.delivery import NotDelivered, deliver_all

    lines, name = alerts.splitlines(), hashlib.sha256(alerts).hexdigest()[:16]
    failed: list[str] = []
    with ThreadPoolExecutor(max(len(receivers), 1)) as threads:
        for told in [threads.submit(deliver_all, lines, receiver, name) for receiver in receivers]:
            try:
                told.result()
            except NotDelivered as error:
                failed.append(str(error))
    if failed:
        raise NotDelivered(f"{'; '.join(failed)}; the results are whole")
