"""The roles of columns, as the data report begins with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from netanomaly.report import documents, words
from netanomaly.report.documents import Document
from netanomaly.report.status import Status

MOST_ROWS = 300
"""A page shows so many at most; the dossier has all."""

_FEATURES = ("number", "category")
_SUSPECT = 0.9
# Of roles other than a feature's; what is not named is a note.
_STATUS: dict[str, Status] = {"gives the answer away": "bad"}


@dataclass(frozen=True)
class Role:
    """One column: what it is for, why, and how it is read."""

    name: str
    role: str
    status: Status | None
    kind: str
    why: str
    against: str
    alone: str
    found: bool


@dataclass(frozen=True)
class Roles:
    """The columns that are not learnt from or not without a doubt, then those that are.

    `lead` says in a sentence how many there are of each; empty where nothing is known of roles.
    """

    lead: str
    apart: Sequence[Role]
    features: Sequence[Role]
    more: int


def roles(validation: Document) -> Roles:
    """The table of roles, of a validation report."""
    concerned = {documents.text(finding, "column") for finding in documents.objects(validation, "findings")}
    columns = documents.objects(validation, "columns")
    said = [_role(column, documents.text(column, "name") in concerned) for column in columns]
    features = [each for each in said if each.role in _FEATURES and not each.against]
    apart = sorted(
        (each for each in said if each not in features), key=lambda each: _ORDER.index(each.status or "note")
    )
    used = sum(each.role in _FEATURES for each in said)
    lead = f"{words.integer(used)} of {words.plural(len(said), 'column')} are learnt from." if said else ""
    more = max(0, len(apart) - MOST_ROWS) + max(0, len(features) - MOST_ROWS)
    return Roles(lead, apart[:MOST_ROWS], features[:MOST_ROWS], more)


_ORDER: tuple[Status, ...] = ("bad", "warning", "note", "good")


def _role(column: Document, found: bool) -> Role:
    role = documents.text(column, "role")
    against = words.clip(documents.text(column, "against"), 200)
    status = _STATUS.get(role, "note")
    if role in _FEATURES:
        status = "warning" if against else "good"
    alone = documents.number(column, "separates")
    return Role(
        name=words.clip(documents.text(column, "name"), 60),
        role=role,
        status=status,
        kind=documents.text(column, "kind") or words.MISSING,
        why=words.clip(documents.text(column, "why"), 240),
        against=against,
        alone=f"{alone:.3f}" if alone is not None and (alone >= _SUSPECT or role not in _FEATURES) else "",
        found=found,
    )
