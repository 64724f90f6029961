"""Incidents that may go on in the next file: so that a scan over ten files is told to be one."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from netanomaly import json_input
from netanomaly.alerts.grouping import QUIET_SECONDS

# Hosts that alerted within half an hour of the last flow; whoever forges addresses makes more of them than that.
_MOST = 20_000


class Open:
    """The hosts that alerted lately: by which incident first, and when last."""

    def __init__(self, hosts: dict[str, tuple[str, float]] | None = None) -> None:
        self._hosts = dict(hosts or {})

    def copy(self) -> "Open":
        return Open(self._hosts)

    def continued(self, incidents: Sequence[dict[str, Any]]) -> None:
        """Give each incident that goes on with one of an earlier file its `continues`: the id of the first of them."""
        latest = 0.0
        for incident in incidents:
            host = f"{incident['entity']['type']} {incident['entity']['ip']}"
            if incident["entity"]["ip"] is None or incident["first_seen"] is None:
                continue
            first, last = (datetime.fromisoformat(incident[name]).timestamp() for name in ("first_seen", "last_seen"))
            begun, ended = self._hosts.get(host, ("", -QUIET_SECONDS))
            if begun and first <= ended + QUIET_SECONDS and last >= ended - QUIET_SECONDS:
                incident["continues"] = begun
                self._hosts[host] = (begun, max(ended, last))
            elif last > ended:
                self._hosts[host] = (incident["id"], last)
            latest = max(latest, last)
        recent = {host: each for host, each in self._hosts.items() if each[1] >= latest - QUIET_SECONDS}
        self._hosts = dict(sorted(recent.items(), key=lambda pair: (-pair[1][1], pair[0]))[:_MOST])

    def state(self) -> bytes:
        """What `resumed` takes up."""
        return json.dumps(self._hosts, sort_keys=True).encode()

    @classmethod
    def resumed(cls, state: bytes | None) -> "Open":
        """As it was when `state` was called. Raises ValueError where it is no such state."""
        if state is None:
            return cls()
        document = json_input.parse(state)
        if not isinstance(document, dict):
            raise ValueError("the hosts of open incidents are no object")
        return cls({str(host): (str(each[0]), float(each[1])) for host, each in document.items()})
