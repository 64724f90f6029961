"""Resolving a configuration: digests, hold-out, champion, overrides."""

from datetime import UTC, datetime

import pytest
from netanomaly.errors import ConfigError, InputError
from netanomaly.stages.prepare.program import Overrides, Prepared, prepare, resolved_configuration

DOCUMENT = {"model_name": "m", "data_source": "a.csv", "evaluation_data_source": "b.csv", "registry": "s3://r/x"}


def prepared(document=DOCUMENT, overrides=None, identities=None, champion=None) -> Prepared:
    identities = identities or {"a.csv": "sha256:a", "b.csv": "sha256:b", "c.csv": "sha256:c"}
    return prepare(
        document,
        overrides or Overrides(),
        run_id="run-1",
        identity_of=lambda source: identities[source[0]],
        champion_of=lambda registry, model: champion,
    )


def test_two_sources_are_trained_on_and_judged_on_whole():
    result = prepared()
    assert (result.training_source, result.training_identity, result.training_part) == (["a.csv"], "sha256:a", "all")
    assert (result.evaluation_source, result.evaluation_identity) == (["b.csv"], "sha256:b")
    assert (result.evaluation_part, result.held_out) == ("all", "no")


def test_without_evaluation_data_a_part_is_held_out():
    document = {name: value for name, value in DOCUMENT.items() if name != "evaluation_data_source"}
    result = prepared(document)
    assert (result.training_part, result.evaluation_part, result.held_out) == ("training", "evaluation", "yes")
    assert result.evaluation_source == ["a.csv"]
    assert result.evaluation_identity == result.training_identity


def test_the_same_bytes_under_two_names_are_split_too():
    """A model is never judged on the rows it was fitted on, whatever the files are called."""
    result = prepared(identities={"a.csv": "sha256:same", "b.csv": "sha256:same"})
    assert result.held_out == "yes"
    assert (result.training_part, result.evaluation_part) == ("training", "evaluation")


def test_an_override_wins_and_an_empty_one_does_not():
    result = prepared(overrides=Overrides(data_source="c.csv", model_name="n", model_version="", registry="s3://other"))
    assert (result.training_identity, result.model_name, result.model_version) == ("sha256:c", "n", "1.0.0")
    assert result.registry == "s3://other"


def test_an_override_may_be_a_json_list_of_sources():
    assert prepared(overrides=Overrides(data_source='["c.csv", "a.csv"]')).training_source == ["c.csv", "a.csv"]


@pytest.mark.parametrize(("version", "text"), [(None, ""), (7, "7")])
def test_the_champion_is_resolved_to_a_number(version, text):
    assert prepared(champion=version).champion == text


def test_defaults_become_values():
    result = prepared()
    assert result.model_type == "ensemble"
    assert "knn" in result.model_parameters["members"]
    assert result.alert_budget == 0.01


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"registry": None}, "no registry is named"),
        ({"model_type": "isolation_forst"}, "isolation_forest"),
        ({"isolation_forest_params": {"n_estimatorz": 3}}, "n_estimators"),
        ({"gates": {"min_roc_aux": 0.9}}, "min_roc_auc"),
        ({"validation": {"no_such_rule": "off"}}, "no_such_rule"),
    ],
)
def test_what_only_a_detector_gate_or_rule_can_know_is_checked_before_anything_runs(change, message):
    with pytest.raises(ConfigError, match=message):
        prepared({**DOCUMENT, **change})


def test_the_kept_document_holds_every_value_and_the_time():
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    document = resolved_configuration(prepared(champion=3), now)
    assert document["prepared_at"] == "2026-01-02T03:04:05+00:00"
    assert (document["champion"], document["held_out"], document["run_id"]) == (3, False, "run-1")
    assert document["model_parameters"]


def test_an_alias_that_looks_like_a_version_is_refused_before_anything_is_trained():
    with pytest.raises(InputError, match="looks like a version"):
        prepared({**DOCUMENT, "aliases": ["staging", "v2"]})


def test_champion_is_for_the_comparison_to_decide():
    with pytest.raises(ConfigError, match="comparison with the present champion decides"):
        prepared({**DOCUMENT, "aliases": ["champion"]})
