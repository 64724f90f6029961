"""Which candidates to try next: Optuna is asked, and told all trials so far each time anew.

There is no database: the trials' own documents are the state. The same trials, space and seed give the same suggestions on
every machine. Those that are asked for together do not know of each other's outcome, so each is taken for a bad one by the
next (constant liar: Ginsbourger, Le Riche, Carraro, 'Kriging is well-suited to parallelize optimization', 2010), which
spreads them.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from netanomaly.models.catalogue import check
from netanomaly.tuning.endings import COMPLETE, STOPPED
from netanomaly.tuning.space import Dimension, Space, candidate

# Of the trials so far the best third at a quarter of the rows is worth all of them (successive halving: Jamieson,
# Talwalkar, 'Non-stochastic best arm identification', 2016); of fewer than these nobody knows what the best third is.
_BEST = 2 / 3
_FEWEST_TO_CUT = 5
# A suggestion that was tried before is asked for again so often; then points are drawn at random, so often.
_ATTEMPTS, _AT_RANDOM = 10, 200

Params = dict[str, Any]


def cut(trials: Sequence[Mapping[str, Any]], defaults: float) -> float | None:
    """What has to be caught at a quarter of the rows to be worth all; None while nobody knows."""
    known = [each["quarter"] for each in trials if each.get("quarter") is not None]
    return round(float(np.quantile([*known, defaults], _BEST)), 6) if len(known) >= _FEWEST_TO_CUT else None


def suggest(
    space: Space,
    base: Mapping[str, Any],
    base_value: float,
    trials: Sequence[Mapping[str, Any]],
    wanted: int,
    seed: int,
) -> list[Params]:
    """So many points to try that were not tried before; fewer where the space has no more.

    The first are the defaults of each detector, and those of the first one with context the other way.

    Args:
        space: Where to look.
        base: The candidate that is to be beaten, whose parameters outside the space every candidate of its kind shares.
        base_value: What it catches.
        trials: All trials so far.
        wanted: How many.
        seed: Of the draws.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        # It calls what is used here experimental; its version is pinned.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        drawn = int(np.random.SeedSequence([seed, len(trials)]).generate_state(1)[0] >> 1)
        sampler = optuna.samplers.TPESampler(
            seed=drawn,
            multivariate=True,
            group=True,
            constant_liar=True,
            n_startup_trials=8,
        )
        study = optuna.create_study(sampler=sampler, direction="maximize")
        known = _told(study, space, base, base_value, trials)
        if not trials:
            for point in _starts(space):
                study.enqueue_trial(point)
        return _asked(study, space, base, known, wanted, drawn)


def candidate_of(params: Params, space: Space, base: Mapping[str, Any]) -> dict[str, Any]:
    """The candidate at a point."""
    detector = params.get("model_type", space.detectors[0])
    parameters = dict(base["parameters"]) if detector == base["model_type"] else {}
    for name, dimension in space.dimensions[detector].items():
        value = params[f"{detector}.{name}"]
        parameters[name] = json.loads(value) if dimension.choices is not None else value
    context = json.loads(params["context"]) if "context" in params else space.context[0]
    return candidate({"model_type": detector, "parameters": parameters, "context": context})


def point_of(found: Mapping[str, Any], space: Space) -> Params | None:
    """The point at which a candidate lies; None where the space does not have it."""
    detector, parameters = found["model_type"], found["parameters"]
    if detector not in space.detectors or found["context"] not in space.context:
        return None
    params = _heading(space, detector, found["context"])
    for name, dimension in space.dimensions[detector].items():
        value = parameters[name]
        if dimension.choices is not None:
            if value not in dimension.choices:
                return None
            params[f"{detector}.{name}"] = _text(value)
        elif isinstance(value, int | float) and dimension.low <= value <= dimension.high:
            params[f"{detector}.{name}"] = int(value) if dimension.whole else float(value)
        else:
            return None
    return params


def _starts(space: Space) -> list[Params]:
    first, *others = space.context
    wanted = [*((detector, first) for detector in space.detectors), *((space.detectors[0], each) for each in others)]
    defaults = [
        {"model_type": detector, "parameters": check(detector, {}), "context": context} for detector, context in wanted
    ]
    return [point for each in defaults if (point := point_of(each, space)) is not None]


def _told(
    study: optuna.Study,
    space: Space,
    base: Mapping[str, Any],
    base_value: float,
    trials: Sequence[Mapping[str, Any]],
) -> set[str]:
    """Tell a study of every trial; returns the candidates that are known."""
    known = {_text(base)}
    if (point := point_of(base, space)) is not None:
        study.add_trial(_frozen(point, space, COMPLETE, base_value))
    for each in trials:
        known.add(_text(each["candidate"]))
        if each["state"] == COMPLETE:
            study.add_trial(_frozen(each["params"], space, COMPLETE, each["value"]))
        elif each["state"] == STOPPED:
            study.add_trial(_frozen(each["params"], space, STOPPED, each["quarter"]))
    return known


def _asked(
    study: optuna.Study, space: Space, base: Mapping[str, Any], known: set[str], wanted: int, seed: int
) -> list[Params]:
    found: list[Params] = []
    again = 0
    guided = study.sampler
    while len(found) < wanted and again < _ATTEMPTS + _AT_RANDOM:
        if again == _ATTEMPTS:
            study.sampler = optuna.samplers.RandomSampler(seed=seed)
        asked = study.ask()
        params = _filled(asked, space)
        text = _text(candidate_of(params, space, base))
        if text in known:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
            again += 1
            continue
        known.add(text)
        found.append(params)
        again, study.sampler = 0, guided
        seed += 1
    return found


def _filled(asked: optuna.Trial, space: Space) -> Params:
    """Let a trial choose each thing in turn; what it chose."""
    detector = space.detectors[0]
    if len(space.detectors) > 1:
        detector = asked.suggest_categorical("model_type", list(space.detectors))
    if len(space.context) > 1:
        asked.suggest_categorical("context", [_text(each) for each in space.context])
    for name, distribution in _distributions(space, detector).items():
        _suggest(asked, name, distribution)
    return dict(asked.params)


def _suggest(asked: optuna.Trial, name: str, distribution: BaseDistribution) -> None:
    if isinstance(distribution, CategoricalDistribution):
        asked.suggest_categorical(name, distribution.choices)
    elif isinstance(distribution, IntDistribution):
        asked.suggest_int(name, distribution.low, distribution.high, log=distribution.log)
    elif isinstance(distribution, FloatDistribution):
        asked.suggest_float(name, distribution.low, distribution.high, log=distribution.log)


def _distributions(space: Space, detector: str) -> dict[str, BaseDistribution]:
    return {f"{detector}.{name}": _distribution(each) for name, each in space.dimensions[detector].items()}


def _distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.choices is not None:
        return CategoricalDistribution([_text(value) for value in dimension.choices])
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.by_ratio)
    return FloatDistribution(float(dimension.low), float(dimension.high), log=dimension.by_ratio)


def _heading(space: Space, detector: str, context: bool) -> Params:
    heading: Params = {}
    if len(space.detectors) > 1:
        heading["model_type"] = detector
    if len(space.context) > 1:
        heading["context"] = _text(context)
    return heading


def _frozen(params: Params, space: Space, state: str, value: float) -> optuna.trial.FrozenTrial:
    detector = params.get("model_type", space.detectors[0])
    every: dict[str, BaseDistribution] = {
        "model_type": CategoricalDistribution(list(space.detectors)),
        "context": CategoricalDistribution([_text(each) for each in space.context]),
        **_distributions(space, detector),
    }
    distributions = {name: every[name] for name in params}
    complete = state == COMPLETE
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.COMPLETE if complete else optuna.trial.TrialState.PRUNED,
        value=value if complete else None,
        params=params,
        distributions=distributions,
        intermediate_values={0: value} if not complete else {},
    )


def _text(value: Any) -> str:
    """A value that Optuna takes for a choice: lists are none."""
    return json.dumps(value, sort_keys=True)
