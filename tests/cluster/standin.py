"""A stand-in of the Kubeflow Pipelines 2.17 HTTP API: routes, fields, states and errors as recorded from a real server.

`test_standin.py` puts every recorded request to it. What goes wrong on the way is in `standin_http.py`.
"""

import base64
import json
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from tests.cluster.faults import Fault
from tests.cluster.standin_runs import NEVER, Fate, Run, waves

API = "/apis/v2beta1"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TRACE = "\ngithub.com/kubeflow/pipelines/backend/src/apiserver/server"


class Answer(Exception):
    """An answer other than the usual one."""

    def __init__(self, status: int, document: dict | None) -> None:
        self.status, self.document = status, document


@dataclass
class StandIn:
    url: str = ""
    """The address that is given out: the API's, or that of the UI's server before it."""
    multi_user: bool = False
    tag_name: str = "unknown"
    policy: str = "OnError"
    """What stock 2.17.0 has for every task in `workflow-controller-configmap`; "" is what older ones have: nothing."""
    archives_logs: bool = True
    token: str | None = None
    cookie: str | None = None
    fates: dict[str, Fate] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path and headers of every request that came."""
    experiments: dict[str, dict] = field(default_factory=dict)
    pipelines: dict[str, dict] = field(default_factory=dict)
    versions: dict[str, dict] = field(default_factory=dict)
    specs: dict[str, dict] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    recurring: dict[str, dict] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.RLock)
    stepping: bool = True
    on_run: Callable[[Run], Any] = lambda _: None
    """Called with a run that is looked at, before the answer."""
    on_list: Callable[[], Any] = lambda: None
    """Called before runs are listed."""

    def __post_init__(self) -> None:
        about = "All runs created without specifying an experiment will be grouped here."
        self.create_experiment({}, {"display_name": "Default", "description": about})

    def requests(self, method: str, path: str) -> int:
        """How many requests came."""
        return sum(1 for asked, where, _ in self.seen if asked == method and re.search(path, where))

    # Experiments.

    def create_experiment(self, query: dict, body: dict) -> dict:
        if self.multi_user and not body.get("namespace") and body["display_name"] != "Default":
            raise error(400, 3, "Failed to create a experiment: Invalid input error: ", "Namespace cannot be empty")
        name = body["display_name"]
        if any(item["display_name"] == name for item in self.experiments.values()):
            text = f"Failed to create a new experiment. The name {name} already exists. Please specify a new name"
            raise error(409, 6, "Failed to create a experiment: Already exist error: ", text)
        made = {"experiment_id": str(uuid.uuid4()), "display_name": name}
        made |= {key: body[key] for key in ("description", "namespace") if key in body}
        made |= {"created_at": now(), "storage_state": "AVAILABLE", "last_run_created_at": NEVER}
        self.experiments[made["experiment_id"]] = made
        return made

    def list_experiments(self, query: dict, body: dict) -> dict:
        return page(query, "experiments", list(self.experiments.values()), ("display_name", "name"))

    def get_experiment(self, query: dict, body: dict, key: str) -> dict:
        if key not in self.experiments:
            text = f"Experiment {key} not found"
            raise error(404, 5, "Failed to fetch experiment: ResourceNotFoundError: ", text)
        return self.experiments[key]

    def delete_experiment(self, query: dict, body: dict, key: str) -> dict:
        del self.experiments[key]
        return {}

    # Pipelines and their versions.

    def upload_pipeline(self, query: dict, body: dict) -> dict:
        spec, name = self._spec(body), query["name"]
        if any(item["name"] == name for item in self.pipelines.values()):
            raise upload_error(409, "Failed to create a pipeline and a pipeline version")
        made = {"pipeline_id": str(uuid.uuid4()), "display_name": query.get("display_name", name), "name": name}
        made["created_at"] = now()
        self.pipelines[made["pipeline_id"]] = made
        self._version(made["pipeline_id"], name, spec)
        return made

    def upload_version(self, query: dict, body: dict) -> dict:
        spec, name, pipeline_id = self._spec(body), query["name"], query["pipelineid"]
        if any((v["pipeline_id"], v["name"]) == (pipeline_id, name) for v in self.versions.values()):
            raise upload_error(409, "Failed to create a pipeline version")
        return self._version(pipeline_id, name, spec)

    def _spec(self, body: dict) -> dict:
        try:
            spec = next(yaml.load_all(body["uploadfile"], _LOADER))
            spec["root"]["dag"]["tasks"]
        except (KeyError, TypeError, yaml.YAMLError):
            raise upload_error(400, "unknown template format") from None
        return spec

    def _version(self, pipeline_id: str, name: str, spec: dict) -> dict:
        made = {"pipeline_id": pipeline_id, "pipeline_version_id": str(uuid.uuid4()), "display_name": name}
        made |= {"name": name, "created_at": now(), "pipeline_spec": "<the compiled pipeline as JSON>"}
        self.versions[made["pipeline_version_id"]] = made
        self.specs[made["pipeline_version_id"]] = spec
        return made

    def list_pipelines(self, query: dict, body: dict) -> dict:
        return page(query, "pipelines", list(self.pipelines.values()), ("name", "display_name"))

    def pipeline_by_name(self, query: dict, body: dict, name: str) -> dict:
        return next(item for item in self.pipelines.values() if item["name"] == name)

    def list_versions(self, query: dict, body: dict, key: str) -> dict:
        mine = [item for item in self.versions.values() if item["pipeline_id"] == key]
        return page(query, "pipeline_versions", mine, ("name", "display_name"))

    def delete_pipeline(self, query: dict, body: dict, key: str) -> dict:
        del self.pipelines[key]
        self.versions = {name: item for name, item in self.versions.items() if item["pipeline_id"] != key}
        return {}

    # Runs.

    def create_run(self, query: dict, body: dict) -> dict:
        failed = "Failed to create a new run: "
        if len(body["display_name"]) > 191:
            detail = f"Failed to create a run: InternalServerError: Failed to store run {body['display_name']}"
            raise error(500, 13, failed + detail, "Internal Server Error", wrapped=False)
        spec = body.get("pipeline_spec") or self._referenced(body["pipeline_version_reference"], failed)
        # With a platform's spec beside it, the client sends both in one.
        spec = spec.get("pipeline_spec", spec)
        declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
        invalid = f"{failed}Failed to generate the ExecutionSpec: invalid pipeline job inputs: Invalid input error: "
        given = body.get("runtime_config", {}).get("parameters", {})
        unknown = [name for name in given if name not in declared]
        if unknown:
            raise error(400, 3, invalid, f"parameter(s) provided are not required by pipeline: {', '.join(unknown)}")
        for name, value in given.items():
            kind, word, fits = _KINDS[declared[name]["parameterType"]]
            if not isinstance(value, fits):
                text = (
                    f"input parameter {name} requires type {kind}, but the parameter value is not of {word} value type"
                )
                raise error(400, 3, invalid, text)
        run = self._started(body, spec)
        self.experiments[body["experiment_id"]]["last_run_created_at"] = now()
        return run.document()

    def _started(self, body: dict, spec: dict, recurring: str | None = None) -> Run:
        tasks = spec["root"]["dag"]["tasks"]
        branches = frozenset(key for key in tasks if "condition" in tasks[key].get("triggerPolicy", {}))
        run = Run(body, list(waves(tasks)), dict(self.fates), self.policy, recurring, branches=branches)
        self.runs[run.id] = run
        return run

    def fire(self, key: str) -> Run:
        """The run that a recurring run makes when its time has come."""
        recurring = self.recurring[key]
        spec = self._referenced(recurring["pipeline_version_reference"], "")
        return self._started({**recurring, "display_name": f"{recurring['display_name']}-run"}, spec, key)

    def _referenced(self, reference: dict, failed: str) -> dict:
        key = reference["pipeline_version_id"]
        if key not in self.specs:
            fetch = "Failed to fetch a template due to error retrieving pipeline version: "
            text = (
                f"{failed}InternalServerError: Failed to create a run due to error fetching manifest: {fetch}"
                f"Failed to fetch a pipeline version and its manifest from pipeline version {key}: "
                f"Failed to get a pipeline version with id {key}: "
                f"ResourceNotFoundError: PipelineVersion {key} not found"
            )
            raise error(500, 13, text, "Internal Server Error", wrapped=False)
        return self.specs[key]

    def get_run(self, query: dict, body: dict, key: str) -> dict:
        if key not in self.runs:
            text = f"Run {key} not found"
            raise error(404, 5, f"Failed to get a run: Failed to fetch run {key}: ResourceNotFoundError: ", text)
        if self.stepping:
            self.runs[key].take_step()
        run = self.runs[key]
        self.on_run(run)
        return run.document()

    def list_runs(self, query: dict, body: dict) -> dict:
        self.on_list()
        found = [run.document() for run in self.runs.values()]
        if "experiment_id" in query:
            found = [run for run in found if run["experiment_id"] == query["experiment_id"]]
        if query.get("sort_by", "").endswith("desc"):
            found.reverse()
        return page(query, "runs", found, ("display_name", "name"))

    def terminate_run(self, query: dict, body: dict, key: str) -> dict:
        run = self.runs[key]
        if run.canceled or run.ended:
            failed = "Failed to terminate a run: Invalid input error: "
            raise error(400, 3, failed, f"Failed to terminate a run {key}. Row not found")
        run.canceled = True
        if run.orphan:
            text = f"Failed to terminate a run: workflows.argoproj.io {run.workflow} not found"
            raise error(500, 13, f"InternalServerError: {text}", "Internal Server Error", wrapped=False)
        return {}

    def archive_run(self, query: dict, body: dict, key: str) -> dict:
        return {}

    def delete_run(self, query: dict, body: dict, key: str) -> dict:
        del self.runs[key]
        return {}

    def log(self, query: dict, body: dict, key: str, node: str) -> str:
        found = self.runs[key].logs.get(node)
        if found is not None:
            return found
        # An error, under status 200 and as plain text.
        text = f"BadRequestError: Failed to read logs for run {key}: NoSuchKey: The specified key does not exist."
        return json.dumps({"error_message": text, "error_details": text})

    def archived_log(self, query: dict, body: dict, key: str, node: str) -> dict:
        found = self.runs[key].logs.get(node)
        if found is None or not self.archives_logs:
            text = f"artifact runs/{key}/nodes/{node}/artifacts/main-logs not found"
            raise error(404, 5, "Failed to read artifact: ResourceNotFoundError: ", text)
        return {"data": base64.b64encode(found.encode()).decode()} if found else {}

    # Recurring runs: two of a name are taken without a word.

    def create_recurring(self, query: dict, body: dict) -> dict:
        cron = body.get("trigger", {}).get("cron_schedule", {}).get("cron")
        if cron is not None and len(cron.split()) not in (5, 6):
            text = (
                "Schedule cron is not a supported format(https://godoc.org/github.com/robfig/cron). Error: "
                f"Expected 5 to 6 fields, found {len(cron.split())}: {cron}"
            )
            raise error(400, 3, "Failed to create a recurring run due to conversion error: Invalid input error: ", text)
        made = {"recurring_run_id": str(uuid.uuid4()), "display_name": body["display_name"]}
        kept = ("description", "pipeline_version_reference", "plugins_input")
        made |= {key: body[key] for key in kept if key in body}
        if body.get("runtime_config", {}).get("parameters"):
            made["runtime_config"] = body["runtime_config"]
        made |= {"service_account": "pipeline-runner", "max_concurrency": body["max_concurrency"]}
        made |= {"trigger": body.get("trigger", {}), "mode": body["mode"], "created_at": now(), "updated_at": now()}
        made |= {"status": f"{body['mode']}D", "no_catchup": body["no_catchup"], "namespace": "kubeflow"}
        made["experiment_id"] = body["experiment_id"]
        self.recurring[made["recurring_run_id"]] = made
        return made

    def list_recurring(self, query: dict, body: dict) -> dict:
        found = list(self.recurring.values())
        if "experiment_id" in query:
            found = [item for item in found if item["experiment_id"] == query["experiment_id"]]
        return page(query, "recurringRuns", found, ("display_name", "name"))

    def get_recurring(self, query: dict, body: dict, key: str) -> dict:
        if key not in self.recurring:
            raise error(404, 5, "Failed to fetch a recurring run: ResourceNotFoundError: ", f"Job {key} not found")
        return self.recurring[key]

    def switch_recurring(self, query: dict, body: dict, key: str, verb: str) -> dict:
        self.get_recurring(query, body, key)
        self.recurring[key] |= {"mode": verb.upper(), "status": f"{verb.upper()}D"}
        return {}

    def delete_recurring(self, query: dict, body: dict, key: str) -> dict:
        self.get_recurring(query, body, key)
        del self.recurring[key]
        for run in self.runs.values():
            # Kubernetes deletes the workflow that it owns, and nobody tells the run.
            run.orphan = run.orphan or (run.recurring == key and not run.ended)
        return {}

    def health(self, query: dict, body: dict) -> dict:
        about = {"commit_sha": "unknown", "tag_name": self.tag_name, "multi_user": self.multi_user}
        return about | {"pipeline_store": "database"}

    def answer(self, method: str, target: str, body: dict) -> dict | str:
        """What the server answers, or Answer raised."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        for asked, pattern, handle in _ROUTES:
            found = re.fullmatch(pattern, unquote(parts.path))
            if asked == method and found:
                with self.lock:
                    return getattr(self, handle)(query, body, *found.groups())
        raise Answer(404, {"code": 5, "message": "Not Found"})


_ID = r"([0-9a-f-]{36})"
_ROUTES: list[tuple[str, str, str]] = [
    ("GET", rf"{API}/healthz", "health"),
    ("POST", rf"{API}/experiments", "create_experiment"),
    ("GET", rf"{API}/experiments", "list_experiments"),
    ("GET", rf"{API}/experiments/{_ID}", "get_experiment"),
    ("DELETE", rf"{API}/experiments/{_ID}", "delete_experiment"),
    ("POST", rf"{API}/pipelines/upload", "upload_pipeline"),
    ("POST", rf"{API}/pipelines/upload_version", "upload_version"),
    ("GET", rf"{API}/pipelines", "list_pipelines"),
    ("GET", rf"{API}/pipelines/names/([^/]+)", "pipeline_by_name"),
    ("GET", rf"{API}/pipelines/{_ID}/versions", "list_versions"),
    ("DELETE", rf"{API}/pipelines/{_ID}", "delete_pipeline"),
    ("POST", rf"{API}/runs", "create_run"),
    ("GET", rf"{API}/runs", "list_runs"),
    ("GET", rf"{API}/runs/{_ID}", "get_run"),
    ("DELETE", rf"{API}/runs/{_ID}", "delete_run"),
    ("POST", rf"{API}/runs/{_ID}:terminate", "terminate_run"),
    ("POST", rf"{API}/runs/{_ID}:archive", "archive_run"),
    ("GET", rf"/apis/v1alpha1/runs/{_ID}/nodes/([^/]+)/log", "log"),
    ("GET", rf"{API}/runs/{_ID}/nodes/([^/]+)/artifacts/main-logs:read", "archived_log"),
    ("POST", rf"{API}/recurringruns", "create_recurring"),
    ("GET", rf"{API}/recurringruns", "list_recurring"),
    ("GET", rf"{API}/recurringruns/{_ID}", "get_recurring"),
    ("POST", rf"{API}/recurringruns/{_ID}:(enable|disable)", "switch_recurring"),
    ("DELETE", rf"{API}/recurringruns/{_ID}", "delete_recurring"),
]
_KINDS: dict[str, tuple[str, str, type | tuple[type, ...]]] = {
    "NUMBER_INTEGER": ("double or integer", "number", (int, float)),
    "STRING": ("string", "string", str),
    "STRUCT": ("struct", "struct", dict),
}


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def error(status: int, code: int, before: str, message: str, *, wrapped: bool = True) -> Answer:
    """The shape of errors of all routes but uploads."""
    detail = {"@type": "type.googleapis.com/google.rpc.Status", "code": code, "message": message}
    return Answer(status, {"code": code, "message": before + (message if wrapped else ""), "details": [detail]})


def upload_error(status: int, message: str) -> Answer:
    return Answer(status, {"error_message": message, "error_details": message + _TRACE})


def page(query: dict, name: str, items: list[dict], keys: tuple[str, ...]) -> dict:
    """A page of a list: filtered by EQUALS, in the order of making, with the token of the next page."""
    for predicate in json.loads(query.get("filter", '{"predicates": []}'))["predicates"]:
        # Protocol buffers' JSON has two spellings of a value's name, and of a field's.
        if predicate["operation"] not in ("EQUALS", 1) or predicate["key"] not in keys:
            raise error(400, 3, "Invalid input error: ", f"No such field {predicate['key']}")
        value = predicate.get("string_value", predicate.get("stringValue"))
        items = [item for item in items if item.get(predicate["key"], item["display_name"]) == value]
    size, begin = int(query.get("page_size", 20)), int(query.get("page_token") or 0)
    answer: dict[str, Any] = {name: items[begin : begin + size]} if items else {}
    if items:
        answer["total_size"] = len(items)
    if begin + size < len(items):
        answer["next_page_token"] = str(begin + size)
    return answer
