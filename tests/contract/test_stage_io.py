"""The executor protocol as a stage meets it: inputs, outputs, and how each ending is told."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from netanomaly import stage_io
from netanomaly.errors import ConfigError, DataError, GateRefusal, InputError, NetanomalyError, OutsideError

DIGEST_OF_M = "sha256:62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a"


@dataclass(frozen=True)
class Settings:
    count: int
    share: float
    names: list[str]


def executor_input(folder: Path, **parameters):
    return {
        "inputs": {
            "parameterValues": parameters,
            "artifacts": {
                "flows": {"artifacts": [{"name": "17", "uri": f"{folder}/in", "metadata": {"digest": DIGEST_OF_M}}]}
            },
        },
        "outputs": {
            "artifacts": {
                "model": {"artifacts": [{"name": "model", "uri": f"{folder}/a/b/model", "metadata": {"kept": 1}}]},
                "executor-logs": {"artifacts": [{"name": "executor-logs", "uri": f"{folder}/log"}]},
            },
            "parameters": {"version": {"outputFile": f"{folder}/p/version"}},
            "outputFile": f"{folder}/deep/output.json",
        },
    }


def arguments(document):
    return ["--executor-input", json.dumps(document)]


def test_a_stage_that_ends_well_writes_its_outputs_and_their_metadata_with_unchanged_uris(tmp_path):
    with stage_io.stage(arguments(executor_input(tmp_path))) as stage:
        stage.output("model").write_text("m")
        stage.describe("model", {"rows": 3})
        stage.set_output_parameter("version", 7)
    written = json.loads((tmp_path / "deep/output.json").read_text())
    assert written == {
        "artifacts": {
            "model": {
                "artifacts": [
                    {
                        "name": "model",
                        "uri": f"{tmp_path}/a/b/model",
                        "metadata": {"kept": 1, "rows": 3, "digest": DIGEST_OF_M, "bytes": 1},
                    }
                ]
            }
        }
    }
    assert (tmp_path / "p/version").read_text() == "7"


def test_the_log_tells_how_many_rows_were_done_however_fast(tmp_path, capsys):
    with stage_io.stage(arguments(executor_input(tmp_path))) as stage:
        for rows in (5, 7, 9):
            stage.progress(rows)
    told = re.findall(r"(?m)^progress: (\d+) rows$", capsys.readouterr().err)
    assert (told[0], told[-1]) == ("5", "9")


def test_settings_become_a_checked_dataclass_and_whole_doubles_become_integers(tmp_path):
    settings = {"count": 3.0, "share": 1.0, "names": ["a"]}
    with stage_io.stage(arguments(executor_input(tmp_path, settings=settings))) as stage:
        assert stage.settings(Settings) == Settings(count=3, share=1.0, names=["a"])


@pytest.mark.parametrize(
    "settings",
    [
        {"count": 1.5, "share": 1, "names": []},
        {"count": 1, "share": 1, "names": [2]},
        {"count": 1, "share": 1},
        {"count": 1, "share": 1, "names": [], "more": 1},
    ],
)
def test_settings_of_another_version_are_refused(tmp_path, capsys, settings):
    document = executor_input(tmp_path, settings=settings)
    with pytest.raises(SystemExit) as ended, stage_io.stage(arguments(document)) as stage:
        stage.settings(Settings)
    assert ended.value.code == 2
    assert "of different versions" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (ConfigError("c"), 2, "error: c"),
        (DataError("two\nlines"), 2, "error: two lines"),
        (OutsideError("o"), 3, "error: o"),
        (GateRefusal("g"), 4, "error: g"),
        (NetanomalyError("n"), 1, "error: n"),
        (ValueError("v"), 1, "error: internal error: ValueError: v"),
        (MemoryError(), 3, "error: out of memory"),
        (OSError(28, "No space left on device", "/x/model"), 3, "error: No space left on device: '/x/model'"),
        (KeyboardInterrupt(), 130, "error: interrupted"),
    ],
)
def test_each_ending_has_its_exit_code_one_last_clear_line_and_no_output(tmp_path, capsys, raised, code, line):
    with pytest.raises(SystemExit) as ended, stage_io.stage(arguments(executor_input(tmp_path))):
        raise raised
    error = capsys.readouterr().err
    assert re.search(r"(?m)^peak memory: \d{7,} bytes$", error)
    assert ended.value.code == code
    assert error.splitlines()[-1].startswith(line)
    assert ("Traceback" in error) == (code == 1)
    assert not (tmp_path / "deep/output.json").exists()


def test_a_result_is_one_line_of_the_log(tmp_path, capsys):
    with stage_io.stage(arguments(executor_input(tmp_path))) as stage:
        stage.tell({"version": 3, "name": "é\n"})
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith(stage_io.RESULT))
    assert json.loads(line.removeprefix(stage_io.RESULT)) == {"version": 3, "name": "é\n"}


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_an_executor_input_that_is_none_is_told(capsys, text):
    with pytest.raises(SystemExit) as ended, stage_io.stage(["--executor-input", text]):
        pass
    assert ended.value.code == 2
    assert "--executor-input is not" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("s3://bucket/a", "/s3/bucket/a"),
        ("minio://bucket/a", "/minio/bucket/a"),
        ("gs://bucket/a", "/gcs/bucket/a"),
        ("/plain/a", "/plain/a"),
    ],
)
def test_a_uri_is_read_where_the_launcher_mounts_it(uri, path):
    assert stage_io.path_of({"uri": uri}) == Path(path)


@pytest.mark.parametrize(
    "artifact", [{"uri": "/a\ud800"}, {"uri": "/a\0b"}, {"uri": "s3://\udfff/a"}, {"customPath": "/\0"}]
)
def test_a_uri_that_no_file_can_have_is_refused(artifact):
    with pytest.raises(InputError, match=r"no file system can have: [!-~]+$"):
        stage_io.path_of(artifact)


@pytest.mark.parametrize("artifact", [{}, {"uri": 5}, {"uri": None}, {"customPath": 5}])
def test_an_artefact_without_a_uri_is_refused(artifact):
    with pytest.raises(InputError, match="without a URI"):
        stage_io.path_of(artifact)


def test_a_custom_path_wins_over_the_uri():
    assert stage_io.path_of({"uri": "s3://b/a", "customPath": "/c"}) == Path("/c")


def reading(folder: Path, metadata: dict[str, str] | None, written: bytes = b"m", how: str = "input"):
    """The outcome of a stage that reads an input artefact of these bytes and this metadata."""
    (folder / "in").write_bytes(written)
    document = executor_input(folder)
    document["inputs"]["artifacts"]["flows"]["artifacts"][0]["metadata"] = metadata
    with stage_io.stage(arguments(document)) as stage:
        return getattr(stage, how)("flows")


@pytest.mark.parametrize("how", ["input", "input_bytes", "input_json"])
@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"digest": "sha256:00"}, "is not what the stage before wrote: it was sha256:00 and is sha256:62c66a7a"),
        ({"display_name": "flows"}, "carries no digest"),
        (None, "carries no digest"),
    ],
)
def test_an_input_that_somebody_changed_is_refused_before_it_is_used(tmp_path, capsys, how, metadata, says):
    with pytest.raises(SystemExit) as ended:
        reading(tmp_path, metadata, how=how)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_what_is_run_must_be_what_the_dossier_names_too(tmp_path, capsys):
    assert reading(tmp_path, {"digest": DIGEST_OF_M}, how="input_bytes") == b"m"
    document = executor_input(tmp_path)
    with pytest.raises(SystemExit), stage_io.stage(arguments(document)) as stage:
        stage.input_bytes("flows", "sha256:of another model")
    assert "it was sha256:of another model" in capsys.readouterr().err


def test_what_was_not_given_is_named(tmp_path, capsys):
    for name in ("input", "output", "parameter"):
        with pytest.raises(SystemExit) as ended, stage_io.stage(arguments({"inputs": {}, "outputs": {}})) as stage:
            getattr(stage, name)("absent")
        assert ended.value.code == 2
        assert "'absent'" in capsys.readouterr().err


def test_numbers_that_are_none_never_reach_a_json_artefact(tmp_path):
    stage = stage_io.Stage(executor_input(tmp_path))
    with pytest.raises(ValueError, match="not JSON compliant"):
        stage.write_json("model", {"x": float("nan")})
    assert not (tmp_path / "a/b/model").exists()


@pytest.mark.parametrize("value", [None, True, float("nan"), float("inf"), [1], {"a": 1}])
def test_metadata_that_kubeflow_would_not_show_is_a_defect_that_names_it(tmp_path, value):
    stage = stage_io.Stage(executor_input(tmp_path))
    with pytest.raises(NetanomalyError, match="metadata 'share' of output 'model'"):
        stage.describe("model", {"share": value})


def test_what_the_curves_of_kubeflow_are_made_of_is_taken_nested(tmp_path):
    stage = stage_io.Stage(executor_input(tmp_path))
    stage.describe("model", {"confidenceMetrics": [{"recall": 1.0}], "confusionMatrix": {"rows": []}})


def test_the_clear_line_is_the_very_last_whatever_the_stage_printed_before(tmp_path):
    """Standard output is buffered where it is no terminal; it comes before the error, not after."""
    code = (
        "import sys; from netanomaly import stage_io; from netanomaly.errors import DataError\n"
        "with stage_io.stage(sys.argv[1:]) as stage:\n"
        "    print('said before'); raise DataError('row 7 is no number')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments(executor_input(tmp_path))],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        text=True,
        check=False,
    )
    before, _peak_memory, last = ended.stdout.splitlines()
    assert (ended.returncode, before, last) == (2, "said before", "error: row 7 is no number")
