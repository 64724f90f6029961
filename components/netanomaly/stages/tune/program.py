"""Plan a search, ask for candidates, and choose, when they were tried: steps that hand one document on."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from netanomaly.errors import ConfigError, DataError, GateRefusal
from netanomaly.flows.contract import read_contract
from netanomaly.models.catalogue import by_what_is_known
from netanomaly.models.row_keys import row_keys
from netanomaly.models.rows import learn_schema
from netanomaly.stages.tune.lane import with_names
from netanomaly.stages.tune.settings import Settings
from netanomaly.traffic.feature_list import CONTEXT_NAMES
from netanomaly.tuning import folds, rows, selecting, suggesting
from netanomaly.tuning.importance import importance
from netanomaly.tuning.injecting import with_injected
from netanomaly.tuning.judging import compared
from netanomaly.tuning.measuring import Fitting, measure
from netanomaly.tuning.rounds import in_rounds
from netanomaly.tuning.space import Space, candidate, narrowed, resolve
from netanomaly.tuning.state import SHARES, Shared
from netanomaly.tuning.trial import fold

FORMAT = 1

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """A search that can begin.

    Attributes:
        sample: The rows that it works on.
        shared: The folds, and the defaults' scores.
        search: The document that the steps hand on: what is searched by what, and every trial so far.
    """

    sample: rows.Searched
    shared: Shared
    search: dict[str, Any]


def plan(file: pq.ParquetFile, dossier: Document, settings: Settings, progress: Callable[[int], Any] = int) -> Plan:
    """Draw the rows, lay the folds, and judge the defaults on them.

    Args:
        file: The training data, of the flow contract.
        dossier: From validate: the columns to learn from, and how many rows there are a day.
        settings: What to beat, and where to look.
        progress: Called with the number of rows drawn.

    Raises:
        GateRefusal: The data gate refused the data.
        ConfigError: The space contradicts the detector, or there is too little time for one trial.
        DataError: Too few rows, or nothing to judge by.
    """
    validation = dossier["validation"]
    if validation["verdict"] != "pass":
        errors = [each["message"] for each in validation.get("findings", []) if each.get("severity") == "error"]
        raise GateRefusal("the data gate refused the data: " + ("; ".join(errors[:5]) or "no reason was reported"))
    began = time.monotonic()
    columns = {column["name"] for column in validation["columns"] if column["role"] in ("number", "category")}
    counted = validation["training"]
    normal_share = (counted.get("normal_rows") or counted["rows"]) / max(counted["rows"], 1)
    budget = settings.budget(counted.get("rows_per_day"), normal_share)
    sample = rows.read(file, columns, settings.normal_labels, budget, settings.random_state)
    progress(sample.table.num_rows)
    attacks = folds.usable(sample.attacks)
    kind = folds.kind_of(attacks)
    if kind is None:
        injected = with_injected(sample, file, settings.normal_labels, settings.random_state)
        if injected is None:
            raise DataError(_nothing_to_judge_by(sample))
        sample, kind = injected, folds.INJECTED
        attacks = folds.usable(sample.attacks)
    doubted = settings.training_rows == "all" or (settings.training_rows == "auto" and not sample.labelled)
    fitting = Fitting(tuple(settings.categorical_columns), "all" if doubted else "normal", settings.random_state)
    parts = folds.splits(
        sample.normal,
        attacks,
        kind=kind,
        budget=budget,
        seed=settings.random_state,
        times=sample.times,
        keys=_keys(sample, fitting),
        attack_share=sample.attack_share if doubted and sample.labelled else 0.0,
    )
    names = set(sample.table.column_names)
    has_context = bool(names & CONTEXT_NAMES) and not names <= CONTEXT_NAMES
    base = candidate({"model_type": settings.model_type, "parameters": settings.model_parameters})
    defaults = {
        (split.name, share): measure(sample.table, split, base, fitting, share)
        for share in SHARES
        for split in parts
        if split.name != folds.FINAL
    }
    shared = Shared(parts, defaults)
    seconds = time.monotonic() - began
    if settings.deadline is not None and settings.deadline - time.time() < seconds:
        raise ConfigError(
            f"tuning.minutes leaves {max(settings.deadline - time.time(), 0):.0f} s, too little for one trial: to judge the "
            f"defaults alone took {seconds:.0f} s; give at least {max((4 * seconds) / 60, 0.1):.1f} minutes"
        )
    search = {
        "format": FORMAT,
        "objective": {"kind": kind, "said": folds.described(kind, parts), "budget": budget},
        "splits": [split.document() for split in parts],
        "by_time": parts[0].begin is not None,
        "data": {
            "rows": file.metadata.num_rows,
            "identity": dossier["ingest"]["training"].get("identity", ""),
            "sampled": sample.table.num_rows,
        },
        "fitting": {
            "categorical": list(fitting.categorical),
            "training_rows": fitting.training_rows,
            "seed": fitting.seed,
        },
        "given_space": settings.space,
        "has_context": has_context,
        "deadline": settings.deadline,
        "wanted": settings.trials,
        "defaults": {
            "candidate": base,
            "parameters_in_use": by_what_is_known(base["parameters"], fitting.training_rows),
            "quarter": _mean_recall(shared, SHARES[0], budget),
            "value": _mean_recall(shared, 1.0, budget),
            "folds": [
                {"name": split.name, "recall": round(shared.defaults[split.name, 1.0].recall(budget), 6)}
                for split in shared.folds
            ],
            "classes": {
                name: round(recall, 6)
                for split in shared.folds
                for name, recall in zip(split.classes, shared.defaults[split.name, 1.0].recalls(budget), strict=True)
            },
            "seconds": round(seconds, 2),
        },
        "rounds": [],
        "trials": [],
    }
    return Plan(sample, shared, search)


def ask(
    search: Document, results: Sequence[Document], settings: Settings
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Take in what became of the trials of the last round, and ask for those of the next.

    Args:
        search: The document of the round before.
        results: Of its lanes: `trials`.
        settings: What to beat, and where to look.

    Returns:
        The document, and the lanes of the round: `trials` that one task does one after the other. There is at least one
        lane; where nothing is left to try it holds no trial.
    """
    trials = _joined(search, results)
    number = len(search["rounds"]) + 1
    wanted = in_rounds(settings.trials)[number - 1]
    over = settings.deadline is not None and time.time() >= settings.deadline
    space, base = _space(search), search["defaults"]["candidate"]
    points = (
        suggesting.suggest(space, base, search["defaults"]["value"], trials, wanted, settings.random_state)
        if wanted and not over
        else []
    )
    cut = suggesting.cut(trials, search["defaults"]["quarter"])
    asked = [
        {
            "number": len(trials) + place + 1,
            "round": number,
            "params": point,
            "candidate": suggesting.candidate_of(point, space, base),
            "cut": cut,
        }
        for place, point in enumerate(points)
    ]
    width = max(1, min(settings.parallelism, len(asked)))
    lanes = [{"trials": asked[lane::width]} for lane in range(width)]
    rounds = [*search["rounds"], {"round": number, "asked": len(asked), "cut": cut}]
    return {**search, "trials": trials, "rounds": rounds}, lanes


def select(
    sample: Any, shared: Shared, search: Document, results: Sequence[Document], train: Document
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Choose, and check the choice on what the search never saw.

    Args:
        sample: The table of rows.
        shared: The folds.
        search: The document of the last round.
        results: Of its lanes.
        train: The settings of the train stage as the configuration has them.

    Returns:
        The result of the search, as `tuning.json` has it, and the settings to train with.
    """
    trials = _joined(search, results)
    found = selecting.winner(trials)
    shown = found or selecting.best(trials)
    final = None if shown is None else _final(sample, shared, search, shown["candidate"])
    outcome, reason = selecting.decided(trials, final if final is None or "difference" in final else None)
    tuned = outcome == selecting.TUNED
    chosen = shown["candidate"] if tuned and shown is not None else search["defaults"]["candidate"]
    left_out = [] if chosen["context"] else sorted(CONTEXT_NAMES & set(sample.column_names))
    changes = _changes(search["defaults"]["candidate"], chosen)
    document = {
        "format": FORMAT,
        "outcome": outcome,
        "reason": reason,
        "rule": selecting.RULE,
        "objective": search["objective"],
        "by_time": search["by_time"],
        "data": search["data"],
        "splits": search["splits"],
        "defaults": search["defaults"],
        "best": None if shown is None else shown["number"],
        "winner": shown["number"] if tuned and shown is not None else None,
        "chosen": chosen,
        "configuration": changes,
        "final": final,
        "trials": trials,
        "counts": selecting.counts(trials),
        "rounds": search["rounds"],
        "importance": importance(_space(search), trials, search["fitting"]["seed"]),
        "space": _said(_space(search)),
        "seconds": round(search["defaults"]["seconds"] + sum(each["seconds"] for each in trials), 1),
        "seed": search["fitting"]["seed"],
        "wanted": search["wanted"],
    }
    settings = dict(train)
    if tuned:
        settings |= {"model_type": chosen["model_type"], "model_parameters": chosen["parameters"], "left_out": left_out}
    return document, settings


def in_short(document: Document) -> dict[str, Any]:
    """What the dossier, and with it the registry's record, says of a search: that it was tuned, how, and on what."""
    kept = (
        "outcome",
        "reason",
        "rule",
        "objective",
        "by_time",
        "data",
        "splits",
        "winner",
        "final",
        "counts",
        "space",
        "configuration",
    )
    top = next((each for each in document["trials"] if each["number"] == document["best"]), None)
    return {
        **{name: document[name] for name in (*kept, "seconds", "seed")},
        "folds": [] if top is None else top["folds"],
        "defaults": document["defaults"]["candidate"],
        "chosen": document["chosen"],
    }


def _final(sample: Any, shared: Shared, search: Document, challenger: Document) -> dict[str, Any]:
    """The last word: defaults and challenger on rows and classes that the search never saw; or why there is none."""
    fitting, budget = _fitting(search), search["objective"]["budget"]
    before = measure(sample, shared.final, search["defaults"]["candidate"], fitting)
    try:
        after = measure(sample, shared.final, challenger, fitting)
    except DataError as error:
        return {"name": folds.FINAL, "why": str(error)}
    classes = {
        name: {"before": round(one, 6), "after": round(other, 6)}
        for name, one, other in zip(shared.final.classes, before.recalls(budget), after.recalls(budget), strict=True)
    }
    return {**fold(folds.FINAL, compared(before, after, budget, fitting.seed)), "classes": classes}


def _keys(sample: rows.Searched, fitting: Fitting) -> Any:
    """A key of each row, the same for rows that are equal in all features."""
    contract = read_contract(sample.table.schema)
    names = sample.table.column_names
    categorical = [name for name in names if name in {*contract.categorical, *fitting.categorical}]
    schema = learn_schema(sample.table.select(categorical), names, categorical, contract.policy)
    return row_keys(schema.rows(sample.table))


def _mean_recall(shared: Shared, share: float, budget: float) -> float:
    found = [shared.defaults[split.name, share].recall(budget) for split in shared.folds]
    return round(float(np.mean(found)), 6)


def _joined(search: Document, results: Sequence[Document]) -> list[dict[str, Any]]:
    names = search["defaults"]["classes"]
    fresh = [with_names(trial, names) for lane in results for trial in lane["trials"]]
    every = [*map(dict, search["trials"]), *sorted(fresh, key=lambda trial: trial["number"])]
    # Kubeflow carries 1.0 as 1, which to some a share is and to others a count.
    return [{**trial, "candidate": candidate(trial["candidate"])} for trial in every]


def _space(search: Document) -> Space:
    base = search["defaults"]["candidate"]["model_type"]
    doubted = search["fitting"]["training_rows"] == "all"
    return narrowed(resolve(search["given_space"], base), doubted=doubted, context=search["has_context"])


def _fitting(search: Document) -> Fitting:
    kept = search["fitting"]
    return Fitting(tuple(kept["categorical"]), kept["training_rows"], kept["seed"])


def _said(space: Space) -> dict[str, Any]:
    """The space as the report shows it."""

    def dimension(each: Any) -> Any:
        if each.choices is not None:
            return {"choices": list(each.choices)}
        return {"low": each.low, "high": each.high, "by_ratio": each.by_ratio}

    return {
        "model_type": list(space.detectors),
        "context": list(space.context),
        "parameters": {
            detector: {name: dimension(each) for name, each in found.items()}
            for detector, found in space.dimensions.items()
        },
    }


def _changes(base: Document, chosen: Document) -> dict[str, Any]:
    """What to change in the configuration so that it trains what was chosen; nothing where that is the defaults."""
    changes: dict[str, Any] = {}
    if chosen == base:
        return changes
    kind = chosen["model_type"]
    defaults = candidate({"model_type": kind})["parameters"]
    changes["model_type"] = kind
    changes[f"{kind}_params"] = {name: value for name, value in chosen["parameters"].items() if value != defaults[name]}
    if not chosen["context"]:
        changes["context"] = False
    return changes


def _nothing_to_judge_by(sample: rows.Searched) -> str:
    if not sample.labelled:
        return (
            "the training data has no labels, and is not of a sensor whose flows are known, so that no attacks can be injected: "
            "there is nothing to judge by; give data with labels"
        )
    found = sum(map(len, sample.attacks.values()))
    return (
        f"the training data has {found} labelled attacks, too few to hold some out (10 of each of two classes, or 20 of one), "
        "and is not of a sensor whose flows are known, so that none can be injected; give data with more"
    )
