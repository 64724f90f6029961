"""Attacks that people confirmed: does the model still raise an alert?

They were found by a model, so that what share of them is found again says nothing of attacks that none found: the figures
stand by themselves, beside detection on labelled rows and never in it. An attack that is missed now is told of.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netanomaly.feedback.flows import read, with_features
from netanomaly.feedback.kept import Kept
from netanomaly.models.model import AnomalyModel

_SAID = 3


def confirmed_attacks(model: AnomalyModel, kept: Sequence[Kept]) -> dict[str, Any] | None:
    """Of each confirmed attack, how many of its flows alert; None where there is none.

    Raises:
        DataError: Flows that are gone or altered.
    """
    if not kept:
        return None
    judged, left_out = [], []
    for each in kept:
        rows = with_features(read(each), model.schema.numeric, model.schema.categorical)
        if rows is None:
            left_out.append(each.verdict)
            continue
        scores = model.score_rows(model.schema.rows(rows))
        alerts = int(np.count_nonzero(scores > model.threshold))
        judged.append({"verdict": each.verdict, "title": each.title, "flows": rows.num_rows, "alerts": alerts})
    return {
        "attacks": len(judged),
        "caught": sum(each["alerts"] > 0 for each in judged),
        "flows": sum(each["flows"] for each in judged),
        "alerts": sum(each["alerts"] for each in judged),
        "missed": [each for each in judged if not each["alerts"]],
        "of_other_columns": left_out,
    }


def said_of(evaluation: Mapping[str, Any]) -> list[str]:
    """What a reader has to know of it, a sentence each: attacks that are missed, and verdicts that could not be used."""
    attacks, benign = evaluation["confirmed"] or {}, evaluation["confirmed_benign"] or {}
    missed = attacks.get("missed") or []
    found = [
        f"an attack that people confirmed raises no alert: {each['title']} (verdict {each['verdict']})"
        for each in missed[:_SAID]
    ]
    if (more := len(missed) - _SAID) > 0:
        found.append(f"{more} more confirmed attacks raise no alert")
    for kind, of in (("attack", attacks), ("benign", benign)):
        if others := of.get("of_other_columns"):
            count = "1 verdict is" if len(others) == 1 else f"{len(others)} verdicts are"
            found.append(f"{count} not used ({kind}): on flows with other features than the data has")
    if over := benign.get("over"):
        found.append(f"{over} flows judged to be benign are left out: they would be over a tenth of the training data")
    return found
