"""The champion, where it can be judged beside a new model; and why it cannot, where it cannot."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netanomaly.errors import DataError
from netanomaly.metrics.distribution import Scores
from netanomaly.models.model import AnomalyModel
from netanomaly.report.words import listed

if TYPE_CHECKING:
    from netanomaly.registry import Registry

ByChampion = tuple[Scores, npt.NDArray[np.bool_] | None]
"""Scores of rows, and which of them it was trained on."""


@dataclass(frozen=True)
class Champion:
    """The model that is judged beside the new one. Where it could not be loaded, `error` says why and there is none."""

    model: AnomalyModel | None
    version: int
    error: str = ""

    def cannot_judge(self, names: Collection[str], sensor: str) -> str:
        """Why it cannot be compared on data of these columns, of this kind of sensor; empty where it can."""
        if self.model is None:
            return self.error
        if self.model.sensor != sensor:
            kinds = [kind or "a table" for kind in (self.model.sensor, sensor)]
            return f"the champion, version {self.version}, learnt from flows of {kinds[0]}, and these are of {kinds[1]}"
        absent = [name for name in self.model.schema.features if name not in names]
        if not absent:
            return ""
        columns = f"column {absent[0]}" if len(absent) == 1 else f"the columns {listed(absent)}"
        return f"the champion, version {self.version}, needs {columns}, which the evaluation data does not have"

    def score(self, batch: pa.RecordBatch) -> ByChampion | str:
        """Scores of the rows and which of them it was trained on, or why it cannot score them."""
        if self.model is None:
            return self.error
        try:
            rows = self.model.schema.rows(batch)
            return self.model.score_rows(rows), self.model.has_seen(rows)
        except DataError as error:
            return f"the champion, version {self.version}, cannot score the evaluation data: {error}"


def load_champion(registry: "Registry", name: str, version: int) -> Champion:
    """The champion from the registry, its bytes verified.

    One that was made by libraries that cannot be used here, or is no model of netanomaly, is one without a model.

    Raises:
        ModelError: Its bytes are not those that were registered, or nobody trusted signed for them.
    """
    from netanomaly.registry.errors import LibraryVersionsMissing, NotAModel, UnsupportedLibraryVersions

    record = registry.version(f"{name}:{version}").record
    called = f"the champion, version {version},"
    if record.tree or not record.artifact.path:
        return Champion(None, version, f"{called} was not trained by netanomaly: there is no model file to score with")
    try:
        model = registry.load(f"{name}:{version}")
    except (LibraryVersionsMissing, UnsupportedLibraryVersions) as error:
        return Champion(None, version, f"{called} cannot be loaded here: {error}")
    except NotAModel as error:
        # Verified bytes whose classes are not here, or that are no pickle: another detector's, or of another netanomaly.
        return Champion(None, version, f"{called} cannot be loaded by this netanomaly: {error}")
    if not isinstance(model, AnomalyModel):
        return Champion(None, version, f"{called} is a {type(model).__name__}, not a model of netanomaly")
    return Champion(model, version)
