"""Names: of models, of aliases, and references to one version of a model."""

import re
from dataclasses import dataclass

from netanomaly.registry.errors import InvalidName

# Names become file names, object keys and URL parts, on any system.
_MODEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?")
_ALIAS = re.compile(r"[A-Za-z](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")
_LIKE_A_NUMBER = re.compile(r"[vV]?\d+")


@dataclass(frozen=True)
class Reference:
    """A model, and which version of it: a number, an alias, or neither (the newest that is ready)."""

    model: str
    version: int | None = None
    alias: str | None = None

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.model}:{self.version}"
        return f"{self.model}@{self.alias}" if self.alias is not None else self.model


def model_name(name: str) -> str:
    """The name itself. Raises InvalidName."""
    if not isinstance(name, str) or not _MODEL.fullmatch(name):
        raise InvalidName(
            f"{short(name)} is no model name; use 1 to 128 of the letters a-z, A-Z, digits, '.', '_' and '-', "
            "beginning with a letter or digit and not ending with '.'"
        )
    return name


def is_model_name(name: str) -> bool:
    """Whether it can be a model's name."""
    return bool(_MODEL.fullmatch(name))


def alias_name(name: str) -> str:
    """The alias itself. Raises InvalidName."""
    if isinstance(name, str) and (_LIKE_A_NUMBER.fullmatch(name) or name.lower() == "latest"):
        raise InvalidName(f"alias {short(name)} looks like a version; choose a word such as 'champion'")
    if not isinstance(name, str) or not _ALIAS.fullmatch(name):
        raise InvalidName(
            f"{short(name)} is no alias; use 1 to 64 of the letters a-z, A-Z, digits, '.', '_' and '-', "
            "beginning with a letter and not ending with '.'"
        )
    return name


def reference(text: str) -> Reference:
    """Parse MODEL, MODEL:VERSION or MODEL@ALIAS. Raises InvalidName."""
    if "@" in text:
        model, _, alias = text.partition("@")
        return Reference(model_name(model), alias=alias_name(alias))
    model, colon, number = text.partition(":")
    if not colon:
        return Reference(model_name(text))
    if not re.fullmatch(r"[1-9][0-9]{0,17}", number):
        raise InvalidName(f"{short(number)} is no version number in {short(text)}; write MODEL:3 or MODEL@champion")
    return Reference(model_name(model), version=int(number))


def file_name(name: str) -> str:
    """A name that a file of an artefact may have. Raises InvalidName."""
    if not name or name in (".", "..") or "/" in name or "\\" in name or not name.isprintable() or len(name) > 200:
        raise InvalidName(f"{short(name)} is no file name for an artefact; use one without slashes, under 200 letters")
    return name


def short(name: object) -> str:
    """For messages: quoted, escaped, and cut where it is long."""
    text = repr(name)
    return text if len(text) <= 60 else text[:40] + f"...' ({len(str(name))} characters)"
