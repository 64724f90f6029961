"""What runs come to, as a person reads it: verdict, decision, and what the exit code says of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.command import Ended, netanomaly_here
from tests.warm import netanomaly_warm

FAST = {"model_type": "isolation_forest", "isolation_forest_params": {"n_estimators": 20, "max_samples": 256}}


def flows(path: Path, normal: int, attacks: int, seed: int, lead: float, columns: str = "abc") -> str:
    """Rows of noise; attacks lie `lead` standard deviations off."""
    random = np.random.default_rng(seed)
    lines = [",".join([*columns, "label"])]
    for row in range(normal + attacks):
        attack = row >= normal
        values = random.normal(lead if attack else 0, 1, len(columns))
        lines.append(",".join([*(f"{value:.5f}" for value in values), "attack" if attack else "normal"]))
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("verdicts")


def run(folder: Path, name: str, training: str, evaluation: str, *arguments: str, **fields) -> Ended:
    config = {"model_name": name, "data_source": training, "evaluation_data_source": evaluation, **FAST, **fields}
    (folder / f"{name}.json").write_text(json.dumps(config))
    return netanomaly_warm("run", folder / f"{name}.json", "--workdir", folder / "work", *arguments)


def test_what_is_no_better_than_chance_is_refused_without_a_gate(folder):
    training = flows(folder / "noise.csv", 2000, 0, 1, 0)
    evaluation = flows(folder / "noise-too.csv", 1500, 500, 2, 0)
    refused = run(folder, "noise", training, evaluation)
    assert refused.code == 4
    assert "verdict     Not usable: it does not tell attacks from normal flows" in refused.stderr
    assert "decision    rejected: nothing was registered" in refused.stderr
    assert "coin toss" in refused.last_line
    off = run(folder, "noise", training, evaluation, gates={"min_lift": False, "min_roc_auc_low": False})
    assert off.code == 0
    assert "switched off: min_roc_auc_low and min_lift" in off.stdout
    assert "challenger, not champion" in off.stdout
    command = off.stdout[off.stdout.index("netanomaly registry") :].partition("\n\n")[0].replace("\\\n", "").split()
    assert netanomaly_here(*command[1:]).code == 0, "what is advised works"


def test_few_rows_tell_nothing_and_stop_nobody(folder):
    training = flows(folder / "normal.csv", 1000, 0, 3, 0)
    ended = run(folder, "few", training, flows(folder / "few.csv", 164, 5, 4, 1))
    assert ended.code == 0, ended.stderr
    assert "Detection quality cannot be told: too few flows were judged" in ended.stdout
    assert "champion: there is no champion yet" in ended.stdout


def test_a_champion_of_other_columns_is_found_before_training_and_ends_no_run(folder):
    first = run(
        folder,
        "other",
        flows(folder / "1.csv", 1000, 0, 5, 0, "abcd"),
        flows(folder / "2.csv", 1000, 300, 6, 4, "abcd"),
    )
    assert first.code == 0, first.stderr
    assert "champion: there is no champion yet" in first.stdout
    second = run(
        folder, "other", flows(folder / "3.csv", 1000, 0, 7, 0), flows(folder / "4.csv", 1000, 300, 8, 4), "--json"
    )
    assert second.code == 0, second.stderr
    assert second.json["decision"]["because"] == "incomparable"
    assert second.json["aliases"] == ["challenger"]
    assert any(finding["rule"] == "other_champion" for finding in second.json["findings"])
