"""Verdicts as labels: which flows people confirmed, for training (benign) and for evaluation (attack)."""

from dataclasses import dataclass, field, replace

from netanomaly.feedback.book import Pages, open_book
from netanomaly.feedback.documents import ATTACK, BENIGN, Said
from netanomaly.feedback.kept import Kept

MOST = 200
"""Of each kind the latest so many verdicts: a stage's input has no room for more."""


_LONGEST_TITLE = 120
_UNNAMED = "an alert whose ends are not named"


@dataclass(frozen=True)
class Confirmed:
    """What people confirmed of a model's alerts: flows that are benign, and flows of attacks."""

    uri: str = ""
    benign: list[Kept] = field(default_factory=list)
    attacks: list[Kept] = field(default_factory=list)

    def of_no_ends(self) -> "Confirmed":
        """The same without titles, which name the ends of flows."""
        benign, attacks = ([replace(kept, title=_UNNAMED) for kept in of] for of in (self.benign, self.attacks))
        return replace(self, benign=benign, attacks=attacks)


def confirmed_of(uri: str, model: str) -> Confirmed:
    """What stands in a book about a model. Raises as `Book.pages`."""
    book = open_book(uri)
    pages = book.pages(model)
    return Confirmed(book.uri, confirmed(pages, book.uri, BENIGN), confirmed(pages, book.uri, ATTACK))


def confirmed(pages: Pages, uri: str, said: Said) -> list[Kept]:
    """Of the last words those that say so and keep flows, the latest `MOST`, the oldest first.

    A verdict that has expired suppresses no more; what it says of its own flows still holds.

    Args:
        uri: Of the book.
    """
    found = [
        Kept(each.id, each.title[:_LONGEST_TITLE], f"{uri}/{each.rows.path}", each.rows.sha256, each.rows.rows)
        for each in pages.last_words()
        if each.said == said and each.rows is not None
    ]
    return found[-MOST:]
