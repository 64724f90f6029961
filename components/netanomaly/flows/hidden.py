"""Ends of flows as salted digests: told apart within one result, and named by nobody."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import blake2b

import pyarrow as pa

from netanomaly.errors import ConfigError
from netanomaly.flows import addresses
from netanomaly.flows.batch import Batch
from netanomaly.flows.contract import Contract

ENDS = ("src_ip", "dst_ip")
"""Parts of a record's identity that become digests."""

NOTHING = ("src_port", "uid")
"""Those that are left out: they lead to the ends where the sensor's own log is at hand."""


def naming_features(contract: Contract, features: Iterable[str]) -> list[str]:
    """Those of some features that name an end of a flow, or the flow."""
    naming = {contract.identity.get(part) for part in (*ENDS, "uid")}
    return [name for name in features if name in naming]


class Hidden:
    """Digests under a salt that is drawn anew for each result and kept nowhere: of 2^32 addresses every one can be tried."""

    def __init__(self, salt: bytes | None = None) -> None:
        """Args: salt: For tests; None: drawn."""
        self._salt = salt or secrets.token_bytes(32)

    def digest(self, address: str) -> str:
        """What stands for an end: the same for the same address, in this result."""
        return f"host-{blake2b(address.encode(), key=self._salt, digest_size=6).hexdigest()}"

    def parts(self, identity: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
        """Parts of records' identities without what names an end."""
        return {
            part: self._digests(column) if part in ENDS else column
            for part, column in identity.items()
            if part not in NOTHING
        }

    def batch(self, batch: Batch, contract: Contract) -> Batch:
        """Rows whose columns beside the features name no end.

        Raises:
            ConfigError: An end is read as a feature.
        """
        named = naming_features(contract, contract.features)
        named += [name for name, column in batch.categories.items() if addresses.are(column.dictionary.to_pylist())]
        if named:
            raise ConfigError(
                f"ends are to be left out, and column {named[0]!r} of them is read as a feature; add it to ignore_columns"
            )
        beside = dict(batch.beside)
        for part in (*ENDS, *NOTHING):
            name = contract.identity.get(part)
            if name in beside:
                column = beside[name]
                beside[name] = self._digests(column) if part in ENDS else pa.nulls(len(column), column.type)
        return replace(batch, beside=beside)

    def _digests(self, column: pa.Array) -> pa.Array:
        encoded = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
        named = pa.array(
            [None if text is None else self.digest(text) for text in encoded.dictionary.to_pylist()], pa.string()
        )
        return pa.DictionaryArray.from_arrays(encoded.indices, named).cast(pa.string())
