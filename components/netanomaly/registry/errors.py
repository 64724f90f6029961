"""What can go wrong with a registry, and who can mend it; the roots are those of netanomaly.errors.

    InputError                     exit 2
    |- InvalidName                         a model name, alias or reference that cannot be one
    |- NotInRegistry                       no such model, version or alias here
    |- NotReady                            the version is deprecated or deleted, or an alias holds it
    |- KeyConflict                         the same key was registered with other contents
    |- NewerFormat                         written by a later netanomaly; says which
    |- UnfitStore                          a server whose conditional writes cannot be trusted
    `- DamagedRegistry                     an object of the registry is not what was written
    ModelError                     exit 2
    |- WrongDigest                         the bytes are not those that were registered
    |- WrongSize                           fewer or more bytes than registered
    |- Unsigned                            a reader that trusts certain keys met a record without a signature
    |- UnknownSigner                       it is signed, by a key that this reader does not trust
    |- WithdrawnSigner                     it is signed, by a key that was withdrawn
    |- WrongSignature                      the record or head is not what that key signed
    |- WrongRegistry                       a head was signed for another registry
    |- RolledBack                          a head is older than one that was seen here before
    |- MissingArtifact                     the record is there, the model file is not
    |- LibraryVersionsMissing              the record does not say what the model was made with
    |- NotAModel                           the bytes are those that were registered, and no model that can be loaded
    `- UnsupportedLibraryVersions          it does, and that cannot be loaded here

Beside these: StoreRefused, StoreUnavailable and Unreachable of netanomaly.errors.
"""

from pathlib import Path

from netanomaly.errors import InputError, ModelError


class InvalidName(InputError):
    """A model name, alias or model reference that cannot be one."""


class NotInRegistry(InputError):
    """No such model, version or alias in this registry."""


class NotReady(InputError):
    """The version is deprecated or deleted, or may not become so while an alias points at it."""


class KeyConflict(InputError):
    """The same key was registered before, with other contents."""


class NewerFormat(InputError):
    """An object was written in a format of a later netanomaly."""


class UnfitStore(InputError):
    """The server ignores the conditions of a write, or lets several writers win."""


class DamagedRegistry(InputError):
    """An object of the registry is not what was written there."""


class WrongDigest(ModelError):
    """The bytes are not those that were registered, or were to be."""

    @classmethod
    def of_source(cls, path: Path, found: str, expected: str) -> "WrongDigest":
        """Of a file that was to be registered."""
        return cls(
            f"{path} has SHA-256 {found}, not {expected}: it is not the file that was described, or changed since; "
            "nothing is registered, start again with a file that stays"
        )


class WrongSize(ModelError):
    """Fewer or more bytes than were registered."""


class Unsigned(ModelError):
    """A record has no signature, and this reader believes signed ones only."""


class UnknownSigner(ModelError):
    """A record is signed by a key that this reader does not trust."""


class WithdrawnSigner(ModelError):
    """A record or head is signed by a key that was withdrawn."""


class WrongSignature(ModelError):
    """A record or head is not what its key signed."""


class WrongRegistry(ModelError):
    """A head was signed as part of another registry: it was copied here."""


class RolledBack(ModelError):
    """A head is gone, or older than one that this process's memory has seen."""


class MissingArtifact(ModelError):
    """The record is there, the file it names is not."""


class LibraryVersionsMissing(ModelError):
    """The record does not say which library versions the model was made with."""


class NotAModel(ModelError):
    """The bytes are those that were registered, and nothing that can be unpickled here."""


class UnsupportedLibraryVersions(ModelError):
    """The model was made with library versions that cannot load it here."""
