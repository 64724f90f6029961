"""`netanomaly registry`: what is registered, and how to get it out. What changes it is in `registry_changes`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly import output
from netanomaly.cli import registry_changes, registry_compare, registry_upkeep
from netanomaly.cli.registry_words import (
    DEFAULT,
    JsonOption,
    ModelName,
    Reference,
    RegistryOption,
    is_narrow,
    number,
    short,
    show_json,
    show_rows,
    show_table,
    table,
    when,
)

if TYPE_CHECKING:
    from netanomaly.registry.monitored import Verdict
    from netanomaly.registry.reading import Version

app = typer.Typer(
    help="Look into a model registry, get models out of it, and keep it.\n\nExample: netanomaly registry list",
    no_args_is_help=True,
)


@app.command("list")
def list_models(registry: RegistryOption = DEFAULT, as_json: JsonOption = False) -> None:
    """List the models: how many versions each has, its newest one, and where its aliases point.

    Example: netanomaly registry list --registry runs/registry
    """
    from netanomaly.registry import open_registry

    opened = open_registry(registry)
    models = opened.summaries()
    if as_json:
        show_json(
            [
                {
                    "model_name": model.name,
                    "versions_registered": model.registered,
                    "aliases": dict(model.aliases),
                    "updated_at": model.updated_at,
                }
                for model in models
            ]
        )
        return
    if not models:
        output.say(f"registry {opened.uri} holds no model yet")
        return
    shown = table("model", "newest version", "aliases", "changed")
    for model in models:
        aliases = ", ".join(f"{alias}={version}" for alias, version in model.aliases.items())
        shown.add_row(model.name, str(model.registered), aliases, when(model.updated_at))
    show_table(shown)


@app.command()
def show(model: Reference, registry: RegistryOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Show one version: metrics, digests, data and libraries it was made with.

    Example: netanomaly registry show nsl_kdd_detector@champion
    """
    from netanomaly.registry import open_registry

    opened = open_registry(registry)
    version = opened.version(model)
    if as_json:
        show_json(version.document())
        return
    record = version.record
    data = record.metadata.get("data", {})
    show_rows(
        [
            (
                "model",
                f"{record.model}, version {version.number}"
                + (f" ({record.model_version})" if record.model_version else ""),
            ),
            ("status", version.status),
            ("aliases", ", ".join(version.aliases) or "none"),
            ("registered", f"{when(record.created_at)}{f' by {record.created_by}' if record.created_by else ''}"),
            ("description", record.description),
            ("verdict", _verdict(record.metadata)),
            ("run", record.run_id),
            ("model file", f"{record.artifact.path or 'not imported'} ({record.artifact.bytes:,} bytes)"),
            ("sha256", short(record.artifact.sha256)),
            ("signature", _signature(version, checked=opened.checks_signatures)),
            *((name, number(value)) for name, value in sorted(record.metrics.items())),
            *((f"{side} data", _data(data[side])) for side in ("training", "evaluation") if side in data),
            ("libraries", ", ".join(f"{name} {found}" for name, found in sorted(record.library_versions.items()))),
        ]
    )


@app.command()
def versions(
    model: ModelName,
    registry: RegistryOption = DEFAULT,
    deleted: Annotated[bool, typer.Option("--deleted", help="Deleted versions, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List all versions of a model.

    Example: netanomaly registry versions nsl_kdd_detector
    """
    from netanomaly.registry import open_registry
    from netanomaly.registry.documents import READY

    found = open_registry(registry).versions(model, deleted=deleted)
    if as_json:
        show_json([version.document() for version in found])
        return
    if not found:
        output.say(f"model {model} has no version{'' if deleted else ' that is not deleted'}")
        return
    columns: dict[str, Callable[[Version], str]] = {
        "version": lambda version: str(version.number),
        "name": lambda version: version.record.model_version,
        "status": lambda version: version.status,
        "ROC-AUC": lambda version: number(version.record.metrics.get("roc_auc")),
        "recall at 1% FPR": lambda version: number(version.record.metrics.get("recall_at_1_percent_fpr")),
        "registered": lambda version: when(version.record.created_at),
        "sha256": lambda version: short(version.record.artifact.sha256),
        "aliases": lambda version: ", ".join(version.aliases),
    }
    if is_narrow():
        # A digest is for copying, which a table of this width is not; `show` has it.
        del columns["sha256"]
        if all(version.status == READY for version in found):
            del columns["status"]
        columns = {heading.removesuffix(" at 1% FPR"): tell for heading, tell in columns.items()}
    shown = table(*columns)
    for version in found:
        shown.add_row(*(tell(version) for tell in columns.values()))
    show_table(shown)


@app.command()
def history(model: ModelName, registry: RegistryOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Show who moved which alias or changed which version, when and why; and what monitoring said of it.

    Example: netanomaly registry history nsl_kdd_detector
    """
    import msgspec

    from netanomaly.registry import open_registry

    opened = open_registry(registry)
    events, verdicts = opened.history(model), opened.monitored(model).verdicts()
    if as_json:
        # Both in one list, told apart by what they have.
        show_json([*msgspec.to_builtins(events), *msgspec.to_builtins(verdicts)])
        return
    if not events and not verdicts:
        output.say(
            f"no alias of model {model} was ever moved, no version deprecated or deleted, and no window of it monitored"
        )
        return
    rows = [
        (
            event.at,
            event.by,
            f"{event.action} {event.alias}".strip(),
            str(event.version),
            str(event.previous or ""),
            event.why,
        )
        for event in events
    ]
    rows += [
        (verdict.at, verdict.by, f"monitored: {verdict.verdict}", str(verdict.version), "", _of_window(verdict))
        for verdict in verdicts
    ]
    shown = table("when", "by", "what", "version", "before", "why")
    for at, *rest in sorted(rows, key=lambda each: each[0]):
        shown.add_row(when(at), *rest)
    show_table(shown)


@app.command()
def download(
    model: Reference,
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    registry: RegistryOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Copy a version's files into a folder, each verified against its registered digest.

    registered.json beside them lets `netanomaly serve FOLDER` verify them again without the registry.

    Example: netanomaly registry download nsl_kdd_detector:1 --out model
    """
    from netanomaly.registry import open_registry
    from netanomaly.registry.carried import carry

    version, files = carry(open_registry(registry), model, out)
    if as_json:
        show_json({"model_name": version.model, "version": version.number, "files": [str(path) for path in files]})
        return
    for path in files:
        output.say(str(path))


def _of_window(verdict: "Verdict") -> str:
    """Which window a verdict is of, and why it is what it is."""
    window = f"{verdict.first[:16]} to {verdict.last[:16]}".replace("T", " ") if verdict.first and verdict.last else ""
    return "; ".join(part for part in (window, verdict.words) if part)


def _signature(version: "Version", *, checked: bool) -> str:
    verified = "verified" if checked else "not checked (NETANOMALY_TRUSTED_KEYS)"
    if version.head_key:
        return f"by key {version.head_key}, {verified}"
    if version.record.signature is None:
        return "none"
    return f"by key {version.record.signature.key}, {verified}; of the record, not of its number and aliases"


def _verdict(metadata: dict[str, Any]) -> str:
    """What its evaluation came to; empty where the record is older than verdicts, or of another origin."""
    assessment = (metadata.get("evaluation") or {}).get("assessment") or {}
    return "; ".join([str(assessment["headline"]), *assessment.get("reasons", [])]) if assessment else ""


def _data(data: dict[str, Any]) -> str:
    """Rows, identity by its kind (digest of the content, or an object's ETag), and where it came from."""
    kind, _, identity = str(data.get("identity") or "").partition(":")
    said = [f"{data.get('rows') or 0:,} rows"]
    if identity:
        said.append(f"{ {'etag': 'ETag'}.get(kind, kind) } {short(identity)}")
    return ", ".join([*said, *(data.get("source") or [])])


registry_compare.add_to(app)
registry_changes.add_to(app)
registry_upkeep.add_to(app)
