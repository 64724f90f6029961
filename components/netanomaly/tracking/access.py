"""Where MLflow's server is, and how to be let in: by the variables of MLflow's own clients.

| variable | meaning |
| --- | --- |
| `MLFLOW_TRACKING_URI` | the server, where the configuration names none |
| `MLFLOW_TRACKING_TOKEN` | a token, sent as `Authorization: Bearer` |
| `MLFLOW_TRACKING_USERNAME`, `MLFLOW_TRACKING_PASSWORD` | a user's name and password |
| `MLFLOW_TRACKING_AUTH` | `kubernetes`: the pod's service account; `kubernetes-namespaced`: and its namespace as workspace |
| `MLFLOW_WORKSPACE` | the workspace, where the server has several |
| `MLFLOW_TRACKING_SERVER_CERT_PATH`, `SSL_CERT_FILE` | certificates of a private authority |
| `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` | |
"""

import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from netanomaly.errors import ConfigError, InputError

URI = "MLFLOW_TRACKING_URI"
SETTINGS = (URI, "MLFLOW_WORKSPACE", "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_EXPERIMENT_NAME")
"""Variables that hold no secret."""
CREDENTIALS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
AUTHENTICATION = "MLFLOW_TRACKING_AUTH"

_KUBERNETES = ("kubernetes", "kubernetes-namespaced")
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_CERTIFICATES = ("MLFLOW_TRACKING_SERVER_CERT_PATH", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Access:
    """A server, what is sent with every request, and whose certificates are trusted."""

    uri: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    certificates: str | None = None

    def context(self) -> ssl.SSLContext:
        """What connections are made with.

        Raises:
            InputError: The file of certificates holds none.
        """
        try:
            return ssl.create_default_context(cafile=self.certificates)
        except (ssl.SSLError, OSError) as error:
            raise InputError(
                f"certificates {self.certificates!r} cannot be read ({error.strerror or error}); give a PEM file"
            ) from None


def address(uri: str, said_by: str) -> str:
    """The address of a server, without a slash at its end.

    Args:
        uri: What was written.
        said_by: Whose value it is, for the message; a password in it is not shown.

    Raises:
        ConfigError: It is no address of an MLflow server.
    """
    try:
        parts = urlsplit(uri)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        known, parts = False, urlsplit("")
    if "@" in uri.partition("://")[2]:
        raise ConfigError(
            f"{said_by} holds a user or password; take it out: they come from MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    if not known or parts.query or parts.fragment or not uri.isprintable() or " " in uri:
        raise ConfigError(
            f"{said_by} is {uri[:200]!r}, which is no address of an MLflow server; write http://host:port or https://host"
        )
    return uri.rstrip("/")


def from_environment(uri: str) -> Access:
    """Access to the server at an address, with the credentials of the environment.

    Where the environment names a server, they are that one's: another, which whoever starts a run may choose, gets none.

    Raises:
        InputError: A variable is wrong.
    """
    uri = address(uri, "the address of MLflow")
    if os.environ.get(URI) and os.environ[URI].rstrip("/") != uri:
        return Access(uri, {}, _certificates())
    headers: dict[str, str] = {}
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        headers["Authorization"] = f"Bearer {_one_line(token, 'MLFLOW_TRACKING_TOKEN')}"
    elif user := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        pair = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    kind = os.environ.get(AUTHENTICATION, "")
    if kind in _KUBERNETES and "Authorization" not in headers:
        headers["Authorization"] = f"Bearer {_of_the_pod('token')}"
    elif kind and kind not in _KUBERNETES:
        raise InputError(f"{AUTHENTICATION} is {kind[:40]!r}; write kubernetes or kubernetes-namespaced")
    workspace = os.environ.get("MLFLOW_WORKSPACE", "")
    if not workspace and kind == "kubernetes-namespaced":
        workspace = _of_the_pod("namespace")
    if workspace:
        headers["X-MLFLOW-WORKSPACE"] = _one_line(workspace, "MLFLOW_WORKSPACE")
    return Access(uri, headers, _certificates())


def _one_line(value: str, name: str) -> str:
    value = value.strip()
    if not value.isascii() or not value.isprintable():
        raise InputError(f"{name} holds characters that no header can; set it again")
    return value


def _of_the_pod(name: str) -> str:
    """The service account's token, which is read anew each time since it changes, or its namespace."""
    try:
        return (_SERVICE_ACCOUNT / name).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InputError(
            f"{AUTHENTICATION} asks for the pod's service account, and {_SERVICE_ACCOUNT / name} cannot be read "
            f"({error.strerror}); outside of a pod set MLFLOW_TRACKING_TOKEN"
        ) from None


def _certificates() -> str | None:
    for name in _CERTIFICATES:
        if path := os.environ.get(name):
            if not Path(path).is_file():
                raise InputError(f"{name} names {path!r}, which is not a file; give a file of PEM certificates")
            return path
    return None
