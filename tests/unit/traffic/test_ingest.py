"""A sensor's log through ingest, training and evaluation, as it is read."""

import random
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from netanomaly.config import CsvFormat
from netanomaly.errors import ConfigError, DataError
from netanomaly.flows import sources
from netanomaly.flows.contract import read_contract
from netanomaly.flows.sensor import refuse_other
from netanomaly.models.model import AnomalyModel
from netanomaly.stages.ingest.program import ParquetSink, ingest
from netanomaly.stages.ingest.settings import Settings, Split
from netanomaly.stages.train import settings as train_settings
from netanomaly.stages.train.program import train
from netanomaly.traffic.feature_list import EVERY, explained, in_short

from tests.unit.traffic import test_clouds, test_suricata
from tests.unit.traffic.test_argus import HEAD, line
from tests.unit.traffic.zeek_logs import FIELDS, SYN, WEB, as_json, tsv


class Ingested:
    """The flow file and the report of a source."""

    def __init__(self, *source: Path, part: str = "all", **wishes: object) -> None:
        out = source[0].parent / f"out-{len(list(source[0].parent.iterdir()))}.flows"
        split = None if part == "all" else Split("auto", 0.3, 0.0, [])
        known: dict = {
            "csv": CsvFormat(), "label_column": "label", "normal_labels": [], "feature_columns": [], "categorical_columns": [],
            "ignore_columns": [], "time_column": "", "random_state": 7, **wishes,
        }  # fmt: skip
        settings = Settings(source=[str(path) for path in source], identity="", part=part, split=split, **known)
        self.report = ingest(settings, lambda contract: ParquetSink(out, contract), lambda _: None)
        self.path = out
        self.table = pq.read_table(out)
        self.contract = read_contract(self.table.schema)


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def traffic(rows: int, label: bool = False, seed: int = 3) -> list[list[str]]:
    """Ordinary connections, and where they are labelled a scan at the end of each hundred."""
    draw = random.Random(seed)
    made = []
    for number in range(rows):
        scan = label and number % 100 >= 95
        record = [f"{1700000000 + number * 3}.{draw.randrange(10**6):06}", f"C{number}", *(SYN if scan else WEB)[2:]]
        record[2] = "10.9.9.9" if scan else f"10.0.0.{draw.randint(1, 9)}"
        record[FIELDS.index("id.resp_p")] = str(draw.randint(1, 30000) if scan else draw.choice([80, 443, 53]))
        record[FIELDS.index("orig_ip_bytes")] = str(60 if scan else draw.randint(300, 3000))
        made.append([*record, "Malicious" if scan else "Benign"] if label else record)
    return made


def test_a_log_becomes_features_with_who_and_when_beside_them(tmp_path):
    found = Ingested(write(tmp_path / "conn.log", tsv(*traffic(50))))
    assert set(found.contract.features) <= set(EVERY)
    assert {"src_destinations_120s", "served_port", "direction"} <= set(found.contract.features)
    assert not {"src_ip", "dst_ip", "src_port", "start_time", "uid"} & set(found.contract.features)
    assert (found.contract.sensor, found.contract.time_column) == ("zeek", "start_time")
    assert {"src_ip", "dst_ip", "src_port", "dst_port", "uid", "netanomaly:file", "netanomaly:record"} <= set(
        found.contract.beside
    )
    first = found.table.slice(0, 1).to_pylist()[0]
    assert (first["netanomaly:file"], first["netanomaly:record"], first["dst_ip"]) == ("conn.log", 9, "192.0.2.7")
    assert found.report["traffic"]["format"] == "zeek-tsv"
    assert found.report["files"][0]["rows"] == 50
    assert found.report["time"]["first"] >= 1700000000


def test_the_identity_is_that_of_the_sources_bytes(tmp_path):
    path = write(tmp_path / "conn.log", tsv(*traffic(5)))
    assert Ingested(path).report["identity"] == sources.resolve([str(path)]).identity()


def test_a_labelled_log_has_its_classes_and_unlabelled_records_are_counted(tmp_path):
    records = [*traffic(20, label=True), [*WEB, "-"]]
    found = Ingested(write(tmp_path / "conn.log.labeled", tsv(*records, fields=[*FIELDS, "label"])))
    assert found.report["labels"] == {"Benign": 20}
    assert found.report["dropped"] == {"record without a label": 1}


def test_parts_are_split_by_time_and_windows_reach_over_the_cut(tmp_path):
    path = write(tmp_path / "conn.log", tsv(*traffic(300)))
    parts = [Ingested(path, part=part) for part in ("training", "evaluation")]
    assert sum(part.table.num_rows for part in parts) == 300
    whole = Ingested(path)
    late = parts[1].table.column("src_flows_120s").to_pylist()
    assert late == whole.table.column("src_flows_120s").to_pylist()[-len(late) :]
    assert late[0] > 0


def test_what_is_wanted_of_the_features(tmp_path):
    path = write(tmp_path / "conn.log", tsv(*traffic(20)))
    assert "src_flows_120s" not in Ingested(path, context=False).contract.features
    assert Ingested(path, feature_columns=["bytes_out", "outcome"]).contract.features == ("bytes_out", "outcome")
    assert "served_port" not in Ingested(path, ignore_columns=["served_port"]).contract.features
    with pytest.raises(ConfigError, match="'bytes_outt' is no feature of flows; did you mean 'bytes_out'"):
        Ingested(path, format="zeek", feature_columns=["bytes_outt"])
    with pytest.raises(DataError, match=r"format is 'suricata', and .* is Zeek conn log"):
        Ingested(path, format="suricata")


def test_a_configuration_that_names_the_files_own_columns_gets_those(tmp_path):
    path = write(tmp_path / "flows.csv", HEAD + "".join(line() for _ in range(5)))
    assert Ingested(path).contract.sensor == "argus"
    table = Ingested(path, feature_columns=["Dur", "TotBytes"])
    assert (table.contract.sensor, table.contract.features) == ("", ("Dur", "TotBytes"))
    assert Ingested(path, format="table").contract.sensor == ""


def test_a_folder_of_logs_takes_the_connections_and_counts_the_rest(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    write(folder / "conn.00-01.log", tsv(*traffic(10)))
    write(folder / "conn.01-02.log", tsv(*traffic(10, seed=4)))
    write(folder / "dns.log", tsv(["1", "C1", "1.1.1.1", "1", "1.1.1.2", "53", "udp"], fields=FIELDS[:7], path="dns"))
    write(folder / "stderr.log", "listening on eth0\n")
    write(folder / "weird.log", b"")
    write(folder / "notes.txt", "mirror port of switch 3\n")
    found = Ingested(folder)
    assert found.report["rows"] == 20
    assert sum(found.report["traffic"]["other_files"].values()) == 3
    assert set(found.table.column("netanomaly:file").to_pylist()) == {"conn.00-01.log", "conn.01-02.log"}
    assert found.report["identity"] == sources.resolve([str(folder)]).identity()


def test_a_zip_of_one_log_is_read_and_others_are_named(tmp_path):
    path = tmp_path / "conn.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conn.log", tsv(*traffic(10)))
    assert (
        Ingested(path)
        .table.drop_columns(["netanomaly:file"])
        .equals(Ingested(write(tmp_path / "conn.log", tsv(*traffic(10)))).table.drop_columns(["netanomaly:file"]))
    )
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("dns.log", "x")
    with pytest.raises(DataError, match=r"zip archive \(or a spreadsheet\) of 2 files"):
        Ingested(path)
    write(path, path.read_bytes()[:-30])
    with pytest.raises(DataError, match="zip archive that cannot be read"):
        Ingested(path)


def trained(found: Ingested) -> AnomalyModel:
    wishes: dict = {
        "model_type": "isolation_forest", "model_parameters": {}, "normal_labels": [], "training_rows": "auto",
        "alert_budget": 0.05, "alerts_per_day": None, "random_state": 1, "label_column": "label", "categorical_columns": [],
    }  # fmt: skip
    known = train_settings.Settings.__dataclass_fields__
    settings = train_settings.Settings(**{name: value for name, value in wishes.items() if name in known})
    return train(pq.ParquetFile(found.path), settings).model


def test_a_model_of_tsv_scores_the_same_traffic_in_json_identically(tmp_path):
    records = traffic(400)
    text = Ingested(write(tmp_path / "conn.log", tsv(*records)))
    json = Ingested(write(tmp_path / "conn.json", as_json(*records, spelling="nested", iso=True)))
    model = trained(text)
    assert model.sensor == "zeek"
    np.testing.assert_array_equal(model.score(text.table), model.score(json.table))


def test_another_kind_of_sensor_is_refused_and_both_are_named(tmp_path):
    events = "".join(test_suricata.event(flow_id=number) for number in range(20))
    suricata = Ingested(write(tmp_path / "eve.json", events))
    zeek = Ingested(write(tmp_path / "conn.log", tsv(*traffic(20))))
    assert set(suricata.contract.features) == set(zeek.contract.features)
    with pytest.raises(
        DataError, match=r"flows of zeek taught the model and flows of suricata are to be judged.*allow_other_sensor"
    ):
        refuse_other(zeek.contract.sensor, suricata.contract.sensor, allowed=False)
    refuse_other(zeek.contract.sensor, suricata.contract.sensor, allowed=True)


def test_the_order_of_records_and_files_changes_nothing_but_where_they_stand(tmp_path):
    records = traffic(200)
    whole = Ingested(write(tmp_path / "a.log", tsv(*records)))
    shuffled = [*records]
    random.Random(1).shuffle(shuffled)
    folder = tmp_path / "parts"
    folder.mkdir()
    write(folder / "b.log", tsv(*shuffled[:90]))
    write(folder / "c.log", as_json(*shuffled[90:]))
    where = ["netanomaly:file", "netanomaly:record"]
    assert Ingested(folder).table.drop_columns(where).equals(whole.table.drop_columns(where))


def test_features_in_words():
    assert explained("src_flows_120s", 340.0) == "340 flows of the source in 2 minutes"
    assert explained("src_destinations_120s", 212.0) == "to 212 hosts in 2 minutes"
    assert explained("src_failed_share_100", 0.97) == "97% of its last 100 flows failed"
    assert explained("served_port", "445") == "to port 445"
    assert explained("bytes", 5.0) is None
    assert in_short({"src_flows_120s": 340.0, "src_destinations_120s": 212.0}) == "340 flows in 2 minutes to 212 hosts"
    assert in_short({"src_flows_120s": 90.0, "src_destinations_120s": 1.0, "src_ports_to_dst_120s": 80.0}) == (
        "90 flows in 2 minutes to 80 ports of this host"
    )
    assert in_short({"bytes_out": 5.0}) == ""
    assert explained("bytes_out", None) is None


def test_names_of_addresses_are_never_features():
    assert not [name for name in EVERY if "ip" in name.split("_") or "time" in name.split("_") or name == "uid"]


def test_the_report_says_from_how_many_places_and_by_which_version_as_far_as_records_do(tmp_path):
    eve = Ingested(write(tmp_path / "eve.json", test_suricata.event(suricata_version="7.0.10")))
    assert (eve.report["traffic"]["sensor_versions"], eve.report["traffic"]["vantage_points"]) == (["7.0.10"], 1)
    two = "".join(test_clouds.ASK.replace("eni-1235b8ca123456789", f"eni-{number}") for number in range(2))
    aws = Ingested(write(tmp_path / "vpc.log", test_clouds.AWS_HEAD + two + test_clouds.REPLY))
    assert aws.report["traffic"]["vantage_points"] >= 2
    assert aws.report["traffic"]["sensor_versions"] == []
