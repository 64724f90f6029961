"""`netanomaly registry register | alias | rollback | deprecate | restore | delete`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netanomaly import json_input, output
from netanomaly.cli.registry_tracking import tell_mlflow
from netanomaly.cli.registry_words import (
    DEFAULT,
    JsonOption,
    ModelName,
    Numbered,
    Pointed,
    RegistryOption,
    SignKeyOption,
    WhyOption,
    show_json,
)
from netanomaly.errors import InputError

if TYPE_CHECKING:
    from netanomaly.registry.documents import Status

_alias = typer.Typer(
    help="Point names such as champion at versions.\n\n"
    "Example: netanomaly registry alias set nsl_kdd_detector:1 champion",
    no_args_is_help=True,
)


def add_to(app: typer.Typer) -> None:
    """Add the commands to `netanomaly registry`."""
    app.command()(register)
    app.add_typer(_alias, name="alias")
    app.command()(rollback)
    app.command()(deprecate)
    app.command()(restore)
    app.command()(delete)
    app.command()(sign)


def register(
    name: Annotated[str, typer.Option("--name", help="The model.")],
    artifact: Annotated[Path, typer.Option("--artifact", help="The model's file or folder.")],
    metadata: Annotated[Path | None, typer.Option("--metadata", help="A JSON file; its `metrics` are shown.")] = None,
    key: Annotated[str, typer.Option("--key", help="Same key, same registration. Default: by the content.")] = "",
    description: Annotated[str, typer.Option("--description", help="A line for people.")] = "",
    sign_key: SignKeyOption = None,
    registry: RegistryOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Make a file or folder a version of a model. Running it again registers nothing twice.

    Example: netanomaly registry register --name office --artifact model.joblib
    """
    from netanomaly.registry import open_registry
    from netanomaly.registry.artifacts import content_key

    document = _document(metadata) if metadata else {}
    by_content, sha256 = ("", None) if key else content_key(artifact, document)
    done = open_registry(registry, sign_key=str(sign_key or "")).register(
        name,
        artifact,
        document,
        run_id="",
        key=key or by_content,
        sha256=sha256,
        description=description or str(document.get("description") or ""),
        model_version=str(document.get("model_version") or ""),
        metrics=document.get("metrics") or {},
    )
    if as_json:
        show_json({"model_name": name, "version": done.version, "created": done.created})
        return
    output.say(f"{name}:{done.version} {'registered' if done.created else 'was registered before'}")


@_alias.command("set")
def set_alias(
    model: Pointed,
    alias: Annotated[str, typer.Argument(help="E.g. champion.")],
    newest: Annotated[
        bool, typer.Option("--newest", help="MODEL without a version means its newest one that is ready.")
    ] = False,
    why: WhyOption = "",
    sign_key: SignKeyOption = None,
    registry: RegistryOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Point an alias at a version; later runs record the one called champion as their parent.

    MODEL names the version, as nsl_kdd_detector:1 or nsl_kdd_detector@challenger.

    Example: netanomaly registry alias set nsl_kdd_detector:1 champion
    """
    from netanomaly.registry import open_registry

    opened = open_registry(registry, sign_key=str(sign_key or ""))
    version = opened.set_alias(model, alias, newest=newest, why=why)
    tell_mlflow(opened, version.model)
    if as_json:
        show_json({"model_name": version.model, "alias": alias, "version": version.number})
        return
    output.say(f"{version.model}@{alias} is version {version.number}")


@_alias.command("remove")
def remove_alias(
    model: ModelName,
    alias: Annotated[str, typer.Argument(help="E.g. challenger.")],
    why: WhyOption = "",
    sign_key: SignKeyOption = None,
    registry: RegistryOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Take an alias away; the version stays.

    Example: netanomaly registry alias remove nsl_kdd_detector champion
    """
    from netanomaly.registry import open_registry

    opened = open_registry(registry, sign_key=str(sign_key or ""))
    opened.remove_alias(model, alias, why=why)
    tell_mlflow(opened, model)
    if as_json:
        show_json({"model_name": model, "alias": alias, "version": None})
        return
    output.say(f"{model}@{alias} is removed")


def rollback(
    model: ModelName,
    alias: Annotated[str, typer.Option("--alias", help="The alias to move back.")] = "champion",
    why: WhyOption = "",
    sign_key: SignKeyOption = None,
    registry: RegistryOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Point an alias at the version it pointed at before; again: one further back.

    Example: netanomaly registry rollback nsl_kdd_detector --why "false alarms"
    """
    from netanomaly.registry import open_registry

    opened = open_registry(registry, sign_key=str(sign_key or ""))
    before, now = opened.rollback(model, alias, why=why)
    tell_mlflow(opened, model)
    if as_json:
        show_json({"model_name": model, "alias": alias, "previous": before, "version": now})
        return
    output.say(f"{model}@{alias} went back from version {before} to version {now}")


def deprecate(
    model: Numbered,
    why: WhyOption = "",
    sign_key: SignKeyOption = None,
    registry: RegistryOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Mark a version as not to be used any more; it stays, and `restore` takes it back.

    Example: netanomaly registry deprecate nsl_kdd_detector:1 --why "wrong labels"
    """
    _set_status(model, "deprecated", why, sign_key, registry, as_json)


def restore(
    model: Numbered,
    why: WhyOption = "",
    sign_key: SignKeyOption = None,
    registry: RegistryOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Make a deprecated or deleted version ready again, if its files are still there.

    Example: netanomaly registry restore nsl_kdd_detector:1
    """
    _set_status(model, "ready", why, sign_key, registry, as_json)


def delete(
    model: Numbered,
    why: WhyOption = "",
    sign_key: SignKeyOption = None,
    registry: RegistryOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Hide a version; `registry gc` removes its files later. Its number is never used again.

    Example: netanomaly registry delete nsl_kdd_detector:1 --why "personal data"
    """
    _set_status(model, "deleted", why, sign_key, registry, as_json)


def sign(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...")],
    why: WhyOption = "",
    sign_key: SignKeyOption = None,
    registry: RegistryOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Sign what a registry says of a model, as it stands: for one of before signatures, one that was moved, a lost key.

    Whoever trusts the key then believes which version has which number, and where each alias points. Look first:
    netanomaly registry versions, history and fsck.

    Example: netanomaly registry sign nsl_kdd_detector --sign-key sign.pem
    """
    from netanomaly.registry import open_registry

    opened = open_registry(registry, sign_key=str(sign_key or ""))
    signed = [opened.sign(model, why=why) for model in models]
    if as_json:
        show_json(
            [
                {
                    "model_name": head.model,
                    "versions": head.next - 1,
                    "aliases": {name: alias.version for name, alias in head.aliases.items()},
                    "registry": head.registry,
                    "key": head.signature.key if head.signature else None,
                }
                for head in signed
            ]
        )
        return
    for head in signed:
        aliases = ", ".join(f"{name} is {alias.version}" for name, alias in sorted(head.aliases.items()))
        output.say(
            f"{head.model} is signed for {head.registry} by key {head.signature.key if head.signature else ''}: "
            f"versions 1 to {head.next - 1}; {aliases or 'no alias'}"
        )


def _set_status(model: str, status: "Status", why: str, sign_key: Path | None, registry: str, as_json: bool) -> None:
    from netanomaly.registry import open_registry

    opened = open_registry(registry, sign_key=str(sign_key or ""))
    version = opened.set_status(model, status, why=why)
    tell_mlflow(opened, version.model)
    if as_json:
        show_json({"model_name": version.model, "version": version.number, "status": version.status})
        return
    output.say(f"{version.model}:{version.number} is {version.status}")


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json_input.parse(json_input.read(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; give a JSON file") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"{path} is not a JSON object")
    return document
