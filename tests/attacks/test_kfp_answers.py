"""What answers in place of a Kubeflow Pipelines server may answer anything: one line, no traceback, bounded memory."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.cluster import access, experiments, logs, pipelines, runs, scheduling
from netanomaly.cluster.server import Server
from netanomaly.cluster.stages import RunView
from netanomaly.errors import NetanomalyError

from tests.attacks.answering import answering
from tests.attacks.hostile import ALL, obeyed
from tests.attacks.measuring import MOST_BYTES, measured
from tests.command import ROOT, netanomaly

NAMES = [
    *("run_id", "run_details", "task_details", "display_name", "state", "error", "message", "pipelines", "pipeline_id"),
    *("pipeline_versions", "pipeline_version_id", "runs", "experiments", "experiment_id", "recurringRuns", "details"),
    *(
        "recurring_run_id",
        "next_page_token",
        "trigger",
        "cron_schedule",
        "multi_user",
        "tag_name",
        "child_tasks",
        "data",
    ),
    *("pod_name", "start_time", "end_time", "pipeline_version_reference", "status", "description", "error_message"),
]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "SUCCEEDED", "FAILED", ALL])
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=6),
    max_leaves=20,
)
WEIRD = {
    "empty object": b"{}",
    "list": b"[]",
    "null": b"null",
    "number": b"7",
    "nothing": b"",
    "page": b"<html><title>" + b" " * 3000 + b"</title>",
    "blank page": b"<html><title" + b" " * 500_000,
    "titles": b"<html>" + b"<title" * 50_000,
    "deep list": b"[" * 200_000 + b"]" * 200_000,
    "deep object": b'{"runs":' * 200_000 + b"{}" + b"}" * 200_000,
    "long number": b'{"run_id": ' + b"9" * 100_000 + b"}",
    "ids that are numbers": json.dumps({"run_id": 5, "runs": [{"run_id": 7}]}).encode(),
    "lists that are objects": json.dumps({"runs": {}, "experiments": {}, "pipelines": "x"}).encode(),
    "page without an end": json.dumps({"next_page_token": "again"}).encode(),
    "not UTF-8": b'{"run_id": "\xff\xfe"}',
    "marks": json.dumps({"message": ALL, "code": 3, "error_message": ALL}).encode(),
}


def every_call(server: Server):
    """What the commands ask a server, one after the other."""
    package = pipelines.Package("text", "netanomaly-training", {"register": "Register"}, frozenset())
    version = pipelines.Version("a", "b", "c", created=False)
    return [
        lambda: pipelines.upload(server, package, ""),
        lambda: experiments.find(server, "x", ""),
        lambda: runs.create(server, "n", "e", version.of_run, {}, seconds_between_looks=0),
        lambda: scheduling.existing(server, "", "p"),
        lambda: server.text("/log"),
    ]


def only_our_errors(call):
    try:
        call()
    except NetanomalyError as error:
        assert error.exit_code in (2, 3)
        assert len(str(error)) < 3000


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("body", WEIRD.values(), ids=WEIRD)
def test_an_odd_answer_is_one_line(body, status):
    with answering(body, status) as address:
        server = Server(address, access._api_client(address, access.Access(address)), 5)
        for call in every_call(server):
            only_our_errors(call)


@settings(max_examples=150, deadline=None)
@given(values)
def test_an_answer_of_any_shape_is_understood_or_refused(document):
    body = json.dumps(document).encode()
    server = object.__new__(Server)
    server.host = "http://server"
    server._send = lambda *_: (200, {}, body)  # type: ignore[method-assign]
    for call in every_call(server):
        only_our_errors(call)
    for call in (
        lambda: RunView.of(server.get("/run"), {"register": "Register"}).stages(),
        lambda: [scheduling.Recurring.of(each) for each in server.each("/r", "recurringRuns")],
        lambda: logs.parse(json.dumps(document, ensure_ascii=False), "id"),
    ):
        only_our_errors(call)


_CONNECT = """
import sys
from netanomaly.cluster.access import Access, connect
from netanomaly.errors import NetanomalyError
try:
    if len(sys.argv) > 1:
        connect(Access(sys.argv[1]))
except NetanomalyError as error:
    print(error)
print(peak())
"""


@pytest.mark.parametrize("kind", ["gibibytes", "compressed", "many values"])
def test_a_large_answer_is_given_up_before_it_takes_memory(kind):
    idle = measured("import kfp, netanomaly.cluster.access\nprint(peak())").peak_bytes
    body, repeat = b"x" * (1 << 20), 2048
    headers: dict[str, str] = {}
    if kind == "compressed":
        body, repeat, headers = gzip.compress(b"0" * (100 << 20)), 1, {"Content_Encoding": "gzip"}
    if kind == "many values":
        body, repeat = b'{"runs": [' + b"[]," * (9 << 20) + b"[]]}", 1
    with answering(body, 200, repeat, **headers) as address:
        found = measured(_CONNECT, address)
    assert not found.stderr
    assert address in found.said
    assert len(found.said.splitlines()) == 1
    assert found.peak_bytes - idle < MOST_BYTES


@pytest.mark.parametrize("body", ["empty object", "marks"])
def test_commands_say_one_line(body):
    with answering(WEIRD[body]) as address:
        for command in (("submit", ROOT / "configs/nsl-kdd.json", "--registry", "s3://bucket/r"), ("upload",)):
            ended = netanomaly(*command, "--host", address, "--json")
            assert ended.code in (2, 3), ended.stderr
            assert "Traceback" not in ended.stderr
            assert not obeyed(ended.stdout + ended.stderr)
            assert ended.last_line.startswith("error: ")
