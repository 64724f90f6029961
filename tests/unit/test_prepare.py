"""Resolving a configuration: digests, hold-out, champion, overrides."""

import json
from datetime import UTC, datetime

import pytest
from netanomaly import config
from netanomaly.cli.pipelines.training import Training
from netanomaly.errors import ConfigError, InputError
from netanomaly.stages.capture.settings import refuse_kept
from netanomaly.stages.ingest.settings import Split
from netanomaly.stages.prepare.program import Champion, Overrides, Prepared, prepare

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DOCUMENT = {"model_name": "m", "data_source": "a.csv", "evaluation_data_source": "b.csv", "registry": "s3://r/x"}


def prepared(document=DOCUMENT, overrides=None, identities=None, champion=None, made_by=None) -> Prepared:
    identities = identities or {"a.csv": "sha256:a", "b.csv": "sha256:b", "c.csv": "sha256:c"}
    return prepare(
        document,
        overrides or Overrides(),
        run_id="run-1",
        identity_of=lambda source: identities[source[0]],
        champion_of=lambda registry, model: None if champion is None else Champion(champion, ["bytes"], made_by or {}),
        now=NOW,
    )


def test_two_sources_are_trained_on_and_judged_on_whole():
    result = prepared()
    training, evaluation = result.ingest_training, result.ingest_evaluation
    assert (training.source, training.identity, training.part) == (["a.csv"], "sha256:a", "all")
    assert (evaluation.source, evaluation.identity, evaluation.part) == (["b.csv"], "sha256:b", "all")
    assert (training.split, result.validate.held_out, result.evaluate.held_out) == (None, False, False)


def test_without_evaluation_data_a_part_is_held_out():
    document = {name: value for name, value in DOCUMENT.items() if name != "evaluation_data_source"}
    result = prepared(document)
    training, evaluation = result.ingest_training, result.ingest_evaluation
    assert (training.part, evaluation.part, result.evaluate.held_out) == ("training", "evaluation", True)
    assert (evaluation.source, evaluation.identity) == (["a.csv"], training.identity)
    assert training.split == evaluation.split == Split("auto", 0.3, None, [])


def test_the_same_bytes_under_two_names_are_split_too():
    """A model is never judged on the rows it was fitted on, whatever the files are called."""
    result = prepared(identities={"a.csv": "sha256:same", "b.csv": "sha256:same"})
    assert (result.ingest_training.part, result.ingest_evaluation.part) == ("training", "evaluation")
    assert result.configuration["held_out"] is True


def test_an_override_wins_and_an_empty_one_does_not():
    result = prepared(overrides=Overrides(data_source="c.csv", model_name="n", model_version="", registry="s3://other"))
    assert (result.ingest_training.identity, result.register.model_name) == ("sha256:c", "n")
    assert (result.configuration["model_version"], result.register.registry) == ("1.0.0", "s3://other")


def test_an_override_may_be_a_json_list_of_sources():
    assert prepared(overrides=Overrides(data_source='["c.csv", "a.csv"]')).ingest_training.source == ["c.csv", "a.csv"]


@pytest.mark.parametrize("version", [None, 7])
def test_the_champion_is_resolved_to_a_number(version):
    assert prepared(champion=version).evaluate.champion == version


def test_defaults_become_values():
    told = prepared().train
    assert told.model_type == "ensemble"
    assert "knn" in told.model_parameters["members"]
    assert told.alert_budget == 0.01


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
    document = prepared(champion=3).configuration
    assert document["prepared_at"] == "2026-01-02T03:04:05+00:00"
    assert (document["champion"], document["held_out"], document["run_id"]) == (3, False, "run-1")
    assert document["model_parameters"]


def test_an_alias_that_looks_like_a_version_is_refused_before_anything_is_trained():
    with pytest.raises(InputError, match="looks like a version"):
        prepared({**DOCUMENT, "aliases": ["staging", "v2"]})


def test_champion_is_for_the_comparison_to_decide():
    with pytest.raises(ConfigError, match="comparison with the present champion decides"):
        prepared({**DOCUMENT, "aliases": ["champion"]})


def test_nothing_that_changes_from_run_to_run_alone_reaches_a_stage_that_may_be_cached():
    first, second = (
        prepared(),
        prepare(
            DOCUMENT,
            Overrides(),
            run_id="run-2",
            identity_of=lambda source: {"a.csv": "sha256:a", "b.csv": "sha256:b"}[source[0]],
            champion_of=lambda registry, model: None,
            now=datetime(2027, 1, 1, tzinfo=UTC),
        ),
    )
    for stage in ("ingest_training", "ingest_evaluation", "validate", "train", "evaluate"):
        assert getattr(first, stage) == getattr(second, stage)
    assert first.register != second.register


def test_a_stage_is_not_told_what_it_does_not_use():
    other = prepared({**DOCUMENT, "alert_budget": 0.001})
    assert other.train != prepared().train
    assert (other.ingest_training, other.validate) == (prepared().ingest_training, prepared().validate)


def test_a_long_list_is_handed_on_whole_only_to_the_stage_that_reads_it():
    files = [f"{number}.csv" for number in range(1000)]
    result = prepared({**DOCUMENT, "data_source": files}, identities={"0.csv": "sha256:0", "b.csv": "sha256:b"})
    assert result.ingest_training.source == files
    assert result.evaluate.configuration["data_source"][-1] == "and 980 more"
    assert result.configuration["data_source"] == files


def kept(document=DOCUMENT):
    """The configuration of an earlier run as the registry gives it back."""
    return json.loads(json.dumps(prepared(document).configuration))


def test_another_champion_alone_has_nothing_but_the_comparison_done_again():
    """What the champion was judged on has the columns that it learnt from: validate, and what follows, are cached."""
    first, second = prepared(), prepared(champion=1, made_by=kept())
    third = prepared(champion=2, made_by=kept({**DOCUMENT, "gates": {"min_roc_auc": 0.9}, "random_state": 7}))
    for stage in ("ingest_training", "ingest_evaluation", "validate", "train"):
        assert getattr(first, stage) == getattr(second, stage) == getattr(third, stage)
    assert (first.evaluate.champion, second.evaluate.champion, third.evaluate.champion) == (None, 1, 2)


@pytest.mark.parametrize(
    "made_by",
    [
        {},
        kept({**DOCUMENT, "evaluation_data_source": "c.csv"}),
        kept({**DOCUMENT, "ignore_columns": ["port"]}),
        {**kept(), "netanomaly": "0.0.0"},
    ],
)
def test_a_champion_that_was_judged_on_other_columns_is_looked_at_before_training(made_by):
    validate = prepared(champion=1, made_by=made_by).validate
    assert (validate.champion, validate.champion_columns) == (1, ["bytes"])


def test_nothing_is_deployed_unless_the_configuration_says_where():
    result = prepared()
    assert (result.deploys, result.deploy) == ("no", None)


def test_what_the_configuration_says_of_deploying_reaches_that_stage_and_no_other():
    """A stage's settings are part of Kubeflow's cache key: where a model is served is no reason to evaluate it again."""
    result = prepared({**DOCUMENT, "model_name": "NSL_kdd.detector", "deploy": {"namespace": "serving"}})
    assert result.deploys == "yes"
    assert result.deploy is not None
    assert (result.deploy.registry, result.deploy.namespace) == ("s3://r/x", "serving")
    assert (result.deploy.service, result.deploy.kind) == ("nsl-kdd-detector", "auto")
    assert result.evaluate == prepared({**DOCUMENT, "model_name": "NSL_kdd.detector"}).evaluate


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"deploy": {"namespace": "Serving"}}, "deploy: namespace is 'Serving'"),
        ({"deploy": {"namespace": "serving", "name": "a" * 51}}, "deploy: name is"),
        ({"deploy": {}}, r"field 'deploy\.namespace' is missing"),
        ({"deploy": {"namespace": "serving", "kindd": "auto"}}, "kind"),
        (
            {"deploy": {"namespace": "serving"}, "registry": "runs/registry"},
            "a registry that a cluster's pods can read",
        ),
    ],
)
def test_where_nothing_can_be_deployed_is_told_before_anything_runs(changes, says):
    with pytest.raises(ConfigError, match=says):
        prepared({**DOCUMENT, **changes})


def test_who_wants_no_identities_kept_tells_every_stage_that_reads_the_data():
    result = prepared({**DOCUMENT, "identities": False})
    told = (result.capture_training, result.capture_evaluation, result.ingest_training, result.ingest_evaluation)
    assert not any(each.identities for each in told)
    with pytest.raises(
        ConfigError, match="flows that are made of captures, which are kept with the run, name their ends"
    ):
        refuse_kept(result.capture_training)


def test_parameters_of_a_detector_that_does_not_exist_are_refused_and_of_another_one_named():
    mistyped = {**DOCUMENT, "model_type": "isolation_forest", "isolationforest_params": {"n_estimators": 50}}
    with pytest.raises(ConfigError, match="'isolationforest_params'; did you mean 'isolation_forest_params'"):
        prepared(mistyped)
    other = {**DOCUMENT, "model_type": "ensemble", "ensemble_params": {}, "knn_params": {"n_neighbors": 3}}
    prepared(other)
    assert config.unused_parameters(other) == ["knn_params"]


def test_parameters_that_are_not_used_are_told(capsys):
    Training().read({**DOCUMENT, "model_type": "ensemble", "knn_params": {"n_neighbors": 3}})
    assert capsys.readouterr().err == "warning: knn_params is not used: the detector is ensemble\n"
    Training().read({**DOCUMENT, "knn_params": {"n_neighbors": 3}})
    assert capsys.readouterr().err == ""
