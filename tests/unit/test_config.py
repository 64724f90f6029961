"""The configuration: what is accepted as it was, and what each mistake is told."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from netanomaly import config
from netanomaly.config import fields
from netanomaly.config.schema import monitoring_schema, schema
from netanomaly.errors import ConfigError
from netanomaly.flows import rules
from netanomaly.flows.rules import RULES
from netanomaly.metrics import gates
from netanomaly.models import catalogue

from tests.command import ROOT

ORIGINAL: dict[str, Any] = {
    "model_name": "network_anomaly_detector",
    "model_version": "1.0.0",
    "model_type": "isolation_forest",
    "data_source": "data/ml_training_data/sample_training_data.csv",
    "evaluation_data_source": "data/ml_training_data/sample_evaluation_data.csv",
    "feature_columns": ["packet_length", "protocol", "src_port", "dst_port"],
    "output_base_dir": "data/mlops_artifacts",
    "isolation_forest_params": {"n_estimators": 100, "contamination": "auto", "random_state": 42},
}
TRAINING_SCHEMA = schema(catalogue.schema(), {"gates": gates.schema(), "validation": rules.schema()})


def test_the_original_configuration_is_accepted_unchanged():
    parsed = config.parse(ORIGINAL)
    assert parsed.model_name == "network_anomaly_detector"
    assert parsed.feature_columns == ["packet_length", "protocol", "src_port", "dst_port"]
    assert parsed.model_parameters == {"n_estimators": 100, "contamination": "auto", "random_state": 42}


def test_only_the_parameters_of_the_chosen_detector_are_taken():
    parsed = config.parse({**ORIGINAL, "pca_params": {"n_components": 3}})
    assert parsed.model_parameters == ORIGINAL["isolation_forest_params"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data_sorce": "x.csv"}, "unknown field 'data_sorce'; did you mean 'data_source'?"),
        ({"zzz": 1}, "unknown field 'zzz'; known: alert_budget"),
        ({"csv": {"heder": True}}, "unknown field 'csv.heder'; did you mean 'header'?"),
        (
            {"alert_budget": "low"},
            "field 'alert_budget' is \"low\"; it must be a rate over 0 and under 1, e.g. 0.01 for 1%",
        ),
        (
            {"feature_columns": ["a", 3]},
            "field 'feature_columns' is [\"a\", 3]; it must be a list of names that is not empty",
        ),
        ({"csv": {"header": "no"}}, "field 'csv.header' is \"no\"; it must be true or false or null"),
        ({"isolation_forest_params": [1]}, "field 'isolation_forest_params' is a JSON list; it must be an object"),
        ({"model_name": "a/b"}, "field 'model_name' is \"a/b\"; it must be 1 to 128 letters"),
        ({"model_name": ".."}, "field 'model_name' is \"..\"; it must be 1 to 128 letters"),
        ({"model_name": "a..b"}, "field 'model_name' is \"a..b\"; it must be 1 to 128 letters"),
        ({"model_name": ""}, "field 'model_name' is \"\"; it must be 1 to 128 letters"),
        ({"model_version": "1/2"}, "field 'model_version' is \"1/2\"; it must be 1 to 128 letters"),
        ({"feature_columns": []}, "field 'feature_columns' is []; it must be a list of names that is not empty"),
        ({"feature_columns": ["a", "a"]}, "feature_columns lists 'a' more than once"),
        ({"feature_columns": ["a", "label"]}, "feature_columns lists the label column 'label'"),
        ({"feature_columns": ["a", "y"], "label_column": "y"}, "feature_columns lists the label column 'y'"),
        ({"ignore_columns": ["src_port"]}, "column 'src_port' is both in feature_columns and in ignore_columns"),
        ({"data_source": ""}, "field 'data_source' is \"\"; it must be a file, a folder, a glob or a list of them"),
        ({"data_source": []}, "field 'data_source' is []; it must be a file"),
        (
            {"evaluation_data_source": [""]},
            "field 'evaluation_data_source' is [\"\"]; it must be a file, a folder, a glob or a list of them or null",
        ),
        ({"alert_budget": 0}, "field 'alert_budget' is 0; it must be a rate over 0 and under 1"),
        ({"alert_budget": 1}, "field 'alert_budget' is 1; it must be a rate over 0 and under 1"),
        ({"held_out_fraction": 1.5}, "field 'held_out_fraction' is 1.5; it must be a part over 0"),
        ({"random_state": -1}, "field 'random_state' is -1; it must be a whole number from 0"),
        ({"random_state": True}, "field 'random_state' is true; it must be a whole number"),
        ({"training_rows": "some"}, "field 'training_rows' is \"some\"; it must be one of all, auto, normal"),
        ({"split": "hour"}, "field 'split' is \"hour\"; it must be one of auto, host, random, time"),
        ({"split_gap_seconds": -1}, "field 'split_gap_seconds' is -1; it must be seconds from 0 on"),
        ({"time_column": "label"}, "time_column is 'label'; name the column that holds points in time"),
        ({"columns": {"a": "numeric"}}, "it must be an object of roles by column"),
        ({"columns": {"a": "label", "b": "label"}}, "columns gives 'a' and 'b' the role 'label'"),
        (
            {"columns": {"a": "label"}, "label_column": "y"},
            "columns says that 'a' is the label, and label_column is 'y'",
        ),
        (
            {"columns": {"src_port": "ignored"}},
            "columns says that 'src_port' is 'ignored', and feature_columns lists it",
        ),
        ({"host_columns": ["a"]}, "host_columns are given and split is not 'host'"),
        ({"alerts_per_day": 0}, "field 'alerts_per_day' is 0; it must be a number over 0"),
        ({"alerts_per_day": 5, "alert_budget": 0.01}, "alert_budget and alerts_per_day are both given"),
        ({"csv": {"delimiter": ""}}, "csv.delimiter is ''; use one ASCII character"),
        ({"csv": {"columns": []}}, "field 'csv.columns' is []; it must be a list of names, or null"),
        ({"csv": {"columns": "a,b"}}, "field 'csv.columns' is \"a,b\"; it must be a list of names"),
        ({"csv": {"columns": ["a", " "]}}, "csv.columns holds a blank name"),
        ({"csv": {"columns": ["a", "b", " a"]}}, "csv.columns names 'a' twice"),
        ({"csv": {"delimiter": "::"}}, "csv.delimiter is '::'; use one ASCII character"),
        ({"csv": {"delimiter": '"'}}, "use one ASCII character"),
        ({"csv": {"delimiter": 5}}, "field 'csv.delimiter' is 5; it must be one ASCII character"),
        ({"registry": "a\0b"}, "field 'registry' is \"a\\u0000b\"; it must be a path or URI without NUL characters"),
        ({"output_base_dir": "a\0b"}, "field 'output_base_dir' is \"a\\u0000b\"; it must be a path"),
        ({"description": "a\ud800"}, "field 'description' holds '\\ud800', which is no character"),
        ({"gates": {"min_roc_auc": float("inf")}}, "field 'gates.min_roc_auc' is too large for a number"),
        ({"validation": {"ranges": {"a": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}}}, "nested more than 16 deep"),
    ],
)
def test_a_mistake_is_named_with_the_way_out(change, message):
    with pytest.raises(ConfigError) as refused:
        config.parse({**ORIGINAL, **change})
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["model_name", "data_source"])
def test_a_required_field_that_is_missing_is_named(name):
    document = {key: value for key, value in ORIGINAL.items() if key != name}
    with pytest.raises(ConfigError, match=f"field '{name}' is missing"):
        config.parse(document)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"model_name": "x",\n "data_source": }', "line 2, column 17: not JSON"),
        ("[1]", "holds a JSON list; a configuration is an object"),
        ('{"a": 1, "a": 2}', "field 'a' is given twice"),
        ('{"alert_budget": NaN}', "NaN is not a JSON number"),
        ("", "line 1, column 1: not JSON"),
        ('{"random_state": ' + "9" * 5000 + "}", "a number in it has thousands of digits"),
        ('{"gates":' * 100_000, "nested more than 16 deep"),
        ('{"gates":' * 300 + "1" + "}" * 300, "nested more than 16 deep"),
        ('{"description": "\\ud800"}', "field 'description' holds"),
    ],
)
def test_a_file_that_is_no_json_object_is_refused_with_the_place(tmp_path: Path, text, message):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        config.read(path)
    assert message in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="does not exist"):
        config.read(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="is a folder"):
        config.read(tmp_path)
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(ConfigError, match="not UTF-8"):
        config.read(tmp_path / "latin.json")


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def denied(*_: Any, **__: Any) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(ConfigError, match=r"secret\.json cannot be read: Permission denied"):
        config.read(tmp_path / "secret.json")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path):
    (tmp_path / "bom.json").write_text(json.dumps(ORIGINAL), encoding="utf-8-sig")
    assert config.read(tmp_path / "bom.json") == ORIGINAL


def test_assignments_reach_into_objects_and_read_json_or_text():
    changed = config.override(
        ORIGINAL,
        ["alert_budget=0.001", "model_name=other", "isolation_forest_params.n_estimators=7", "csv.header=true"],
    )
    assert changed["alert_budget"] == 0.001
    assert changed["model_name"] == "other"
    assert changed["isolation_forest_params"] == {"n_estimators": 7, "contamination": "auto", "random_state": 42}
    assert changed["csv"] == {"header": True}
    assert ORIGINAL["isolation_forest_params"]["n_estimators"] == 100


def test_what_is_assigned_to_a_field_of_text_is_text_unless_it_is_null():
    changed = config.override(ORIGINAL, ["model_version=2.0", "description=true", "registry=null", "model_name=7"])
    assert [changed[name] for name in ("model_version", "description", "model_name")] == ["2.0", "true", "7"]
    assert changed["registry"] is None


@pytest.mark.parametrize("delimiter", ["\t", "\\t", "tab"])
def test_a_tab_may_be_written_as_people_write_it_on_a_command_line(delimiter):
    assert config.parse({**ORIGINAL, "csv": {"delimiter": delimiter}}).csv.delimiter == "\t"


@pytest.mark.parametrize(
    "assignment",
    ["alert_budget", "=1", "model_name.x=1", "alert_budget=NaN", 'gates={"a":1,"a":2}', "gates=" + "[" * 100_000],
)
def test_an_assignment_that_is_none_is_refused(assignment):
    with pytest.raises(ConfigError):
        config.override(ORIGINAL, [assignment])


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.sampled_from(["", "a", "..", "\n", "é"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["header", "a.b", ""]), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([f.name for f in dataclasses.fields(config.Config)] + ["x_params"]), ANY_JSON))
def test_whatever_the_document_holds_the_answer_is_a_configuration_or_one_line(document):
    try:
        config.parse({**ORIGINAL, **document})
    except ConfigError as refused:
        assert str(refused)
        assert "\n" not in str(refused)


def test_parameters_without_a_model_type_name_their_detector():
    small = {"model_name": "office", "data_source": "flows.csv"}
    assert config.parse(small).model_type == "ensemble"
    assert config.parse({**small, "knn_params": {"n_neighbors": 3}}).model_type == "knn"
    with pytest.raises(ConfigError, match="knn_params, pca_params are given and model_type is not"):
        config.parse({**small, "knn_params": {}, "pca_params": {}})


def test_every_field_and_every_rule_of_the_data_gate_is_documented():
    documented = (ROOT / "docs/configuration.md").read_text()
    fields = [field.name for field in dataclasses.fields(config.Config) if field.name != "model_parameters"]
    for name in (*fields, *RULES):
        assert f"| `{name}` |" in documented, name


def test_every_field_of_monitoring_is_documented_with_its_default():
    documented = (ROOT / "docs/monitoring.md").read_text()
    for name, field in monitoring_schema(TRAINING_SCHEMA)["properties"].items():
        if name == "$schema":
            continue
        row = next((line for line in documented.splitlines() if line.startswith(f"| `{name}` |")), "")
        assert row, name
        if "default" not in field:
            assert "| required |" in row, name
        elif isinstance(field["default"], str | float | list) and field["default"]:
            assert json.dumps(field["default"]) in row, name


@pytest.mark.parametrize(
    ("csv", "has_header"),
    [({}, True), ({"columns": ["a"]}, False), ({"columns": ["a"], "header": True}, True)],
)
def test_a_header_is_expected_unless_columns_are_given(csv, has_header):
    assert config.CsvFormat(**csv).has_header is has_header


def test_an_editors_line_is_no_field_and_the_schema_knows_every_field():
    assert config.parse({**ORIGINAL, "$schema": "netanomaly.schema.json"}) == config.parse(ORIGINAL)
    made = TRAINING_SCHEMA
    assert set(made["required"]) == {"model_name", "data_source"}
    assert set(fields.FIELDS) < set(made["properties"])
    assert all(field.get("description") for name, field in made["properties"].items() if name != "$schema")
    assert made["properties"]["csv"]["default"]["delimiter"] is None
    assert "n_estimators" in made["properties"]["isolation_forest_params"]["properties"]
    Draft202012Validator.check_schema(made)
    validator = Draft202012Validator(made)
    assert validator.is_valid(ORIGINAL)
    for wrong in ({"alert_budget": 2}, {"splt": "time"}, {"csv": {"heder": True}}, {"gates": {"min_auc": 1}}):
        assert not validator.is_valid({**ORIGINAL, **wrong}), wrong


def test_the_schema_of_monitoring_checks_the_training_in_it_too():
    made = monitoring_schema(TRAINING_SCHEMA)
    Draft202012Validator.check_schema(made)
    validator = Draft202012Validator(made)
    smallest = {"model": "office", "data_source": "conn.log"}
    for right in ({}, {"retrain_when": ["decay", "age"], "training": {"alert_budget": 0.01}}, {"training": None}):
        assert validator.is_valid({**smallest, **right}), right
    wrongs: tuple[dict[str, Any], ...] = (
        {"model": 3}, {"retrain_when": ["always"]}, {"retrain": 1}, {"training": {"alert_budget": 2}}, {"training": {"x": 1}},
    )  # fmt: skip
    for wrong in wrongs:
        assert not validator.is_valid({**smallest, **wrong}), wrong
    assert not validator.is_valid({"model": "office"})
