"""Ways to a server that was just deployed: its address, or through the API server."""

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from netanomaly.errors import ConfigError
from netanomaly.kube.api import Api, bounded
from netanomaly.kube.errors import Refused
from netanomaly.stages.deploy.objects import TOKEN_VARIABLE
from netanomaly.stages.deploy.smoke import Ask, NotYet
from netanomaly.wording import reason

_CONNECT_SECONDS = 10
_READ_SECONDS = 60


def directly(address: str) -> Ask:
    """By the server's own address; each request on a connection of its own, so that it may reach any pod.

    Raises:
        ConfigError: It is no address.
    """
    import urllib3

    address = address.rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ConfigError(f"{address[:200]!r} is no address of a server; write http://localhost:8080")
    token = os.environ.get(TOKEN_VARIABLE, "")
    headers = {"Content-Type": "application/json", "Connection": "close"}
    if token:
        headers["Authorization"] = f"Bearer {token}"

    def ask(path: str, document: Mapping[str, Any]) -> tuple[int, bytes]:
        try:
            with urllib3.PoolManager() as pool:
                answer = pool.request(
                    "POST",
                    f"{address}{path}",
                    body=json.dumps(document, allow_nan=False).encode(),
                    headers=headers,
                    timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
                    retries=False,
                    redirect=False,
                    preload_content=False,
                )
                return answer.status, bounded(answer, address)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NotYet(f"{address} cannot be reached: {reason(error)}") from None

    return ask


def through_the_api(api: Api, namespace: str, service: str, port: str) -> Ask:
    """By the API server, which reaches every service of the cluster; the right to `services/proxy` is needed."""
    import urllib3

    root = f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy"

    def ask(path: str, document: Mapping[str, Any]) -> tuple[int, bytes]:
        try:
            return api.send("POST", f"{root}{path}", body=document)
        except Refused as error:
            raise NotYet(str(error)) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NotYet(f"{api.server} cannot be reached: {reason(error)}") from None

    return ask
