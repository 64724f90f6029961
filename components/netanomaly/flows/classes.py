"""Class names of a stream of labels, as codes."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Codes = npt.NDArray[np.int32]


class Classes:
    """The classes met so far, in order of appearance, with how many rows each has; a missing label is the empty name."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def codes(self, labels: pa.Array) -> Codes:
        """Of each label, spelt out or dictionary-encoded, the position of its class in `counts`, which grows by it."""
        encoded = labels if pa.types.is_dictionary(labels.type) else labels.cast(pa.string()).dictionary_encode()
        names = [name or "" for name in encoded.dictionary.to_pylist()] + [""]
        found = encoded.indices.fill_null(len(names) - 1).to_numpy()
        for name, count in zip(names, np.bincount(found, minlength=len(names)).tolist(), strict=True):
            if count:
                self.counts[name] = self.counts.get(name, 0) + count
        places = {name: place for place, name in enumerate(self.counts)}
        table = np.array([places.get(name, 0) for name in names], dtype=np.int32)
        codes: Codes = table[found]
        return codes
