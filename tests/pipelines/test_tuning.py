"""Tuning as a person asks for it: by the command, and as the beginning of a training run."""

import json
from pathlib import Path

import pyarrow.csv
import pytest
from netanomaly.cli.pipelines import Name, as_wanted, for_sources, kind_of
from netanomaly.cli.pipelines.tuning import TunedTraining
from netanomaly.registry import open_registry

from tests.command import Ended, netanomaly, netanomaly_here
from tests.unit.models_data import traffic
from tests.warm import netanomaly_warm

# The one training is for all.
pytestmark = pytest.mark.xdist_group("tuning")

KNN = {"model_type": ["knn"], "knn": {"n_neighbors": {"low": 1, "high": 8}, "reference_rows": [128, 256]}}
# Two in the first round, so that they can be side by side; each has a process of its own.
TRIALS = 5


@pytest.fixture(scope="module")
def configuration(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tuning")
    pyarrow.csv.write_csv(traffic(700, 120), folder / "flows.csv")
    path = folder / "small.json"
    document = {
        "model_name": "small",
        "data_source": "flows.csv",
        "alert_budget": 0.05,
        "model_type": "pca",
        "validation": {"column_tells_alone": "off"},
    }
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="module")
def workdir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def tuned_training(configuration, workdir) -> Ended:
    wanted = json.dumps({"trials": TRIALS, "parallelism": 1, "space": KNN})
    return netanomaly_warm("run", configuration, "--set", f"tuning={wanted}", "--workdir", workdir, "--json")


def test_a_configuration_with_tuning_is_searched_for_and_then_trained(tuned_training):
    assert tuned_training.code == 0, tuned_training.stderr
    result = tuned_training.json
    assert result["pipeline"] == "training-tuned"
    assert result["version"] == 1
    tuning = result["tuning"]
    assert tuning["outcome"] in ("tuned", "defaults_kept")
    assert sum(tuning["counts"].values()) == TRIALS
    metadata = json.loads((Path(result["run_dir"]) / "model_metadata.json").read_text())
    assert metadata["tuning"]["outcome"] == tuning["outcome"]
    assert metadata["model_type"] == ("knn" if tuning["outcome"] == "tuned" else "pca")
    assert metadata["tuning"]["data"]["identity"] == metadata["data"]["training"]["identity"]
    assert {"objective", "splits", "final", "space", "seed"} <= set(metadata["tuning"])


def test_what_people_look_for_is_at_the_top_of_the_folder(tuned_training):
    folder = Path(tuned_training.json["run_dir"])
    assert "<h1>" in (folder / "tuning_report.html").read_text()
    found = json.loads((folder / "tuning.json").read_text())
    assert [len(found["trials"]), found["wanted"]] == [TRIALS, TRIALS]
    assert tuned_training.json["tuning_report"] == str(folder / "tuning_report.html")


def test_tune_says_what_it_came_to_and_registers_nothing(configuration, tuned_training, tmp_path):
    space = f"tuning.space={json.dumps(KNN)}"
    ended = netanomaly(
        *("tune", configuration, "--trials", str(TRIALS), "--parallelism", "2", "--set", space, "--workdir", tmp_path)
    )
    assert ended.code == 0, ended.stderr
    assert ended.stdout.startswith("tuning ")
    assert "trials      " in ended.stdout
    assert "registry" not in ended.stdout
    [run] = (tmp_path / "small").glob("tuning_*")
    again = json.loads((run / "tuning.json").read_text())
    was = json.loads((Path(tuned_training.json["run_dir"]) / "tuning.json").read_text())

    def figures(document):
        return [{**each, "seconds": 0} for each in document["trials"]]

    # The same seed and data: the same search, whoever asks and however many try side by side.
    assert figures(again) == figures(was)
    assert (again["outcome"], again["final"]) == (was["outcome"], was["final"])


def test_the_registrys_record_and_the_log_say_what_the_search_came_to(tuned_training, workdir):
    """The log is all that submit has to tell it by."""
    folder = Path(tuned_training.json["run_dir"])
    version = open_registry(str(workdir / "registry")).version("small:1")
    assert {"report.html", "tuning_report.html"} <= set(version.record.files)
    [said] = [
        line for line in (folder / "logs" / "register.log").read_text().splitlines() if line.startswith("result: ")
    ]
    assert TunedTraining().of_log(json.loads(said.removeprefix("result: ")))["tuning"] == tuned_training.json["tuning"]


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("captures", [False, True])
def test_a_configuration_takes_the_form_that_its_block_and_its_data_ask_for(configuration, tmp_path, tuned, captures):
    (tmp_path / "a.pcap").write_bytes(b"\xd4\xc3\xb2\xa1" + bytes(36))
    source = tmp_path / "a.pcap" if captures else configuration.parent / "flows.csv"
    document = {"tuning": {"trials": 4}} if tuned else {}
    form = "training" + ("-tuned" if tuned else "") + ("-from-captures" if captures else "")
    assert for_sources(as_wanted(Name.training, document), [str(source)]) == form
    assert as_wanted(for_sources(Name.training, [str(source)]), document) == form
    assert kind_of(Name(form)).name == form
    assert for_sources(Name.tuning, [str(source)]) == "tuning" + ("-from-captures" if captures else "")


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("tuning.trials=100", "field 'tuning.trials' is 100; it must be a whole number from 1 to 64"),
        ("tuning.trials=0", "field 'tuning.trials' is 0"),
        ("tuning.minutes=0", "field 'tuning.minutes' is 0; it must be minutes over 0"),
        ("tuning.trial=3", "did you mean 'trials'"),
        ("tuning.space.knn.n_neighbors=[0]", "tuning.space.knn.n_neighbors has 0, which it cannot take"),
        ("tuning.minutes=0.0001", "too little for one trial"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(configuration, tmp_path, assignment, said):
    ended = netanomaly_here("tune", configuration, "--set", assignment, "--workdir", tmp_path)
    assert ended.code == 2
    assert said in ended.stderr.splitlines()[-1]


def test_the_plain_pipeline_does_not_leave_a_search_out_without_a_word(configuration, tmp_path):
    """As where someone uploads the plain pipeline and gives it a configuration with a tuning block."""
    from netanomaly import runners
    from netanomaly.cli.compile import compiled_file

    document = json.loads(configuration.read_text())
    document |= {"tuning": {"trials": 4}, "registry": str(tmp_path / "registry")}
    document["data_source"] = str(configuration.parent / "flows.csv")
    result = runners.run(
        compiled_file("training"), {"configuration": document}, tmp_path / "run", launcher=runners.HostLauncher()
    )
    assert (result.exit_code, result.failed_task) == (2, "train")
    assert "run the pipeline netanomaly-training-tuned" in (result.error or "")
