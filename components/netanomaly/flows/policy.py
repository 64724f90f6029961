"""The reading policy of one source: what turns its text into model input, in one document.

It travels in the flow file (`Contract.policy`) and in the model (`Schema.policy`), so that every door reads alike. What
holds of every column is in `netanomaly.flows.values` and has the number `VERSION`; how a column writes its numbers is
its notation.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from netanomaly.errors import DataError
from netanomaly.flows import notations
from netanomaly.flows.notations import PLAIN, Notation

VERSION = 1
"""Of the rules for all columns. A change of them that changes what a value means takes the next number."""


@dataclass(frozen=True)
class Policy:
    """How values are read; a column of numbers that is not in `notations` writes them plainly."""

    notations: Mapping[str, Notation] = field(default_factory=dict)
    version: int = VERSION

    def notation(self, column: str) -> Notation:
        """How this column writes its numbers."""
        return self.notations.get(column, PLAIN)

    def of(self, columns: Collection[str]) -> "Policy":
        """As much of it as concerns these columns."""
        return Policy({name: self.notations[name] for name in columns if name in self.notations}, self.version)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        named = {name: notations.document(each) for name, each in self.notations.items() if each != PLAIN}
        return {"version": self.version, "notations": named}


PLAIN_POLICY = Policy()


def read(document: Mapping[str, Any] | None) -> Policy:
    """A policy as `Policy.document` wrote it; the plain one of files made before there was one.

    Raises:
        DataError: A newer version of netanomaly wrote it.
    """
    if document is None:
        return PLAIN_POLICY
    if document["version"] > VERSION:
        raise DataError(
            f"the data was read by policy {document['version']} and this version knows {VERSION}; install a newer netanomaly"
        )
    return Policy({name: notations.read(each) for name, each in document["notations"].items()}, document["version"])
