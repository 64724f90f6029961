"""What a model catches of attacks that were injected into a copy of normal traffic. Recall on real attacks it is not."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from netanomaly.flows.contract import Contract, read_contract
from netanomaly.metrics import attack_patterns
from netanomaly.metrics.attack_patterns import Pattern
from netanomaly.models.model import AnomalyModel
from netanomaly.traffic import replay, scope, table
from netanomaly.traffic.replay import Injected

_BEFORE = ("start_time", "duration_seconds", "src_ip", "dst_ip")


def inject_into(
    file: pq.ParquetFile, seed: int, features: Sequence[str], is_normal: Callable[[str], bool]
) -> Injected | None:
    """The attacks as flows among the first normal flows of a flow file; None where it holds no flows of a sensor, or
    digests in place of addresses.

    Args:
        file: Of the flow contract.
        seed: The same gives the same flows.
        features: Those wanted, by name.
        is_normal: Of a class's name; asked only where the file has labels.
    """
    contract = read_contract(file.schema_arrow)
    if not contract.sensor or not _holds_flows(file, contract):
        return None
    rows = _background(file, contract, is_normal)
    # Digests in place of addresses do not tell who is inside, and features of attacks would not be those of traffic.
    return replay.inject(rows, features, contract.sensor, seed) if rows is not None and _has_addresses(rows) else None


def caught(model: AnomalyModel, injected: Injected, threshold: float | None = None) -> dict[str, Any]:
    """What of each pattern alerts, as the evaluation document has it.

    Args:
        model: Has the features that were asked for.
        injected: The attacks.
        threshold: In place of the model's own.
    """
    alerting = model.score_rows(model.schema.rows(injected.features)) > (
        model.threshold if threshold is None else threshold
    )
    return {
        "version": attack_patterns.VERSION,
        "patterns": [_of_pattern(each, injected, alerting) for each in attack_patterns.PATTERNS],
    }


def _of_pattern(pattern: Pattern, injected: Injected, alerting: npt.NDArray[np.bool_]) -> dict[str, Any]:
    here = injected.pattern == pattern.name
    found, episodes = alerting[here], injected.episode[here]
    return {
        "name": pattern.name,
        "technique": pattern.technique,
        "technique_name": pattern.technique_name,
        "words": pattern.words,
        "parameters": pattern.parameters,
        "flows": int(here.sum()),
        "alerts": int(found.sum()),
        "recall": float(found.mean()) if len(found) else 0.0,
        "episodes": len(np.unique(episodes)),
        "episodes_caught": len(np.unique(episodes[found])),
    }


def _has_addresses(rows: pa.Table) -> bool:
    known = pc.unique(rows.column("src_ip").cast(pa.string()).drop_null()).to_pylist()
    return any(scope.scope(address) for address in known)


def _holds_flows(file: pq.ParquetFile, contract: Contract) -> bool:
    held = set(file.schema_arrow.names)
    named = {**{name: name for name in _BEFORE}, **contract.identity}
    return all(named.get(name, name) in held for name in _BEFORE if name != "duration_seconds")


def _background(file: pq.ParquetFile, contract: Contract, is_normal: Callable[[str], bool]) -> pa.Table | None:
    label = contract.label_column if contract.label_column in file.schema_arrow.names else None
    held = [name for name in file.schema_arrow.names if name == label or _is_of_flows(name, contract)]
    parts: list[pa.Table] = []
    rows = 0
    for batch in file.iter_batches(columns=held):
        part = pa.Table.from_batches([batch])
        if label is not None:
            classes = part.column(label).combine_chunks()
            names = classes.dictionary if pa.types.is_dictionary(classes.type) else classes.unique()
            normal = pa.array([name for name in names.to_pylist() if name is not None and is_normal(name)], pa.string())
            part = part.filter(pc.is_in(classes.cast(pa.string()), normal))
        part = part.slice(0, replay.MOST_BACKGROUND_ROWS - rows)
        parts.append(part)
        rows += part.num_rows
        if rows >= replay.MOST_BACKGROUND_ROWS:
            break
    if not rows:
        return None
    return replay.flow_table(pa.concat_tables(parts, promote_options="default"), dict(contract.identity))


def _is_of_flows(name: str, contract: Contract) -> bool:
    return name in table.SCHEMA.names or name in contract.identity.values()
