"""Data sources in a bucket: found, identified, read piece by piece, and refused when they changed."""

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from Crypto.PublicKey import ECC
from netanomaly.config import CsvFormat
from netanomaly.errors import DataError, StoreRefused, StoreUnavailable
from netanomaly.flows import formats, objects, sources
from netanomaly.registry.signing import SIGN_KEY, TRUSTED_KEYS
from netanomaly.stages.ingest.program import ParquetSink, ingest
from netanomaly.stages.ingest.settings import Settings

from tests.command import ROOT, netanomaly
from tests.store import servers
from tests.store.conftest import EVERY_SERVER
from tests.store.fake_server import fake
from tests.store.proxy import proxy
from tests.unit.flows.reading import Read
from tests.warm import netanomaly_warm

CSV = "duration,proto,label\n" + "".join(f"{number},tcp,normal\n" for number in range(300))


@pytest.fixture
def put(bucket):
    """Puts an object below this test's own prefix."""
    client, prefix = servers.client(bucket.server), bucket.uri.partition(f"{servers.BUCKET}/")[2]

    def one(name: str, content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        client.put_object(servers.BUCKET, f"{prefix}/{name}", io.BytesIO(data), len(data))
        return f"{bucket.uri}/{name}"

    return one


def names(*source: str) -> list[str]:
    return [file.name for file in sources.resolve(source).files]


def parquet(rows: int = 3000) -> bytes:
    stream = io.BytesIO()
    table = pa.table({"duration": pa.array(range(rows), pa.float64()), "proto": ["tcp", "udp", "icmp"] * (rows // 3)})
    pq.write_table(table, stream, row_group_size=500)
    return stream.getvalue()


def test_an_object_a_prefix_and_a_glob_are_found_as_files_are(bucket, put):
    for name in (
        "in/b.csv",
        "in/a.csv.gz",
        "in/deep/c.parquet",
        "in/notes.md",
        "in/_SUCCESS",
        "in/.x.csv",
        "in2/d.csv",
    ):
        put(name, "x")
    assert names(f"{bucket.uri}/in/b.csv") == ["b.csv"]
    assert names(f"{bucket.uri}/in") == names(f"{bucket.uri}/in/") == ["a.csv.gz", "b.csv", "deep/c.parquet"]
    assert names(f"{bucket.uri}/in/*.csv") == ["b.csv"]
    assert names(f"{bucket.uri}/in/[ab].csv*") == ["a.csv.gz", "b.csv"]
    assert names(f"{bucket.uri}/in/**/*.parquet") == ["deep/c.parquet"]
    assert names(f"{bucket.uri}/in*/?.csv") == ["in/b.csv", "in2/d.csv"]
    assert names(f"{bucket.uri}/in/b.csv", f"{bucket.uri}/in") == ["b.csv", "a.csv.gz", "deep/c.parquet"]
    put("in/day[1].csv", "x")
    assert names(f"{bucket.uri}/in/day[1].csv") == ["day[1].csv"]


def test_csv_compressed_csv_and_parquet_are_read_as_from_files(bucket, put, tmp_path):
    for name, content in {
        "a.csv": CSV.encode(),
        "a.csv.gz": gzip.compress(CSV.encode()),
        "a.parquet": parquet(),
    }.items():
        (tmp_path / name).write_bytes(content)
        from_bucket, from_file = Read(put(name, content)), Read(tmp_path / name)
        assert from_bucket.rows == from_file.rows
        assert from_bucket.identity.startswith("etag:")
        assert from_bucket.identity == sources.resolve([f"{bucket.uri}/{name}"]).identity()


def test_folders_named_key_value_are_columns(bucket, put):
    for name, rows in {"normal": "1\n2\n", "DoS": "3\n", "__HIVE_DEFAULT_PARTITION__": "4\n"}.items():
        put(f"hive/label={name}/part.csv", b"bytes\n" + rows.encode())
    read = Read(f"{bucket.uri}/hive/")
    assert sorted((row["bytes"], row["label"]) for row in read.rows) == [(1, "normal"), (2, "normal"), (3, "DoS")]
    assert read.dropped == {"record without a label": 1}


def test_parquet_is_read_by_ranges_and_text_in_pieces(bucket, put, monkeypatch):
    monkeypatch.setattr(objects, "_PIECE_BYTES", 2000)
    monkeypatch.setattr(formats, "PEEK_BYTES", 500)
    sizes = []
    real = objects.Bucket.piece

    def counted(self, file, start, length):
        sizes.append(length)
        return real(self, file, start, length)

    monkeypatch.setattr(objects.Bucket, "piece", counted)
    content = parquet(rows=30_000)
    assert len(Read(put("a.parquet", content)).rows) == 30_000
    assert max(sizes) < len(content) / 2
    sizes.clear()
    assert len(Read(put("a.csv", CSV), block_bytes=500).rows) == 300
    assert max(sizes) == 2000


def test_the_identity_changes_with_the_object_and_not_with_its_place(bucket, put):
    def identity(*source: str) -> str:
        return sources.resolve(source).identity()

    first = identity(put("a.csv", CSV))
    assert identity(put("copy.csv", CSV)) == first
    assert identity(put("a.csv", CSV + "1,udp,normal\n")) != first
    put("folder/a.csv", CSV)
    several = identity(f"{bucket.uri}/folder", f"{bucket.uri}/copy.csv")
    assert several.startswith("sha256:")
    put("folder/a.csv", "changed")
    assert identity(f"{bucket.uri}/folder", f"{bucket.uri}/copy.csv") != several


def ingested(uri: str, identity: str, folder) -> dict:
    sinks = []

    def open_sink(contract):
        sinks.append(ParquetSink(folder / "flows.parquet", contract))
        return sinks[0]

    settings = Settings([uri], identity, "all", None, CsvFormat(), "label", [], [], [], [], "", 1)
    return ingest(settings, open_sink, lambda rows: None)


def test_an_object_that_changed_since_the_run_was_prepared_is_refused_unread(bucket, put, tmp_path):
    uri = put("a.csv", CSV)
    identity = sources.resolve([uri]).identity()
    assert ingested(uri, identity, tmp_path)["identity"] == identity
    put("a.csv", CSV + "1,udp,normal\n")
    with pytest.raises(DataError, match="changed while the pipeline ran"):
        ingested(uri, identity, tmp_path / "absent")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_object_that_changes_while_it_is_read_is_refused(bucket, put, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(objects, "_PIECE_BYTES", 1000)
    content = CSV.encode() if kind == "csv" else parquet()
    uri = put(f"a.{kind}", content)
    identity = sources.resolve([uri]).identity()
    real, asked = objects.Bucket.piece, []

    def change(self, file, start, length):
        asked.append(start)
        if len(asked) == 3:
            put(f"a.{kind}", content + b"more")
        return real(self, file, start, length)

    monkeypatch.setattr(objects.Bucket, "piece", change)
    with pytest.raises(DataError, match="changed while it was read"):
        Read(uri)
    put(f"a.{kind}", content)
    asked.clear()
    with pytest.raises(DataError, match="changed while the pipeline ran"):
        ingested(uri, identity, tmp_path)


@pytest.mark.parametrize("fault", ["drop before", "cut body", "503 before", "answer too late"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_is_cut_off_is_asked_for_again(bucket, put, monkeypatch, fault, kind):
    monkeypatch.setattr(objects, "_PIECE_BYTES", 1500)
    content = CSV.encode() if kind == "csv" else parquet()
    uri = put(f"a.{kind}", content)
    expected = Read(uri).rows
    with proxy(bucket.server.port) as between:
        monkeypatch.setenv("S3_ENDPOINT_URL", between.url)
        monkeypatch.setenv("S3_READ_SECONDS", "0.4")
        between.late_seconds = 0.6
        for at in (0, 1, 3):
            between.plan(at, fault)
            assert Read(uri).rows == expected
            assert len(between.seen) > at


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_outage_that_lasts_ends_with_exit_code_3(bucket, put, monkeypatch, kind):
    monkeypatch.setattr(objects, "_PIECE_BYTES", 1500)
    uri = put(f"a.{kind}", CSV if kind == "csv" else parquet())
    with proxy(bucket.server.port) as between:
        monkeypatch.setenv("S3_ENDPOINT_URL", between.url)
        monkeypatch.setenv("S3_RETRY_SECONDS", "0.3")

        def down(index: int) -> None:
            if index >= 2:
                raise OSError

        between.before = down
        with pytest.raises(StoreUnavailable, match="did not finish its answer") as told:
            Read(uri)
    assert told.value.exit_code == 3


def test_what_is_not_there_is_told_with_the_way_out(bucket, put):
    put("other/notes.md", "x")
    for uri, message in {
        f"{bucket.uri}/absent.csv": "does not exist: no such object, and none below it",
        f"{bucket.uri}/empty/": "does not exist",
        f"{bucket.uri}/other": "holds no data file \\(it holds 'notes.md'\\)",
        f"{bucket.uri}/*.csv": "matches no object",
    }.items():
        with pytest.raises(DataError, match=message):
            sources.resolve([uri])
    with pytest.raises(StoreRefused, match=r"does not exist at .*create it, or correct the URI"):
        sources.resolve(["s3://no-such-bucket-here/a.csv"])
    with pytest.raises(Exception, match="names no bucket"):
        sources.resolve(["s3://B/a.csv"])


def test_no_right_to_read_is_told(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with fake(answer=(403, "AccessDenied", "no")) as server:
        monkeypatch.setenv("S3_ENDPOINT_URL", server.url)
        with pytest.raises(StoreRefused, match=r"the credentials may not read s3://bucket/a\.csv"):
            sources.resolve(["s3://bucket/a.csv"])


@pytest.mark.parametrize("bucket", EVERY_SERVER[-1:], indirect=True)
def test_the_whole_pipeline_runs_from_a_bucket_into_a_registry_in_a_bucket(bucket, put, tmp_path, monkeypatch):
    """Signed, and the champion believed by its signature in the second run. No file of a run holds the key."""
    data = ROOT / "configs/data/ml_training_data"
    config = {
        "model_name": "from_a_bucket",
        "model_type": "isolation_forest",
        "data_source": put("training.csv", (data / "sample_training_data.csv").read_bytes()),
        "evaluation_data_source": put("evaluation.csv", (data / "sample_evaluation_data.csv").read_bytes()),
        "registry": f"{bucket.uri}/registry",
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    key = ECC.generate(curve="ed25519")
    private = key.export_key(format="PEM")
    monkeypatch.setenv(SIGN_KEY, private)
    monkeypatch.setenv(TRUSTED_KEYS, key.public_key().export_key(format="PEM"))
    for number, command in ((1, netanomaly), (2, netanomaly_warm)):
        ran = command("run", tmp_path / "config.json", "--workdir", tmp_path / "runs", "--json")
        assert (ran.code, ran.json["version"]) == (0, number), ran.stderr
    record = netanomaly("registry", "show", "from_a_bucket:2", "--registry", config["registry"], "--json").json
    assert record["metadata"]["data"]["training"]["identity"].startswith("etag:")
    assert record["signature"]
    secret = private.splitlines()[1].encode()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and secret in path.read_bytes()]
