"""Results that name no ends: digests that tell hosts apart, and none of the addresses anywhere."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netanomaly.errors import ConfigError
from netanomaly.flows.hidden import Hidden

from tests.unit.traffic.test_ingest import Ingested, traffic, write
from tests.unit.traffic.zeek_logs import tsv

SALT = b"x" * 32


def test_a_digest_is_of_one_address_under_one_salt():
    hidden = Hidden(SALT)
    assert hidden.digest("10.0.0.5") == Hidden(SALT).digest("10.0.0.5")
    assert (
        len(
            {
                hidden.digest("10.0.0.5"),
                hidden.digest("10.0.0.6"),
                Hidden().digest("10.0.0.5"),
                Hidden().digest("10.0.0.5"),
            }
        )
        == 4
    )


def test_parts_that_name_an_end_are_digests_or_gone():
    identity = {
        name: pa.array(["10.0.0.5", None]) for name in ("src_ip", "src_port", "dst_ip", "dst_port", "protocol", "uid")
    }
    found = Hidden(SALT).parts(identity)
    assert set(found) == {"src_ip", "dst_ip", "dst_port", "protocol"}
    assert found["src_ip"].to_pylist() == [Hidden(SALT).digest("10.0.0.5"), None]


def test_a_flow_file_without_identities_has_the_same_features_and_no_address(tmp_path):
    log = write(tmp_path / "conn.log", tsv(*traffic(300)))
    named, unnamed = Ingested(log), Ingested(log, identities=False)
    features = list(named.contract.features)
    assert unnamed.table.select(features).equals(named.table.select(features))
    assert b"10.0.0." not in json.dumps(unnamed.table.to_pylist(), default=str).encode()
    hosts = named.table.column("src_ip").to_pylist(), unnamed.table.column("src_ip").to_pylist()
    assert len(set(zip(*hosts, strict=True))) == len(set(hosts[0])) == len(set(hosts[1])) > 1
    assert unnamed.table.column("uid").null_count == unnamed.table.num_rows
    assert b"10.0.0." not in pq.read_table(unnamed.path).column("dst_ip").to_string(window=10_000).encode()


def test_ends_of_a_table_that_are_read_as_features_are_to_be_left_out_first(tmp_path):
    table = write(tmp_path / "flows.csv", "src_ip,bytes\n" + "".join(f"10.0.0.{n % 9},{n}\n" for n in range(50)))
    with pytest.raises(ConfigError, match="column 'src_ip' of them is read as a feature; add it to ignore_columns"):
        Ingested(table, identities=False)
    found = Ingested(table, identities=False, ignore_columns=["src_ip"])
    assert "10.0.0." not in json.dumps(found.table.to_pylist(), default=str)


def test_addresses_in_a_column_of_another_name_are_none_to_learn_from_either(tmp_path):
    table = write(tmp_path / "flows.csv", "translated,bytes\n" + "".join(f"10.0.0.{n % 9},{n}\n" for n in range(50)))
    with pytest.raises(ConfigError, match="column 'translated' of them is read as a feature"):
        Ingested(table, identities=False)
