"""What becomes of requests, in this process: flows in context, folders, the score log, bodies of strangers."""

import json
import os
import random
import struct
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.errors import InputError, ModelError
from netanomaly.flows.flow_file import open_flows
from netanomaly.registry import open_registry
from netanomaly.registry.carried import REGISTERED, carry, open_carried
from netanomaly.registry.errors import WrongDigest
from netanomaly.scoring import scoring
from netanomaly.scoring.settings import Settings
from netanomaly.serving.desk import Asked, Desk
from netanomaly.serving.errors import RequestError
from netanomaly.serving.models import of_folder
from netanomaly.serving.options import Limits
from netanomaly.serving.score_log import ScoreLog, sink_of
from netanomaly.serving.served import Served
from netanomaly.stages.train.program import train

from tests.serving.running import document, stream
from tests.serving.test_protocol import binary, bits
from tests.unit.ingest.test_ingest import Ingested
from tests.unit.test_train import changed
from tests.unit.traffic.reading import read
from tests.unit.traffic.zeek_logs import WEB, as_json

# Drawn anew in a soak: make soak-serve.
MUTATIONS = int(os.environ.get("NETANOMALY_SOAK_MUTATIONS", "150"))


@pytest.fixture
def desk(office) -> Desk:
    made = Desk(Limits())
    made.served = Served(office.models[0], "office", "1", "sha256:0")
    return made


def asked(body: bytes, *, arrow: bool = False, header: str | None = None, **query: str) -> Asked:
    return Asked(body, arrow, arrow, header, query)


def answer(desk: Desk, wanted: Asked):
    assert desk.served is not None
    return desk.answer(desk.served, wanted)


def log_of(flows: int, seed: int) -> str:
    """Zeek's log of some hosts that fetch pages."""
    draw = random.Random(seed)
    lines = []
    for number in range(flows):
        line = list(WEB)
        line[0] = f"{1_700_000_000 + number * 0.7 + draw.random():.6f}"
        line[1] = f"C{number}"
        line[2], line[4] = f"10.0.0.{draw.randrange(1, 9)}", f"192.0.2.{draw.randrange(1, 30)}"
        line[3], line[5] = str(draw.randrange(40000, 60000)), draw.choice(["443", "80", "53", "22"])
        line[8] = f"{draw.expovariate(1):.6f}"
        line[16], line[18] = str(draw.randrange(60, 3000)), str(draw.randrange(60, 90000))
        line[11] = draw.choice(["SF", "SF", "S0", "REJ"])
        lines.append(line)
    return as_json(*lines)


@pytest.fixture(scope="module")
def sensor(tmp_path_factory):
    """A model of Zeek's flows in context; another day's log, its flow table, and the scores that `score` gives it."""
    folder = tmp_path_factory.mktemp("sensor")
    (folder / "training.log").write_text(log_of(1500, 1))
    (folder / "today.log").write_text(log_of(400, 2))
    done = Ingested(folder, folder / "training.log")
    model = train(open_flows(done.path), changed(label_column="", model_parameters={"n_estimators": 20})).model
    (folder / "out").mkdir()
    named = {"name": "zeek", "version": 1, "digest": "sha256:0"}
    scoring.score(model, named, Settings([str(folder / "today.log")]), folder / "out")
    flows, _ = read(folder / "today.log")
    return model, flows, pq.read_table(folder / "out" / scoring.SCORES)


@pytest.mark.parametrize("cut", [400, 37])
def test_flows_sent_in_order_are_scored_as_the_log_is(sensor, cut):
    """Context is what this server was sent before, however it is cut into requests."""
    model, flows, scores = sensor
    assert "src_flows_120s" in model.schema.features
    desk = Desk(Limits())
    desk.served = Served(model, "zeek", "1", "sha256:0")
    columns = [name for name in flows.column_names if name not in ("file", "line", "uid", "label", "state")]
    got = [
        answer(desk, asked(stream(flows.select(columns).slice(start, cut)), arrow=True)).answer.scores
        for start in range(0, flows.num_rows, cut)
    ]
    assert bits(np.concatenate(got)) == bits(scores["score"])


def test_flows_need_their_own_columns_or_the_features(sensor):
    model, flows, _ = sensor
    desk = Desk(Limits())
    desk.served = Served(model, "zeek", "1", "sha256:0")
    with pytest.raises(RequestError, match="start_time, protocol are absent"):
        answer(desk, asked(stream(flows.select(["src_ip", "dst_ip", "bytes_out"])), arrow=True))
    wrong = flows.select(["start_time", "src_ip", "dst_ip", "protocol"]).append_column("outcome", pa.array(["x"] * 400))
    with pytest.raises(RequestError, match="column 'outcome' holds 'x'"):
        answer(desk, asked(stream(wrong), arrow=True))
    negative = flows.select(["start_time", "src_ip", "dst_ip", "protocol"]).append_column(
        "bytes_out", pa.array([-1] * 400)
    )
    with pytest.raises(RequestError, match="400 rows: bytes_out over 9e15 or negative; correct them"):
        answer(desk, asked(stream(negative), arrow=True))


def test_columns_of_flows_are_answered_or_refused_whatever_they_hold(sensor):
    """Never anything else: what is not a RequestError would be a 500."""
    model, flows, _ = sensor
    desk = Desk(Limits())
    desk.served = Served(model, "zeek", "1", "sha256:0")
    plain = flows.slice(0, 1).select(
        [name for name in flows.column_names if name not in ("file", "line", "uid", "label", "state")]
    )
    values = [
        pa.array([None]), pa.array([True]), pa.array([-1]), pa.array([2**63 - 1]), pa.array([2**64 - 1], pa.uint64()),
        pa.array([0.5]), pa.array([1e300]), pa.array([float("nan")]), pa.array([float("-inf")]), pa.array([0.1], pa.float16()),
        pa.array(["80"]), pa.array(["http"]), pa.array([""]), pa.array(["1e999"]), pa.array(["\x1b[31m"]), pa.array(["9" * 5000]),
        pa.array(["80"], pa.string_view()), pa.array(["80"]).dictionary_encode(), pa.array([0], pa.timestamp("ns")),
        pa.array([0], pa.date32()), pa.array([0], pa.time64("us")), pa.array([0], pa.duration("s")),
    ]  # fmt: skip
    for name in plain.column_names:
        for value in values:
            given = plain.set_column(plain.schema.get_field_index(name), name, value)
            try:
                answer(desk, asked(stream(given), arrow=True))
            except RequestError as error:
                assert 400 <= error.status < 500
    ports = plain.set_column(plain.schema.get_field_index("dst_port"), "dst_port", pa.array(["http"]))
    with pytest.raises(RequestError, match="row 1: column 'dst_port' holds numbers, and here 'http'"):
        answer(desk, asked(stream(ports), arrow=True))


def test_a_folder_carries_a_version_that_is_verified_again(office, tmp_path):
    version, paths = carry(open_registry(office.uri), "office@champion", tmp_path / "model")
    assert (version.number, [path.name for path in paths]) == (1, ["model.joblib"])
    served = of_folder(tmp_path / "model", "renamed").newer()
    assert served is not None
    assert (served.name, served.version, served.digest) == (
        "renamed",
        "1",
        f"sha256:{version.record.artifact.sha256}",
    )
    table = office.rows()
    assert bits(served.model.score(table)) == bits(office.models[0].score(table))
    data = paths[0].read_bytes()
    paths[0].write_bytes(data[:-1] + b"?")
    with pytest.raises(WrongDigest):
        of_folder(tmp_path / "model").newer()
    paths[0].write_bytes(data)
    registered = json.loads((tmp_path / "model" / REGISTERED).read_text())
    record = next(key for key in registered["documents"] if "/records/" in key)
    registered["documents"][record] = registered["documents"][record].replace("office", "0ffice")
    (tmp_path / "model" / REGISTERED).write_text(json.dumps(registered))
    with pytest.raises(InputError, match="altered"):
        of_folder(tmp_path / "model").newer()


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[" * 1000, b'{"format": 9, "registry": "", "reference": "a", "documents": {}, "files": {}}'],
)
def test_a_folder_whose_word_cannot_be_read_is_refused(tmp_path, content):
    (tmp_path / REGISTERED).write_bytes(content)
    with pytest.raises(ModelError, match=r"registered\.json"):
        open_carried(tmp_path)
    with pytest.raises(InputError, match="netanomaly registry download"):
        open_carried(tmp_path / "nowhere")


def test_a_folder_leads_nowhere_else(office, tmp_path):
    _, paths = carry(open_registry(office.uri), "office:1", tmp_path / "model")
    paths[0].rename(tmp_path / "outside.joblib")
    registered = json.loads((tmp_path / "model" / REGISTERED).read_text())
    registered["files"] = dict.fromkeys(registered["files"], "../outside.joblib")
    (tmp_path / "model" / REGISTERED).write_text(json.dumps(registered))
    with pytest.raises(ModelError, match="is gone"):
        of_folder(tmp_path / "model").newer()


def test_rows_of_the_score_log_hold_columns_of_the_model_and_nothing_else(desk, office, tmp_path):
    log = ScoreLog(sink_of(str(tmp_path / "log")), 1.0)
    table = office.rows(30).append_column("src_ip", pa.array(["10.0.0.1"] * 33))
    done = answer(desk, asked(stream(table), arrow=True))
    log.hear(done)
    log.close()
    (path,) = (tmp_path / "log").glob("*.parquet")
    written = pq.read_table(path)
    features = list(office.models[0].schema.features)
    assert written.column_names == ["time", "version", "score", "tail_probability", "alert", *features]
    assert bits(written["score"]) == bits(done.answer.scores)
    assert bits(office.models[0].score(written)) == bits(done.answer.scores)
    assert (log.kept, log.written, log.lost) == (33, 33, 0)


def test_a_score_log_that_cannot_be_written_holds_so_much_and_loses_the_rest(desk, office, capsys):
    class Full:
        attempts = threading.Semaphore(0)

        def put_new(self, key: str, data: bytes) -> None:
            self.attempts.release()
            raise OSError(28, "No space left on device")

    sink = Full()
    log = ScoreLog(sink, 1.0, seconds=0.01)
    done = answer(desk, asked(stream(office.rows(900)), arrow=True))
    for _ in range(60):
        log.hear(done)
    assert log.kept <= 50_000
    assert log.lost == 60 * done.rows - log.kept
    assert sink.attempts.acquire(timeout=10)
    log.close()
    assert capsys.readouterr().err.count("scored rows are not written") == 1


def test_a_wish_in_the_address_of_json_is_not_passed_over(desk, office):
    body = json.dumps(document(office.rows(2))).encode()
    with pytest.raises(RequestError, match='in JSON it is "parameters"'):
        answer(desk, asked(body, explain="3"))
    answer(desk, asked(body, trace="abc"))


@pytest.mark.parametrize("form", ["json", "binary", "arrow"])
def test_bodies_of_strangers_are_answered_or_refused(desk, office, form):
    """Never anything else: what is not a RequestError would be a 500."""
    table, header = office.rows(5), None
    if form == "json":
        body = json.dumps(document(table, parameters={"explain": 1})).encode()
    elif form == "binary":
        body, header = binary(table)
    else:
        body = stream(table.append_column("words", table["service"].combine_chunks().dictionary_encode()))
    draw = random.Random(form)
    refused = 0
    for _ in range(MUTATIONS):
        try:
            answer(desk, asked(mutated(body, draw), arrow=form == "arrow", header=header))
        except RequestError as error:
            assert 400 <= error.status < 500
            refused += 1
    assert refused


def mutated(body: bytes, draw: random.Random) -> bytes:
    """The body with something of it changed, cut off, doubled or made large."""
    data = bytearray(body)
    for _ in range(draw.choice((1, 1, 2, 5))):
        place = draw.randrange(len(data)) if data else 0
        match draw.randrange(6):
            case 0:
                data[place : place + 1] = bytes([draw.randrange(256)])
            case 1:
                del data[place : place + draw.randrange(1, 40)]
            case 2:
                data[place:place] = data[place : place + draw.randrange(1, 40)]
            case 3:
                del data[place:]
            case 4:
                value = draw.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000))
                data[place : place + 4] = struct.pack("<I", value)
            case _:
                data[place:place] = draw.choice((b"1e999", b"null", b'"', b"[", b"-", b"NaN", b"\xff\xfe", b"1" * 400))
    return bytes(data)
