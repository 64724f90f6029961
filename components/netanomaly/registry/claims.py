"""Who retrains for a window: claims in what monitoring keeps of a model, and the last look before a version is made.

A run of a pipeline cannot renew its claim while it works, so nobody can tell whether it lives. Another may take the claim over,
and then the first may be alive after all. So who registers says so first, by compare-and-swap in the same document: from then on the
claim is not taken over, and one that was taken over registers nothing.
"""

from collections.abc import Callable

from msgspec.structs import replace

from netanomaly.errors import GateRefusal
from netanomaly.registry.documents import now
from netanomaly.registry.monitored import MOST_CLAIMS, Claim, Document, Monitored

CLAIMED, REGISTERING, DONE, FAILED = "claimed", "registering", "done", "failed"
_MOST_BEFORE, _LONGEST = 8, 500


def claim_of(document: Document, window: str) -> Claim | None:
    """The claim on a window; None where nobody claimed it."""
    return next((each for each in document.claims if each.window == window), None)


def with_claim(document: Document, mine: Claim) -> Document:
    """The document with a claim in place of the one on its window, whose owner is remembered as one who may not register."""
    there = claim_of(document, mine.window)
    if there is not None:
        mine = replace(mine, taken_from=[*there.taken_from, there.owner][-_MOST_BEFORE:])
    others = [each for each in document.claims if each.window != mine.window]
    return replace(document, claims=[*others, mine][-MOST_CLAIMS:])


def about_to_register(monitored: Monitored, run: str) -> None:
    """To be called before a run registers its version: the claim that it trains by, if it has one, is not taken over any more.

    Raises:
        GateRefusal: It was taken over before.
    """

    def hold(document: Document) -> Document:
        if any(run in each.taken_from for each in document.claims):
            raise GateRefusal(
                "another monitoring run took over the retraining for this window, since this one took too long; nothing is "
                "registered, see the other run"
            )
        return _with(document, run, lambda each: each.state == CLAIMED, REGISTERING, "")

    monitored.change(hold)


def ended(monitored: Monitored, run: str, state: str, words: str) -> None:
    """Note what came of the retraining that a run does, if it does one: done, or failed and not to be repeated."""
    monitored.change(lambda document: _with(document, run, lambda each: each.state != DONE, state, words))


def _with(document: Document, run: str, which: Callable[[Claim], bool], state: str, words: str) -> Document:
    if not any(each.owner == run and which(each) for each in document.claims):
        return document
    claims = [
        replace(each, state=state, words=words[:_LONGEST], at=now()) if each.owner == run and which(each) else each
        for each in document.claims
    ]
    return replace(document, claims=claims)
