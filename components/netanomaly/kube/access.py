"""Reaching the Kubernetes API: from a pod by its service account, from a person's machine by kubectl's configuration.

A person's way in (certificates, tokens, commands that make tokens) is read by the `kubernetes` package, which kfp brings;
a pod needs nothing but the files that Kubernetes mounts into it.
"""

import os
from pathlib import Path

from netanomaly.errors import InputError
from netanomaly.kube.api import Api
from netanomaly.wording import reason

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_HOST, _PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"


def in_a_pod() -> bool:
    """Whether this runs in a pod with a service account."""
    return bool(os.environ.get(_HOST)) and (_ACCOUNT / "token").is_file()


def of_the_pod(account: Path = _ACCOUNT) -> Api:
    """The API as the pod's service account.

    Raises:
        InputError: This is no pod, or it has no token.
    """
    import urllib3

    host, port = os.environ.get(_HOST, ""), os.environ.get(_PORT, "443")
    token = account / "token"
    if not host or not token.is_file():
        raise InputError(
            "this is no pod with a service account's token: there is neither KUBERNETES_SERVICE_HOST nor a mounted token"
        )
    # An IPv6 address needs its brackets.
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    pool = urllib3.PoolManager(cert_reqs="CERT_REQUIRED", ca_certs=str(account / "ca.crt"))
    return Api(server, pool, lambda: f"Bearer {token.read_text(encoding='utf-8').strip()}")


def of_a_person(kubeconfig: Path | None = None, context: str = "") -> Api:
    """The API as kubectl reaches it.

    Args:
        kubeconfig: The file; None: KUBECONFIG, or ~/.kube/config.
        context: Which of its contexts; empty: the current one.

    Raises:
        InputError: There is no such file or context, or it cannot be used.
    """
    import urllib3

    try:
        from kubernetes import client, config
    except ModuleNotFoundError:
        raise InputError(
            "a person's way into a cluster takes the kubernetes package, which is not installed here: netanomaly deploy, on a "
            "machine with pip install 'netanomaly[cli]'"
        ) from None

    if kubeconfig is not None and not kubeconfig.is_file():
        raise InputError(f"--kubeconfig {kubeconfig} is not there")
    read = client.Configuration()
    try:
        config.load_kube_config(
            config_file=None if kubeconfig is None else str(kubeconfig),
            context=context or None,
            client_configuration=read,
            persist_config=False,
        )
    except Exception as error:  # noqa: BLE001 - whatever a file, or a command that it names, comes to
        raise InputError(
            f"the Kubernetes cluster is not known: {reason(error)}; set KUBECONFIG, or name --kubeconfig and --context"
        ) from None
    options = {
        "cert_reqs": "CERT_REQUIRED" if read.verify_ssl else "CERT_NONE",
        "ca_certs": read.ssl_ca_cert,
        "cert_file": read.cert_file,
        "key_file": read.key_file,
    }
    if read.tls_server_name:
        options |= {"server_hostname": read.tls_server_name, "assert_hostname": read.tls_server_name}
    pool = urllib3.ProxyManager(read.proxy, **options) if read.proxy else urllib3.PoolManager(**options)
    return Api(str(read.host).rstrip("/"), pool, lambda: str(read.get_api_key_with_prefix("authorization") or ""))
