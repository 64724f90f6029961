"""An address that takes alerts by HTTP, each request signed as Standard Webhooks has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: receivers in most languages have
a library that checks the signature. A body is a JSON array of alerts.
"""

import base64
import binascii
import hashlib
import hmac
import os
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import urllib3

from netanomaly import __version__, output
from netanomaly.errors import InputError
from netanomaly.s3 import client
from netanomaly.scoring.delivery import NotDelivered
from netanomaly.secrecy import refuse_credentials

SECRET = "NETANOMALY_WEBHOOK_SECRET"  # noqa: S105 - the variable's name
_PREFIX = "whsec_"
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 15.0


class Webhook:
    """One address. Redirects are not followed: what is signed for one receiver is not for another."""

    def __init__(self, url: str) -> None:
        """Raises InputError where the address is none, or there is no secret to sign with."""
        refuse_credentials(url, "--webhook")
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"--webhook {url!r} is no address; write https://host/path")
        self._url = url
        self._secret = _secret()
        self.key = f"webhook-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
        # What stands behind the host may be a secret of the receiver's.
        self.words = f"{parts.scheme}://{parts.netloc}"
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            retries=False,
            **(client.authorities() if parts.scheme == "https" else {}),
        )

    def send(self, name: str, alerts: Sequence[dict[str, Any]]) -> None:
        """One request. Raises NotDelivered where the answer is not 2xx, or there is none."""
        body = output.json_text(list(alerts), None).encode()
        moment = str(int(time.time()))
        digest = hashlib.sha256(body).hexdigest()[:16]
        named = f"{name}-{digest}"
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"netanomaly/{__version__}",
            "webhook-id": named,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{signature(self._secret, named, moment, body)}",
        }
        try:
            answer = self._pool.request(
                "POST", self._url, body=body, headers=headers, redirect=False, preload_content=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise NotDelivered(f"{self.words} does not answer ({type(error).__name__})") from None
        # Nobody needs what it says, which may have no end.
        answer.close()
        if 300 <= answer.status < 400:
            raise NotDelivered(
                f"{self.words} redirects ({answer.status}), which is not followed: give the final address"
            )
        if not 200 <= answer.status < 300:
            raise NotDelivered(f"{self.words} answers {answer.status}")


def signature(secret: bytes, name: str, moment: str, body: bytes) -> str:
    """HMAC-SHA-256 over name, time and body, in base64."""
    signed = b".".join([name.encode(), moment.encode(), body])
    return base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def _secret() -> bytes:
    text = os.environ.get(SECRET, "")
    how = f"set it to {_PREFIX} and the base64 of 24 to 64 random bytes: {SECRET}={_PREFIX}$(openssl rand -base64 32)"
    if not text:
        raise InputError(f"--webhook signs what it sends, and {SECRET} is not set; {how}")
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith(_PREFIX) or not 24 <= len(secret) <= 64:
        raise InputError(f"{SECRET} is no secret of webhooks; {how}")
    return secret
