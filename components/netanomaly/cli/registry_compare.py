"""`netanomaly registry compare`: two versions side by side, and whether their figures may be."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from netanomaly import output
from netanomaly.cli.registry_words import (
    DEFAULT,
    JsonOption,
    Reference,
    RegistryOption,
    number,
    short,
    show_json,
    show_table,
    table,
    when,
)

if TYPE_CHECKING:
    from netanomaly.registry.reading import Version

_MOST_COLUMNS = 5
# What a held-out part depends on, beside the source.
_SPLIT = ("held_out_fraction", "split", "random_state")


def add_to(app: typer.Typer) -> None:
    """Add the command to `netanomaly registry`."""
    app.command()(compare)


def compare(
    first: Reference, second: Reference, registry: RegistryOption = DEFAULT, as_json: JsonOption = False
) -> None:
    """Show two versions side by side, metric by metric, and say where they were judged on different rows or columns.

    Example: netanomaly registry compare nsl_kdd_detector:1 nsl_kdd_detector:2
    """
    from netanomaly.registry import open_registry

    opened = open_registry(registry)
    left, right = opened.version(first), opened.version(second)
    notes = differences(left.record.metadata, right.record.metadata)
    names = sorted({*left.record.metrics, *right.record.metrics})
    metrics = {
        name: {"first": left.record.metrics.get(name), "second": right.record.metrics.get(name)} for name in names
    }
    if as_json:
        show_json(
            {
                "first": left.document(),
                "second": right.document(),
                "metrics": metrics,
                "comparable": not notes,
                "notes": notes,
            }
        )
        return
    _show(left, right, metrics, bool(notes))
    for note in notes:
        output.say(f"* {note}")


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Why figures of two models do not measure the same, a sentence each; empty where they do.

    Args:
        first: A version's metadata, as its run wrote it.
        second: The other's.
    """
    notes = []
    judged = [_judged_on(metadata) for metadata in (first, second)]
    if None in judged:
        notes.append("not comparable: it is not recorded which rows both were judged on")
    elif judged[0] != judged[1]:
        said = " and ".join(_rows(metadata) for metadata in (first, second))
        notes.append(f"not comparable: they were judged on different rows, {said}")
    features = [set((metadata.get("training") or {}).get("features") or ()) for metadata in (first, second)]
    if all(features) and features[0] != features[1]:
        only = [sorted(features[side] - features[1 - side]) for side in (0, 1)]
        said = "; ".join(
            f"the {which} alone has {_listed(names)}"
            for which, names in zip(("first", "second"), only, strict=True)
            if names
        )
        notes.append(f"they see different columns: {said}")
    return notes


def _judged_on(metadata: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """What the rows that a model was judged on depend on; None where that is not recorded."""
    data = (metadata.get("data") or {}).get("evaluation") or {}
    if not data.get("identity"):
        return None
    part = data.get("part")
    configuration = metadata.get("configuration") or {}
    how = [str(configuration.get(name)) for name in _SPLIT] if part not in (None, "", "all") else []
    return data["identity"], part, data.get("rows"), *how


def _rows(metadata: Mapping[str, Any]) -> str:
    data = metadata["data"]["evaluation"]
    source = data.get("source") or []
    of = f" of {str(source[0]).rstrip('/').rpartition('/')[2]}" if source else ""
    return f"{data.get('rows') or 0:,}{of}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_COLUMNS} more" if len(names) > _MOST_COLUMNS else ""
    return ", ".join(names[:_MOST_COLUMNS]) + more


def _show(left: "Version", right: "Version", metrics: Mapping[str, Mapping[str, Any]], marked: bool) -> None:
    shown = table("", f"{left.model}:{left.number}", f"{right.model}:{right.number}", "difference")
    shown.add_row("name", left.record.model_version, right.record.model_version, "")
    shown.add_row("registered", when(left.record.created_at), when(right.record.created_at), "")
    shown.add_row("sha256", short(left.record.artifact.sha256), short(right.record.artifact.sha256), "")
    for name, values in metrics.items():
        one, other = values["first"], values["second"]
        change = "" if one is None or other is None else f"{other - one:+.4f}{' *' if marked else ''}"
        shown.add_row(name, number(one), number(other), change)
    show_table(shown)
