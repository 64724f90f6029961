"""`netanomaly registry fsck | gc | import | probe`."""

import dataclasses
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from netanomaly import output
from netanomaly.cli.registry_words import (
    DEFAULT,
    JsonOption,
    RegistryOption,
    SignKeyOption,
    counted,
    show_json,
    show_table,
    table,
)
from netanomaly.errors import InputError

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def add_to(app: typer.Typer) -> None:
    """Add the commands to `netanomaly registry`."""
    app.command()(fsck)
    app.command()(gc)
    app.command("import")(import_registry)
    app.command()(probe)


def fsck(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be known.")] = False,
    sign_key: SignKeyOption = None,
    registry: RegistryOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Check every object of the registry; exit code 2 where something is damaged.

    Example: netanomaly registry fsck --repair --registry s3://models/registry
    """
    from netanomaly.registry.fsck import fsck as check
    from netanomaly.registry.location import locate

    location = locate(registry, sign_key=str(sign_key or ""))
    result = check(location, repair=repair)
    if as_json:
        show_json({"sound": result.sound, **dataclasses.asdict(result)})
    else:
        for finding in result.findings:
            output.say(f"{finding.key}: {finding.problem}{' (repaired)' if finding.repaired else ''}")
        output.say(
            f"{counted(result.models, 'model')}, {counted(result.versions, 'version')}, "
            f"{counted(result.bytes, 'byte')} read; {counted(len(result.findings), 'problem')}, "
            f"{sum(finding.repaired for finding in result.findings)} repaired; "
            f"{counted(result.unfinished, 'registration')} begun and not finished"
        )
        for line in result.unprotected:
            output.say(f"note: {line}")
    if not result.sound:
        raise typer.Exit(InputError.exit_code)


def gc(
    older_than: Annotated[str, typer.Option("--older-than", help="Age by the store's clock: 12h, 7d, 4w.")] = "7d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    registry: RegistryOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Remove files that nothing refers to: of deleted versions, of registrations that were never finished.

    Example: netanomaly registry gc --older-than 4w --dry-run
    """
    from netanomaly.registry.collecting import collect
    from netanomaly.registry.location import locate

    done = collect(locate(registry), older_than=_age(older_than), dry_run=dry_run)
    if as_json:
        show_json({"dry_run": dry_run, **dataclasses.asdict(done)})
        return
    for key in done.keys:
        output.say(key)
    for key in done.strangers:
        output.say(f"{key}: is a link, pipe or device, and no object of the registry; left as it is")
    removed = "would be removed" if dry_run else "removed"
    output.say(f"{counted(len(done.keys), 'object')}, {counted(done.bytes, 'byte')} {removed}")


def import_registry(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model_registry.json of the original workflow.")],
    files_below: Annotated[
        Path | None,
        typer.Option("--files-below", help="The folder of all model files; none outside is taken. Default: FILE's."),
    ] = None,
    sign_key: SignKeyOption = None,
    registry: RegistryOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Take over the models of an original model_registry.json; running it again imports nothing twice.

    Example: netanomaly registry import old/model_registry.json
    """
    from netanomaly.registry.importing import import_file
    from netanomaly.registry.location import locate

    done = import_file(locate(registry, sign_key=str(sign_key or "")), file, files_below)
    if as_json:
        show_json([dataclasses.asdict(entry) for entry in done])
        return
    if not done:
        output.say(f"{file} holds no version of any model; nothing was imported")
        return
    shown = table("model", "was", "is version", "")
    for entry in done:
        notes = [] if entry.created else ["was imported before"]
        notes += [] if entry.with_file else ["its model file is gone"]
        shown.add_row(entry.model, entry.original, str(entry.version), ", ".join(notes))
    show_table(shown)


def probe(
    uri: Annotated[str, typer.Argument(metavar="URI", help="s3://bucket/prefix")],
    single_writer: Annotated[
        bool, typer.Option("--single-writer", help="Use a server that fails; you promise that one process writes.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask a server whether it can be trusted with a registry that several write to; exit code 2 where not.

    Example: netanomaly registry probe s3://models/registry
    """
    from netanomaly.registry.location import locate
    from netanomaly.registry.probe import probe as ask
    from netanomaly.registry.probe import remember

    bucket = locate(uri).bucket
    if bucket is None:
        raise InputError(f"{uri} is a folder, which needs no probe; name s3://bucket/prefix")
    result = ask(bucket)
    if result.passed or single_writer:
        remember(bucket, result, single_writer)
    if as_json:
        show_json(
            {
                "passed": result.passed,
                "server": result.server,
                "endpoint": bucket.endpoint,
                "seconds": result.seconds,
                "checks": [{"question": c.question, "passed": c.passed, "found": c.found} for c in result.checks],
            }
        )
    else:
        for check in result.checks:
            output.say(f"{'ok  ' if check.passed else 'FAIL'}  {check.question}: {check.found}")
        verdict = "can be trusted" if result.passed else "cannot be trusted with more than one writer"
        output.say(f"{bucket.endpoint} {verdict} ({result.seconds:.2f} s)")
    if not result.passed and not single_writer:
        raise typer.Exit(InputError.exit_code)


def _age(text: str) -> timedelta:
    unit = _UNITS.get(text[-1:])
    # Of five digits: no store is older than the weeks they count.
    if unit is None or not re.fullmatch(r"0*[1-9][0-9]{0,4}", text[:-1], re.ASCII):
        raise InputError(f"--older-than is {text!r}; write 12h, 7d or 4w, from 1 to 99999")
    return timedelta(**{unit: int(text[:-1])})
