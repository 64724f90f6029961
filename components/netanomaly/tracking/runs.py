"""A run as MLflow keeps it, and its limits: plain values, made the same again from the same documents.

MLflow takes an equal parameter twice and refuses a changed one, so a retry repeats values and times: none is a clock's.
https://mlflow.org/docs/latest/api_reference/rest-api.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_PARAMETERS, MOST_METRICS, MOST_TAGS = 100, 1000, 100
"""Of one request."""
LONGEST_PARAMETER = 5_999
"""Of 6,000 characters and more MLflow keeps the first ones, and says nothing."""
LONGEST_TAG = 7_999
LONGEST_NAME = 250
LONGEST_DIGEST = 36
LONGEST_DATASET_NAME = 500
# Of a request 1 MB; what JSON makes of a character takes up to six bytes.
_BATCH_CHARACTERS = 120_000

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")

RUN_ID = "netanomaly.run_id"
"""The tag by which a retry finds what it made before."""


@dataclass(frozen=True)
class Dataset:
    """Data that a run read. `digest` is of its bytes, `context` what it was for: training or evaluation."""

    name: str
    digest: str
    source_type: str
    source: str
    context: str
    profile: str = ""


@dataclass(frozen=True)
class Run:
    """What is told of one run.

    Attributes:
        key: Its own id with us; the same key is the same run.
        started, ended: Milliseconds since 1970.
        artifacts: Files by path, in the order in which they are sent.
        trials: Runs that belong to it, shown below it; they have no artefacts.
    """

    key: str
    name: str
    started: int
    ended: int
    status: str = "FINISHED"
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: Sequence[Dataset] = ()
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    trials: Sequence["Run"] = ()


def name(text: str) -> str:
    """A name that MLflow takes for a parameter, a metric or a tag."""
    return _NOT_IN_NAMES.sub("_", text)[:LONGEST_NAME] or "_"


def pieces(key: str, text: str, longest: int = LONGEST_PARAMETER) -> dict[str, str]:
    """A value under its name, or, where it is too long for one, in parts under name.1, name.2 and so on."""
    if len(text) <= longest:
        return {key: text}
    return {
        f"{key}.{part + 1}": text[part * longest : (part + 1) * longest] for part in range(-(-len(text) // longest))
    }


def batches(run: Run) -> Iterator[dict[str, Any]]:
    """The bodies of log-batch that a run needs, less the run's id."""
    tags = [{"key": name(key), "value": value[:LONGEST_TAG]} for key, value in run.tags.items()]
    metrics = [
        {"key": name(key), "value": value, "timestamp": run.ended, "step": 0} for key, value in run.metrics.items()
    ]
    parameters = [{"key": name(key), "value": value} for key, value in run.parameters.items()]
    texts = [*tags, *parameters]
    few = len(parameters) <= MOST_PARAMETERS and len(tags) <= MOST_TAGS and len(metrics) + len(texts) <= MOST_METRICS
    if few and sum(len(each["value"]) for each in texts) <= _BATCH_CHARACTERS:
        # One request: a search has dozens of trials, and ten seconds.
        if texts or metrics:
            yield {"tags": tags, "metrics": metrics, "params": parameters}
        return
    for start in range(0, len(tags), MOST_TAGS):
        yield {"tags": tags[start : start + MOST_TAGS]}
    for start in range(0, len(metrics), MOST_METRICS):
        yield {"metrics": metrics[start : start + MOST_METRICS]}
    batch: list[dict[str, str]] = []
    characters = 0
    for parameter in parameters:
        if len(batch) == MOST_PARAMETERS or characters + len(parameter["value"]) > _BATCH_CHARACTERS:
            yield {"params": batch}
            batch, characters = [], 0
        batch.append(parameter)
        characters += len(parameter["value"])
    if batch:
        yield {"params": batch}


def inputs(run: Run) -> list[dict[str, Any]]:
    """The data sets of a run as log-inputs takes them."""
    return [
        {
            "dataset": {
                "name": each.name[:LONGEST_DATASET_NAME],
                "digest": each.digest.removeprefix("sha256:")[:LONGEST_DIGEST],
                "source_type": each.source_type,
                "source": each.source,
                **({"profile": each.profile} if each.profile else {}),
            },
            "tags": [{"key": "mlflow.data.context", "value": each.context}],
        }
        for each in run.datasets
    ]
