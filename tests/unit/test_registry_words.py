"""The registry's answers as people read them."""

import io
import json
import re
import sys

import pytest
from netanomaly.cli import app
from netanomaly.cli import registry_words as words
from netanomaly.cli.registry import _data
from netanomaly.cli.registry_compare import differences
from netanomaly.errors import InputError, ModelError
from netanomaly.registry import open_registry
from typer.testing import CliRunner


def said(*arguments: object) -> str:
    """What the command prints, its exit code 0."""
    result = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def office(tmp_path):
    """A registry of two versions, of which the newer is champion."""
    registry = open_registry(str(tmp_path / "registry"))
    for number in (1, 2):
        model = tmp_path / f"model-{number}"
        model.write_bytes(bytes([number]))
        metadata = {"versions": {"scikit-learn": "1.9"}}
        registry.register("office", model, metadata, run_id=f"run-{number}", metrics={"roc_auc": 0.9 + number / 100})
        registry.set_alias(f"office:{number}", "champion")
    return registry


@pytest.mark.parametrize(
    ("identity", "shown"),
    [
        ("sha256:0123456789abcdef", "7 rows, sha256 0123456789ab..., a.csv"),
        ("etag:0123456789abcdef@v1", "7 rows, ETag 0123456789ab..., a.csv"),
        (None, "7 rows, a.csv"),
    ],
)
def test_data_is_identified_by_what_it_is_identified_by(identity, shown):
    assert _data({"rows": 7, "identity": identity, "source": ["a.csv"]}) == shown


def test_a_rollback_that_has_nowhere_to_go_does_not_deny_the_history(office):
    office.rollback("office")
    with pytest.raises(InputError, match="is version 1, and no earlier version is left to go back to") as refused:
        office.rollback("office")
    assert "only" not in str(refused.value)


def test_one_of_a_thing_is_not_several(office):
    assert said("registry", "fsck", "--registry", office.uri).startswith("1 model, 2 versions, ")
    assert words.counted(1, "byte") == "1 byte"
    assert words.counted(2000, "byte") == "2,000 bytes"


def test_tables_without_rows_are_sentences(office, tmp_path):
    nothing = tmp_path / "model_registry.json"
    nothing.write_text(json.dumps({"models": []}))
    answer = said("registry", "import", nothing, "--registry", office.uri)
    assert answer == f"{nothing} holds no version of any model; nothing was imported\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("columns", [60, 80, 100, 160])
def test_a_version_is_one_line_on_a_terminal(office, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    app(["registry", "versions", "office", "--registry", office.uri], standalone_mode=False)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()
    assert len(lines) == 3
    assert all(len(line) <= columns for line in lines)
    assert "just now" in lines[1]


def metadata(**changed):
    data = {"identity": "sha256:aa", "part": "all", "rows": 100, "source": ["/data/test.csv"], **changed}
    return {"data": {"evaluation": data}, "training": {"features": ["a", "b"]}, "configuration": {"random_state": 1}}


def test_figures_of_the_same_rows_and_columns_are_compared_without_a_word():
    assert differences(metadata(), metadata()) == []
    seeds = metadata(), {**metadata(), "configuration": {"random_state": 2}}
    assert differences(*seeds) == []


@pytest.mark.parametrize(
    ("other", "note"),
    [
        (metadata(identity="sha256:bb", rows=90), "different rows, 100 of test.csv and 90 of test.csv"),
        (metadata(part="evaluation"), "different rows"),
        ({}, "not recorded which rows"),
        ({**metadata(), "training": {"features": ["a", "c"]}}, "the first alone has b; the second alone has c"),
    ],
)
def test_figures_of_other_rows_or_columns_are_marked(other, note):
    (found,) = differences(metadata(), other)
    assert note in found


def test_parts_held_out_by_another_seed_are_different_rows():
    held_out = metadata(part="evaluation")
    assert differences(held_out, held_out) == []
    assert differences(held_out, {**held_out, "configuration": {"random_state": 2}})


def test_compare_marks_each_difference_and_says_why(office):
    answer = said("registry", "compare", "office:1", "office:2", "--registry", office.uri)
    assert "+0.0100 *" in answer
    assert "* not comparable: it is not recorded which rows both were judged on" in answer
    document = json.loads(said("registry", "compare", "office:1", "office:2", "--registry", office.uri, "--json"))
    assert document["comparable"] is False
    assert len(document["notes"]) == 1


@pytest.mark.parametrize("library", ["joblib", "sklearn", "numpy"])
def test_a_model_that_is_loaded_without_what_it_takes_is_one_clear_line(office, library, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("netanomaly.models.", "netanomaly.metrics."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    if library == "sklearn":
        import importlib.metadata

        def version(name):
            raise importlib.metadata.PackageNotFoundError(name)

        monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(ModelError, match=r"pip install 'netanomaly\[evaluate\]'"):
        office.load("office:1")


def test_alias_set_without_a_version_is_refused_with_the_versions_that_there_are(office):
    refused = CliRunner().invoke(app, ["registry", "alias", "set", "office", "champion", "--registry", office.uri])
    assert refused.exit_code != 0
    assert "newest first: 2, 1" in str(refused.exception or refused.output)
    assert open_registry(office.uri).champion("office") == 2
    done = said("registry", "alias", "set", "office", "staging", "--newest", "--registry", office.uri)
    assert done == "office@staging is version 2\n"
