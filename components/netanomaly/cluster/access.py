"""Reaching a server and signing in, as the kfp client does it.

KF_PIPELINES_ENDPOINT            the server's address, where --host is not given
KF_PIPELINES_UI_ENDPOINT         the address of its pages, where that is another
NETANOMALY_KFP_TOKEN             a token, sent as `Authorization: Bearer`
KF_PIPELINES_SA_TOKEN_PATH       a file with a token, read at each request; in a pod the projected service account token
NETANOMALY_KFP_COOKIE            cookies of a signed-in browser, e.g. `authservice_session=...`
KF_PIPELINES_IAP_OAUTH2_CLIENT_ID, KF_PIPELINES_APP_OAUTH2_CLIENT_ID, KF_PIPELINES_APP_OAUTH2_CLIENT_SECRET
                                 Google's Identity-Aware Proxy
HTTPS_PROXY, HTTP_PROXY, NO_PROXY
"""

import os
import re
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from netanomaly.cluster.errors import NotFound, Unavailable
from netanomaly.cluster.server import API, Server
from netanomaly.errors import InputError, OutsideError
from netanomaly.kube.names import refuse_no_name
from netanomaly.proxies import proxy_for
from netanomaly.wording import reason

HOST_VARIABLE = "KF_PIPELINES_ENDPOINT"
TOKEN_FILE_VARIABLE = "KF_PIPELINES_SA_TOKEN_PATH"  # noqa: S105 - a variable's name
KFP_NAMESPACE = "kubeflow"
# What the pipelines are tested with.
TESTED_VERSION = (2, 17)

_TOKEN_VARIABLE = "NETANOMALY_KFP_TOKEN"  # noqa: S105 - a variable's name
_COOKIE_VARIABLE = "NETANOMALY_KFP_COOKIE"
_UI_VARIABLE = "KF_PIPELINES_UI_ENDPOINT"
_LOOKS = 3
_SECONDS_BETWEEN_LOOKS = 1.0
_POD_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")
_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class Access:
    """Where a server is, and how to be let in; secrets come from the environment."""

    host: str
    namespace: str = ""
    token_file: Path | None = None
    ca_file: Path | None = None
    timeout_seconds: int = 60


@dataclass(frozen=True)
class Connection:
    """A server that answered. `namespace` is empty where it has one for all; `warning` is worth telling a person."""

    server: Server
    namespace: str
    pages: str
    warning: str = ""
    version: str = ""
    """Of the server, as it says it; one built by hand says `unknown`."""

    @property
    def pods(self) -> str:
        """The namespace in which runs have their pods: KFP's own, where it has no others."""
        return self.namespace or KFP_NAMESPACE

    def run_page(self, run_id: str) -> str:
        """Where a person looks at a run."""
        return f"{self.pages}/#/runs/details/{run_id}"

    def version_page(self, pipeline_id: str, version_id: str) -> str:
        """Where a person looks at a version of a pipeline."""
        return f"{self.pages}/#/pipelines/details/{pipeline_id}/version/{version_id}"

    def recurring_run_page(self, recurring_run_id: str) -> str:
        """Where a person looks at a recurring run."""
        return f"{self.pages}/#/recurringrun/details/{recurring_run_id}"


def connect(access: Access) -> Connection:
    """A connection to a server that answers as a Kubeflow Pipelines API.

    Raises:
        InputError: The address, a file or the credentials are wrong; the server wants a namespace, and none is given.
        OutsideError: The server cannot be reached.
    """
    host = _address(access.host)
    if access.namespace:
        refuse_no_name("--namespace", access.namespace)
    server = Server(host, _api_client(host, access), access.timeout_seconds)
    try:
        health = _health(server)
    except NotFound:
        raise InputError(
            f"{host} has no {API}: a Kubeflow Pipelines before 2.0, or another server; behind Kubeflow's dashboard "
            "the address ends with /pipeline"
        ) from None
    namespace = access.namespace
    if health.get("multi_user"):
        if not namespace and _POD_NAMESPACE.is_file():
            namespace = _POD_NAMESPACE.read_text(encoding="utf-8").strip()
        if not namespace:
            raise InputError(f"{host} keeps its users apart: name your profile with --namespace")
    pages = _address(os.environ[_UI_VARIABLE]) if os.environ.get(_UI_VARIABLE) else host
    version = str(health.get("tag_name") or health.get("apiServerTagName", ""))
    return Connection(server, namespace, pages, _old(version), version)


def _health(server: Server) -> Mapping[str, Any]:
    """What the server says of itself. The UI's server answers in its place, under names of its own.

    Raises:
        Unavailable: It says that there is no API server behind it; it asks for a second only, so it is asked again.
    """
    for look in range(_LOOKS):
        if look:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        health = server.get(f"{API}/healthz")
        if health.get("apiServerReady") is not False or "multi_user" in health:
            return health
    raise Unavailable(
        f"{server.host} answers, and the API server behind it does not (ml-pipeline in KFP's namespace); try again",
        undecided=False,
    )


def _address(text: str) -> str:
    """The address without what follows from a browser's location bar."""
    host = text.split("#")[0].split("?")[0].rstrip("/")
    if not host:
        raise InputError(f"no server is named; give --host, or set {HOST_VARIABLE}")
    try:
        parts = urlsplit(host)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        known = False
    if not known:
        raise InputError(
            f"{text!r} is no address of a server; write http://localhost:8080 or https://host/pipeline "
            f"(--host, or {HOST_VARIABLE})"
        )
    if parts.username or parts.password:
        raise InputError(
            f"--host holds a password, which others can read; give a token or a cookie in {_TOKEN_VARIABLE}"
        )
    return host


def _api_client(host: str, access: Access) -> Any:
    import kfp
    from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials

    if access.ca_file is not None and not access.ca_file.is_file():
        raise InputError(f"--ca-file {access.ca_file} is not there")
    token_file = access.token_file or (_POD_TOKEN if _POD_TOKEN.is_file() else None)
    token = os.environ.get(_TOKEN_VARIABLE)
    if token_file is not None and not token:
        try:
            if not token_file.read_text(encoding="utf-8").strip():
                raise InputError(f"token file {token_file} is empty")
        except OSError as error:
            raise InputError(f"token file {token_file} cannot be read: {error.strerror}") from None
    proxy = proxy_for(host)
    with warnings.catch_warnings():
        # That it is for KFP 2 only.
        warnings.simplefilter("ignore", FutureWarning)
        try:
            client = kfp.Client(
                host=host,
                # With none it would ask the server which it is, five times, waiting in between.
                namespace=access.namespace or "-",
                existing_token=token,
                cookies=os.environ.get(_COOKIE_VARIABLE),
                proxy=proxy,
                ssl_ca_cert=None if access.ca_file is None else str(access.ca_file),
                credentials=ServiceAccountTokenVolumeCredentials(str(token_file)) if token_file else None,
            )
        except Exception as error:  # noqa: BLE001 - Google's sign-in raises whatever its libraries do
            raise OutsideError(f"cannot sign in to {host}: {type(error).__name__}: {reason(error)}") from None
    # Its methods wait for ever, print to standard output and take a sign-in page for an empty answer.
    return client._run_api.api_client


def _old(tag: str) -> str:
    """What to say of a server older than the tested one; one built by hand has no version."""
    found = re.match(r"v?(\d{1,9})\.(\d{1,9})", tag)
    if not found or (int(found[1]), int(found[2])) >= TESTED_VERSION:
        return ""
    return (
        f"the server is Kubeflow Pipelines {tag}, and this is tested with {'.'.join(map(str, TESTED_VERSION))}: what the "
        "pipeline asks of its pods (non-root, a Secret named by a parameter, retries) may be ignored or refused there"
    )
