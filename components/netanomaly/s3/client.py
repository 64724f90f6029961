"""A client of an S3 server, from a URI and the environment.

| variable | meaning |
| --- | --- |
| `S3_ENDPOINT_URL`, `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` | the server; default AWS |
| `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` | credentials |
| `AWS_PROFILE`, `AWS_SHARED_CREDENTIALS_FILE` | credentials in `~/.aws/credentials` |
| `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN` | a service account's role; else that of the machine |
| `AWS_EC2_METADATA_DISABLED` | `true`: the machine is not asked for a role |
| `AWS_REGION`, `AWS_DEFAULT_REGION` | default `us-east-1` |
| `AWS_CA_BUNDLE`, `SSL_CERT_FILE` | certificates of a private authority |
| `S3_ADDRESSING_STYLE` | `path` or `virtual`; default: by the host |
| `S3_CONNECT_SECONDS`, `S3_READ_SECONDS`, `S3_RETRY_SECONDS` | defaults 5, 30, 90 |
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import certifi
import urllib3
from minio import Minio

from netanomaly.errors import InputError
from netanomaly.s3 import credentials
from netanomaly.s3.transfer import BoundedPool
from netanomaly.secrecy import refuse_credentials

_AWS = "https://s3.amazonaws.com"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ENDPOINT_VARIABLES = ("S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


@dataclass(frozen=True)
class Place:
    """A bucket and what keys in it begin with: empty, or ending with a slash."""

    bucket: str
    prefix: str


@dataclass(frozen=True)
class Timeouts:
    """Seconds to connect, between two bytes of an answer, and for all attempts at one request together.

    `first_contact` is for attempts at a server that never answered: it is more likely misspelt than down, unless the
    environment says how long to try.
    """

    connect: float = 5.0
    read: float = 30.0
    retry: float = 90.0
    first_contact: float = 10.0

    @classmethod
    def from_environment(cls) -> "Timeouts":
        return cls(
            _seconds("S3_CONNECT_SECONDS", cls.connect),
            _seconds("S3_READ_SECONDS", cls.read),
            _seconds("S3_RETRY_SECONDS", cls.retry),
            _seconds("S3_RETRY_SECONDS", cls.first_contact),
        )


def place(uri: str) -> Place:
    """Parse `s3://bucket/prefix`. Raises InputError."""
    refuse_credentials(uri, "an S3 URI")
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise InputError(f"{uri!r} is no S3 URI; write s3://bucket/prefix") from None
    if parts.scheme != "s3" or parts.query or parts.fragment:
        raise InputError(f"{uri!r} is no S3 URI; write s3://bucket/prefix")
    prefix = unquote(parts.path).strip("/")
    if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
        raise InputError(f"{uri!r} has an empty part, '.' or '..' in its prefix; write s3://bucket/prefix")
    return Place(bucket_name(parts.netloc, uri), f"{prefix}/" if prefix else "")


def bucket_name(name: str, uri: str) -> str:
    """The name itself. Raises InputError where no bucket can have it."""
    refuse_credentials(uri, "an S3 URI")
    if not _BUCKET.fullmatch(name):
        raise InputError(
            f"{uri!r} names no bucket; write s3://bucket/prefix, the bucket in 3 to 63 of a-z, 0-9, '.' and '-'"
        )
    return name


def endpoint() -> str:
    """URL of the server that the environment names. Raises InputError."""
    for name in _ENDPOINT_VARIABLES:
        if url := os.environ.get(name):
            refuse_credentials(url, name)
            parts = _split(url, name)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
                raise InputError(f"{name} is {url!r}; write http://host:port or https://host")
            return f"{parts.scheme}://{parts.netloc}"
    return _AWS


def _split(url: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InputError(f"{name} is no URL: {error}; write http://host:port or https://host") from None
    return parts


def connect(timeouts: Timeouts) -> Minio:
    """A client that never retries by itself: a repeated conditional write would be refused by its own first try.

    Raises:
        InputError: A variable of the environment is wrong.
    """
    url = urlsplit(endpoint())
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    style = os.environ.get("S3_ADDRESSING_STYLE", "")
    if style not in ("", "path", "virtual"):
        raise InputError(f"S3_ADDRESSING_STYLE is {style!r}; write path or virtual")
    trusted = authorities()
    pool = BoundedPool(
        timeout=urllib3.Timeout(connect=timeouts.connect, read=timeouts.read),
        maxsize=16,
        retries=False,
        **trusted,
    )
    quick = BoundedPool(retries=False, **trusted)
    client = Minio(
        endpoint=url.netloc,
        secure=url.scheme == "https",
        region=region,
        credentials=credentials.provider(pool, quick),
        http_client=pool,
    )
    if style == "virtual":
        client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    elif style == "path":
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    return client


def authorities() -> dict[str, Any]:
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        if path := os.environ.get(name):
            if not Path(path).is_file():
                raise InputError(f"{name} names {path!r}, which is not a file; give a file of PEM certificates")
            return {"cert_reqs": "CERT_REQUIRED", "ca_certs": path}
    return {"cert_reqs": "CERT_REQUIRED", "ca_certs": certifi.where()}


def _seconds(name: str, default: float) -> float:
    text = os.environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 86_400:
        raise InputError(f"{name} is {text!r}; write seconds, over 0")
    return value
