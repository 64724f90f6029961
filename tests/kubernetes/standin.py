"""A stand-in of the Kubernetes API for what `netanomaly deploy` asks of it: kinds checked strictly, rights by the Role of
manifests/serving, server-side apply with its managers, generations, merge patches, removal.

Where the real one was built (`make test-kubernetes`), the same tests run against that.
"""

import copy
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import urllib3
from netanomaly.kube.api import Api

from tests.kubernetes import kinds

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[a-z.]+))/(?P<version>v\w+)/namespaces/(?P<namespace>[a-z0-9-]+)/(?P<plural>[a-z]+)"
    r"(?:/(?P<name>[a-z0-9.:-]+))?(?:/(?P<below>status|proxy)(?P<rest>/.*)?)?"
)
_VERBS = {"PATCH": "patch", "DELETE": "delete", "POST": "create"}


@dataclass
class StandIn:
    """What is in it. `rules`: those of the Role, for whoever shows the deployer's token. `kserve`: whether it is there."""

    rules: list[dict[str, Any]]
    kserve: bool = True
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    applied: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    proxied: Callable[[str, dict[str, Any]], tuple[int, dict[str, Any]]] | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    """Statuses that the next requests get in place of an answer."""
    address: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def api(self, token: str) -> Api:
        return Api(self.address, urllib3.PoolManager(), lambda: f"Bearer {token}", patience=2.0, sleep=lambda _: None)

    def answer(self, method: str, target: str, body: dict[str, Any] | None, *, all_rights: bool) -> tuple[int, Any]:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append((method, parts.path))
        if self.failures:
            return self.failures.pop(0), {"message": "etcdserver: leader changed"}
        if parts.path == "/apis/serving.kserve.io/v1beta1":
            return (200, {"kind": "APIResourceList"}) if self.kserve else _status(404, "the server could not find it")
        found = _PATH.fullmatch(parts.path)
        if found is None or (found["group"] == "serving.kserve.io" and not self.kserve):
            return _status(404, "the server could not find the requested resource")
        resource = found["plural"] + (f"/{found['below']}" if found["below"] else "")
        if not all_rights and not self._may(method, found["group"] or "", resource, found["name"]):
            return _status(403, f'cannot {method.lower()} resource "{resource}" in API group "{found["group"] or ""}"')
        if found["below"] == "proxy":
            assert self.proxied is not None
            return self.proxied(found["rest"] or "", body or {})
        path = parts.path.removesuffix("/status")
        if method == "GET" and not found["name"]:
            return 200, {"items": [each for key, each in self.objects.items() if key.startswith(f"{path}/")]}
        if method == "GET":
            return (200, self.objects[path]) if path in self.objects else _status(404, f"{found['name']} not found")
        if method == "DELETE":
            for key in [key for key in self.applied if key[0] == path]:
                del self.applied[key]
            return (200, {}) if self.objects.pop(path, None) else _status(404, f"{found['name']} not found")
        assert body is not None
        if "fieldManager" in query:
            return self._apply(path, body, query)
        if path not in self.objects:
            return _status(404, f"{found['name']} not found")
        _merge(self.objects[path], body)
        return 200, self.objects[path]

    def _may(self, method: str, group: str, resource: str, name: str | None) -> bool:
        verb = _VERBS.get(method) or ("get" if name else "list")
        return any(
            group in rule["apiGroups"]
            and resource in rule["resources"]
            and verb in rule["verbs"]
            and ("resourceNames" not in rule or name in rule["resourceNames"])
            for rule in self.rules
        )

    def _apply(self, path: str, document: dict[str, Any], query: dict[str, str]) -> tuple[int, Any]:
        try:
            _check(json.dumps(document))
        except ValueError as error:
            # So does the real one, with this status.
            return _status(500, f"failed to create typed patch object: {error}")
        manager = query["fieldManager"]
        live = copy.deepcopy(self.objects.get(path, {"metadata": {"generation": 0}}))
        for (where, other), theirs in self.applied.items():
            if where == path and other != manager and (contested := _contested(document, theirs)):
                return _status(409, f'Apply failed with 1 conflict: conflict with "{other}": .{contested}')
        before = copy.deepcopy(live.get("spec"))
        _withdraw(live, self.applied.get((path, manager), {}), document)
        _merge(live, copy.deepcopy(document))
        if live.get("spec") != before:
            live["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1
        if "dryRun" not in query:
            self.objects[path] = live
            self.applied[path, manager] = copy.deepcopy(document)
        return 200, live


@cache
def _check(document: str) -> None:
    """Each text once: a tenth of a second, a hundred times."""
    kinds.check(json.loads(document))


def _status(code: int, message: str) -> tuple[int, dict[str, Any]]:
    return code, {"kind": "Status", "status": "Failure", "code": code, "message": message}


def _merge(live: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name, value in wanted.items():
        if value is None:
            live.pop(name, None)
        elif isinstance(value, dict):
            if not isinstance(live.get(name), dict):
                live[name] = {}
            _merge(live[name], value)
        else:
            live[name] = value


def _withdraw(live: dict[str, Any], before: dict[str, Any], now: dict[str, Any]) -> None:
    """Remove what a manager set before and does not name now."""
    for name, value in before.items():
        if name not in now:
            live.pop(name, None)
        elif isinstance(value, dict) and isinstance(live.get(name), dict) and isinstance(now[name], dict):
            _withdraw(live[name], value, now[name])


def _contested(wanted: dict[str, Any], theirs: dict[str, Any]) -> str:
    for name, value in wanted.items():
        if name in theirs and name not in ("apiVersion", "kind", "name", "namespace"):
            if isinstance(value, dict) and isinstance(theirs[name], dict):
                if below := _contested(value, theirs[name]):
                    return f"{name}.{below}"
            elif value != theirs[name]:
                return name
    return ""


@contextmanager
def running(standin: StandIn, admin: str) -> Iterator[StandIn]:
    """Answer requests on the loopback; whoever shows the administrator's token may do all."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else each answer waits 40 ms for an acknowledgement.
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            with standin.lock:
                all_rights = self.headers.get("Authorization") == f"Bearer {admin}"
                status, document = standin.answer(self.command, self.path, body, all_rights=all_rights)
                data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PATCH = do_DELETE = do_POST = _answer  # noqa: N815 - names of http.server

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    standin.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield standin
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
