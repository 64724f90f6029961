"""What reads bytes of others: each target with sound bytes of its kind, and how it is given them.

A target ends, or raises what `netanomaly.errors` has for a person; anything else is a finding.
"""

import contextlib
import gzip
import io
import json
import lzma
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.command import ROOT

_HEADER = b"HTTP/1.1 200 OK\r\n"


@dataclass(frozen=True)
class Target:
    """`seeds` are sound; `run` is given a mutant of one of them."""

    name: str
    seeds: Callable[[], list[bytes]]
    run: Callable[[bytes], object]


def _csv() -> list[bytes]:
    rows = "".join(
        f"2024-05-01T00:00:{n % 60:02}Z,{n * 7 % 50},{n / 3:.2f},{'tcp' if n % 3 else 'udp'},{'scan' if n % 5 == 0 else 'normal'}\n"
        for n in range(60)
    )
    plain = f"ts,bytes,rate,proto,label\n{rows}".encode()
    return [
        plain,
        plain.replace(b",", b";"),
        plain.replace(b"\n", b"\r\n").replace(b"tcp", b'"t,cp"'),
        b"bytes,bytes,label\n1,1,normal\n2,2,scan\n",
        b"1,tcp,0\n2,udp,1\n",
        b"# bytes proto label\n1 tcp normal\n2  udp scan\n",
    ]


def _compressed() -> list[bytes]:
    import bz2

    import pyarrow as pa

    plain = _csv()[0]
    return [
        gzip.compress(plain),
        lzma.compress(plain),
        bz2.compress(plain),
        pa.Codec("zstd").compress(plain, asbytes=True),
    ]


def _parquet() -> list[bytes]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 300
    random = np.random.default_rng(1)
    table = pa.table(
        {
            "bytes": random.integers(0, 99, rows),
            "rate": pa.array(random.random(rows), mask=random.random(rows) < 0.1),
            "proto": random.choice(["tcp", "udp", "icmp"], rows),
            "flag": random.random(rows) < 0.5,
            "ts": pa.array(random.integers(1_700_000_000, 1_800_000_000, rows), pa.timestamp("s", "UTC")),
            "label": random.choice(["normal", "scan"], rows),
        }
    )
    found = []
    for options in (
        {},
        {"compression": "zstd", "data_page_version": "2.0"},
        {"compression": "gzip", "use_dictionary": False},
    ):
        sink = io.BytesIO()
        pq.write_table(table, sink, row_group_size=100, **options)
        found.append(sink.getvalue())
    return found


def _read(suffix: str) -> Callable[[bytes], object]:
    def run(data: bytes) -> None:
        from netanomaly.config import CsvFormat
        from netanomaly.flows import reader, sources
        from netanomaly.flows.deciding import Contradiction
        from netanomaly.flows.layout import Selection

        with _file(data, suffix) as path:
            files, wishes = sources.resolve([str(path)]), Selection()
            first = reader.Reader(files, CsvFormat(), wishes)
            try:
                for _ in first.batches():
                    pass
            except Contradiction:
                decided = first.survey()
                for _ in reader.Reader(files, CsvFormat(), wishes, decisions=decided).batches():
                    pass

    return run


def _configurations() -> list[bytes]:
    full = {
        "model_name": "m", "data_source": ["a.csv", "s3://b/c"], "model_type": "isolation_forest", "alert_budget": 0.01,
        "isolation_forest_params": {"n_estimators": 10}, "csv": {"columns": ["a", "b"], "delimiter": ";"},
        "validation": {"ranges": {"a": [0, 1]}}, "gates": {"min_roc_auc": 0.5}, "aliases": ["staging"], "registry": "r",
    }  # fmt: skip
    return [json.dumps(full).encode(), *(path.read_bytes() for path in sorted((ROOT / "configs").glob("*.json"))[:3])]


def _configure(data: bytes) -> None:
    from netanomaly import config

    with _file(data, ".json") as path:
        config.parse(config.override(config.read(path), ["alert_budget=0.02"]))


def _executor_inputs() -> list[bytes]:
    def artifact(name: str) -> dict[str, Any]:
        metadata = {"digest": "sha256:0", "bytes": 1}
        return {
            "artifacts": [{"name": name, "uri": f"/nowhere/{name}", "type": {"schemaTitle": "x"}, "metadata": metadata}]
        }

    document = {
        "inputs": {
            "parameterValues": {
                "settings": {"registry": "r", "model_name": "m", "run_id": "1", "aliases": []},
                "task_name": "t",
            },
            "artifacts": {name: artifact(name) for name in ("model", "dossier", "configuration", "report")},
        },
        "outputs": {
            "artifacts": {"registration": artifact("registration")},
            "parameters": {"version": {"outputFile": "/nowhere/v"}},
            "outputFile": "/nowhere/o",
        },
    }
    return [json.dumps(document).encode()]


def _execute(data: bytes) -> None:
    from netanomaly import stage_io
    from netanomaly.stages.register.settings import Settings

    task = stage_io.Stage(stage_io._load(data.decode("utf-8", "surrogateescape")))
    for call in (
        lambda: task.settings(Settings),
        lambda: task.parameter("task_name"),
        lambda: task.input_json("dossier"),
        lambda: task.input("model"),
    ):
        with contextlib.suppress(OSError):
            _ours(call)


def _ours(call: Callable[[], object]) -> None:
    from netanomaly.errors import NetanomalyError

    with contextlib.suppress(NetanomalyError):
        call()


def _dossiers() -> list[bytes]:
    from tests.unit import report_documents as run

    return [
        json.dumps(
            {**run.documents(), "ingest": {"training": run.ingest_report(), "evaluation": run.ingest_report("test")}}
        ).encode()
    ]


def _report(data: bytes) -> None:
    """Pages are made of documents as they come: of any shape."""
    from netanomaly import json_input
    from netanomaly.errors import InputError
    from netanomaly.report import data_page, evaluation_page

    try:
        document = json_input.parse(data)
    except ValueError as error:
        raise InputError(str(error)) from None
    if not isinstance(document, dict):
        return
    parts = {
        name: part if isinstance(part := document.get(name), dict) else {}
        for name in (
            "evaluation",
            "validation",
            "training",
            "training_data",
            "evaluation_data",
            "configuration",
            "provenance",
        )
    }
    evaluation_page(**parts)
    data_page(
        validation=parts["validation"], training_data=parts["training_data"], evaluation_data=parts["evaluation_data"]
    )


def _kfp_answers() -> list[bytes]:
    task = {
        "display_name": "register",
        "state": "SUCCEEDED",
        "start_time": "2024-05-01T00:00:00Z",
        "end_time": "2024-05-01T00:01:00Z",
        "child_tasks": [{"pod_name": "p"}],
    }
    documents: list[dict[str, Any]] = [
        {
            "run_id": "1",
            "state": "FAILED",
            "run_details": {"task_details": [task, {**task, "display_name": "executor"}]},
            "error": {"message": "m"},
        },
        {"runs": [{"run_id": "1"}], "next_page_token": "t", "total_size": 1},
        {
            "recurringRuns": [
                {
                    "recurring_run_id": "1",
                    "display_name": "d",
                    "status": "ENABLED",
                    "trigger": {"cron_schedule": {"cron": "0 0 3 * * *"}},
                    "pipeline_version_reference": {"pipeline_id": "p"},
                    "description": "netanomaly schedule: 0 3 * * * in UTC; content abc",
                }
            ]
        },
        {
            "pipelines": [{"pipeline_id": "p"}],
            "pipeline_versions": [{"pipeline_version_id": "v"}],
            "experiments": [{"experiment_id": "e", "storage_state": "AVAILABLE"}],
        },
        {"code": 5, "message": "ResourceNotFoundError: no", "details": [{"message": "x"}], "error_message": "y"},
    ]
    return [
        *(json.dumps(document).encode() for document in documents),
        b"<html><head><title>Log in</title></head></html>",
        b'I0501 10:00:00.123456       1 launcher.go:1] executing\nresult: {"version": 1}\nF0501 10:00:01.000000       1 main.go:1] failed to execute component: exit status 2\n',
    ]


def _answer(data: bytes) -> None:
    from netanomaly.cluster import experiments, logs, pipelines, scheduling
    from netanomaly.cluster.server import Server
    from netanomaly.cluster.stages import RunView

    package = pipelines.Package("text", "netanomaly-training", {"register": "Register"}, frozenset())
    for status in (200, 500):
        server = object.__new__(Server)
        server.host = "http://server"
        server._send = lambda *_, status=status: (status, {}, data)  # type: ignore[method-assign]
        for call in (
            lambda server=server: RunView.of(server.get("/run"), {"register": "Register"}).stages(),
            lambda server=server: pipelines.upload(server, package, ""),
            lambda server=server: experiments.find(server, "x", ""),
            lambda server=server: [scheduling.Recurring.of(each) for each in server.each("/r", "recurringRuns")],
        ):
            _ours(call)
    logs.parse(data.decode("utf-8", "replace"), "1")


def _s3_answers() -> list[bytes]:
    listing = b"""<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix>
<KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>
<Contents><Key>in/a.csv</Key><LastModified>2024-05-01T00:00:00.000Z</LastModified><ETag>"x"</ETag><Size>3</Size></Contents>
<Contents><Key>in/b.parquet</Key><LastModified>2024-05-01T00:00:00.000Z</LastModified><ETag>"y"</ETag><Size>5</Size></Contents>
</ListBucketResult>"""
    error = (
        b"<Error><Code>AccessDenied</Code><Message>No</Message><Resource>/b</Resource><RequestId>1</RequestId></Error>"
    )
    return [listing, error]


def _list(data: bytes) -> None:
    import urllib3
    from netanomaly.flows import objects
    from netanomaly.s3 import client

    given = {
        "S3_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "S3_RETRY_SECONDS": "0.001",
    }
    os.environ.update(given)
    status = 403 if b"<Error" in data else 200

    def answer(*_: object, **__: object) -> urllib3.HTTPResponse:
        headers = {"Content-Type": "application/xml"}
        return urllib3.HTTPResponse(body=data, headers=headers, status=status, request_method="GET")

    bucket = objects.Bucket(client.bucket_name("bucket", "s3://bucket"))
    bucket._client._http.urlopen = answer  # type: ignore[method-assign]
    bucket.keys("")
    bucket.find("in/a.csv")


@contextlib.contextmanager
def _file(data: bytes, suffix: str) -> Iterator[Path]:
    path = _folder() / f"fuzzed{suffix}"
    path.write_bytes(data)
    yield path


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="netanomaly-fuzz-"))


TARGETS = {
    target.name: target
    for target in (
        Target("csv", _csv, _read(".csv")),
        Target("compressed", _compressed, _read(".csv")),
        Target("parquet", _parquet, _read(".parquet")),
        Target("configuration", _configurations, _configure),
        Target("executor-input", _executor_inputs, _execute),
        Target("report", _dossiers, _report),
        Target("kfp-answer", _kfp_answers, _answer),
        Target("s3-answer", _s3_answers, _list),
    )
}
