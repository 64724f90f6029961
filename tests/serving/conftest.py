"""Two small models in a registry, and a server of the first."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from netanomaly.models.model import AnomalyModel
from netanomaly.registry import open_registry
from netanomaly.registry.changes import CHAMPION, Promotion
from netanomaly.stages.train.program import train

from tests.serving.running import Server, server
from tests.unit.models_data import FEATURES, traffic, write
from tests.unit.test_train import changed


@dataclass
class Office:
    """A registry with a model `office`: version 1 is champion, version 2 is another forest, challenger."""

    uri: str
    models: list[AnomalyModel]
    files: list[Path]

    def rows(self, count: int = 60, seed: int = 9) -> pa.Table:
        return traffic(count, count // 10, seed=seed).select(FEATURES).replace_schema_metadata(None)


def registered(place: Path | str, models: list[AnomalyModel], files: list[Path]) -> Office:
    registry = open_registry(place)
    for number, (model, file) in enumerate(zip(models, files, strict=True), start=1):
        aliases = (CHAMPION,) if number == 1 else ("challenger",)
        registry.register(
            "office",
            file,
            {"versions": model.versions},
            run_id=f"run-{number}",
            artifact_name="model.joblib",
            promotion=Promotion(aliases=aliases),
        )
    registry.flush()
    return Office(str(place), models, files)


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> tuple[list[AnomalyModel], list[Path]]:
    folder = tmp_path_factory.mktemp("trained")
    flows = write(traffic(2000, 0, seed=3), folder / "flows.parquet")
    models, files = [], []
    for seed in (5, 6):
        models.append(train(flows, changed(random_state=seed, model_parameters={"n_estimators": 25})).model)
        files.append(folder / f"{seed}.joblib")
        models[-1].save(files[-1])
    return models, files


@pytest.fixture(scope="session")
def office(trained, tmp_path_factory) -> Office:
    return registered(tmp_path_factory.mktemp("registry"), *trained)


@pytest.fixture
def own_office(trained, tmp_path) -> Office:
    """One that a test may change."""
    return registered(tmp_path / "registry", *trained)


@pytest.fixture(scope="session")
def served(office) -> Iterator[Server]:
    """The champion, which nothing changes."""
    with server("--model", "office", "--registry", office.uri) as running:
        yield running
