"""What every trial of a search shares, in one file: which rows each fold has, and how the defaults scored them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from netanomaly.tuning.folds import FINAL, Split
from netanomaly.tuning.judging import Judged

SHARES = (0.25, 1.0)
"""Of the rows to fit on: what every candidate is fitted on first, and what those are that are worth it."""


@dataclass(frozen=True)
class Shared:
    """The splits, the final check as the last, and the defaults' scores by fold and share."""

    splits: Sequence[Split]
    defaults: Mapping[tuple[str, float], Judged]

    @property
    def folds(self) -> Sequence[Split]:
        """The splits that the search sees."""
        return [split for split in self.splits if split.name != FINAL]

    @property
    def final(self) -> Split:
        """The split that it never sees."""
        return next(split for split in self.splits if split.name == FINAL)

    def save(self, path: Path) -> None:
        """Write one file of arrays."""
        arrays = {"names": np.array([split.name for split in self.splits])}
        for place, split in enumerate(self.splits):
            for name in ("fit", "normal", "attack", "codes"):
                arrays[f"{place}.{name}"] = getattr(split, name)
            arrays[f"{place}.classes"] = np.array(split.classes)
            for share in SHARES:
                if (judged := self.defaults.get((split.name, share))) is not None:
                    arrays[f"{place}.{share}.normal"] = judged.normal
                    arrays[f"{place}.{share}.attack"] = judged.attack
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)


def load(data: bytes) -> Shared:
    """Read what `save` wrote; nothing in it is run."""
    splits, defaults = [], {}
    with np.load(BytesIO(data), allow_pickle=False) as arrays:
        for place, name in enumerate(arrays["names"].tolist()):
            split = Split(
                name,
                fit=arrays[f"{place}.fit"],
                normal=arrays[f"{place}.normal"],
                attack=arrays[f"{place}.attack"],
                codes=arrays[f"{place}.codes"],
                classes=tuple(arrays[f"{place}.classes"].tolist()),
            )
            splits.append(split)
            for share in SHARES:
                if f"{place}.{share}.normal" in arrays:
                    scores = [arrays[f"{place}.{share}.{part}"] for part in ("normal", "attack")]
                    defaults[name, share] = Judged(scores[0], scores[1], split.codes)
    return Shared(splits, defaults)
