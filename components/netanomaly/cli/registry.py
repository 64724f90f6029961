"""`netanomaly registry`: what is registered, and how to get it out."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    pass

app = typer.Typer(help="Look into a model registry and get models out of it.", no_args_is_help=True)

_Registry = Annotated[
    str, typer.Option("--registry", envvar="NETANOMALY_REGISTRY", help="Registry: a folder, or file:///folder.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
_Reference = Annotated[str, typer.Argument(metavar="MODEL[:VERSION|@ALIAS]", help="Default version: the newest.")]

_DEFAULT = "runs/registry"
_SHORT_DIGEST = 12


@app.command("list")
def list_models(registry: _Registry = _DEFAULT, as_json: _Json = False) -> None:
    """List the models, the newest version of each, and its headline metrics.

    Example: netanomaly registry list --registry runs/registry
    """
    from netanomaly.registry import open_registry

    opened = open_registry(registry)
    newest = [opened.versions(model) for model in opened.models()]
    if as_json:
        _print_json(
            [
                {"model_name": versions[-1].model, "versions": [version.document() for version in versions]}
                for versions in newest
            ]
        )
        return
    if not newest:
        typer.echo(f"registry {opened.uri} holds no model yet")
        return
    table = _table("model", "versions", "newest", "registered", "ROC-AUC", "recall at 1% FPR", "aliases")
    for versions in newest:
        last = versions[-1]
        aliases = [f"{alias}={version.number}" for version in versions for alias in version.aliases]
        table.add_row(
            last.model,
            str(len(versions)),
            f"{last.number} ({last.record.model_version})",
            _ago(last.record.created_at),
            _number(last.record.metrics.get("roc_auc")),
            _number(last.record.metrics.get("recall_at_1_percent_fpr")),
            ", ".join(aliases),
        )
    _print(table)


@app.command()
def show(model: _Reference, registry: _Registry = _DEFAULT, as_json: _Json = False) -> None:
    """Show one version: metrics, digests, data and libraries it was made with.

    Example: netanomaly registry show nsl_kdd_detector:1
    """
    from netanomaly.registry import open_registry

    version = open_registry(registry).version(model)
    if as_json:
        _print_json(version.document())
        return
    record = version.record
    data = record.metadata.get("data", {})
    rows: list[tuple[str, str]] = [
        ("model", f"{record.model}, version {version.number} ({record.model_version})"),
        ("aliases", ", ".join(version.aliases) or "none"),
        ("registered", f"{record.created_at} ({_ago(record.created_at)})"),
        ("description", record.description),
        ("run", record.run_id),
        ("model file", f"{record.artifact.path} ({record.artifact.bytes:,} bytes)"),
        ("sha256", record.artifact.sha256[:_SHORT_DIGEST] + "..."),
        *((name, _number(value)) for name, value in sorted(record.metrics.items())),
        *((f"{side} data", _data(data[side])) for side in ("training", "evaluation") if side in data),
        ("libraries", ", ".join(f"{name} {number}" for name, number in sorted(record.library_versions.items()))),
    ]
    for name, value in rows:
        if value:
            typer.echo(f"{name:<28}{value}")


@app.command()
def download(
    model: _Reference,
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    registry: _Registry = _DEFAULT,
    as_json: _Json = False,
) -> None:
    """Copy a version's files into a folder, each verified against its registered digest.

    Example: netanomaly registry download nsl_kdd_detector:1 --out model
    """
    from netanomaly.registry import open_registry

    opened = open_registry(registry)
    version = opened.version(model)
    files = opened.download(f"{version.model}:{version.number}", out)
    if as_json:
        _print_json({"model_name": version.model, "version": version.number, "files": [str(path) for path in files]})
        return
    for path in files:
        typer.echo(str(path))


@app.command()
def alias(
    model: _Reference, name: Annotated[str, typer.Argument(help="E.g. champion.")], registry: _Registry = _DEFAULT
) -> None:
    """Point an alias at a version; later runs record the one called champion as their parent.

    Example: netanomaly registry alias nsl_kdd_detector:1 champion
    """
    from netanomaly.registry import open_registry

    version = open_registry(registry).set_alias(model, name)
    typer.echo(f"{version.model}@{name} is version {version.number}")


def _data(data: dict[str, Any]) -> str:
    identity = str(data.get("identity") or "").removeprefix("sha256:")[:_SHORT_DIGEST]
    return f"{data.get('rows') or 0:,} rows, sha256 {identity}..., {', '.join(data.get('source') or [])}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _ago(timestamp: str) -> str:
    seconds = (datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def _table(*headings: str) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _print(table: Any) -> None:
    from rich.console import Console

    # A pipe has no width; 80 columns would cut the names that a script or a log is read for.
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 160).print(table)


def _print_json(document: Any) -> None:
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
