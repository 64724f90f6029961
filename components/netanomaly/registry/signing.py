"""Ed25519 signatures of records (RFC 8032): what was registered, vouched for by a key that the store does not hold.

A digest shows that one object was altered; a person who can write all of them writes digests that fit. What is signed
is a record's canonical JSON without its field `signature`, so the model's name, the digests of all files, metrics and
library versions; not its number and aliases, which are given later and stand in the head.

The library is pycryptodome, which the S3 client needs anyway: no stage's image grows by it.
"""

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from netanomaly.errors import InputError
from netanomaly.paths import expanded
from netanomaly.registry import documents
from netanomaly.registry.documents import Record, Signature
from netanomaly.registry.errors import UnknownSigner, Unsigned, WrongSignature

SIGN_KEY, TRUSTED_KEYS = "NETANOMALY_SIGN_KEY", "NETANOMALY_TRUSTED_KEYS"

_RAW_BYTES = 32
_TEXT_MARKS = ("-----BEGIN", "ssh-")


class Signer:
    """Signs records with one private key.

    Args:
        key: A PEM or OpenSSH file without a passphrase, or what such a file holds.
        said_by: Whose value it is, for messages; they never show the value.

    Raises:
        InputError: It is no such key.
    """

    def __init__(self, key: str, said_by: str = SIGN_KEY) -> None:
        self._key = _imported(_text(key, said_by), said_by)
        if not self._key.has_private():
            raise InputError(f"{said_by} holds a public key; a registration is signed with the private one")
        self.key_id = _id(self._key)

    @classmethod
    def from_environment(cls) -> "Signer | None":
        """By NETANOMALY_SIGN_KEY; None where that is not set."""
        key = os.environ.get(SIGN_KEY)
        return cls(key) if key else None

    def signed(self, record: Record) -> Record:
        """The record with this key's signature."""
        from Crypto.Signature import eddsa

        value = eddsa.new(self._key, "rfc8032").sign(_payload(documents.canonical(record)))
        signature = Signature(key=self.key_id, value=base64.b64encode(value).decode())
        return msgspec.structs.replace(record, signature=signature)

    def trust(self) -> "Trust":
        """Trust in this key alone."""
        return Trust({self.key_id: self._key.public_key()})


class Trust:
    """The public keys that a reader believes, by key id."""

    def __init__(self, keys: Mapping[str, Any]) -> None:
        self._keys = dict(keys)

    @classmethod
    def in_keys(cls, keys: Sequence[str], said_by: str = TRUSTED_KEYS) -> "Trust":
        """Of public keys: a PEM or OpenSSH file, what it holds, or the key's 32 bytes in base64.

        Raises:
            InputError: One of them is no such key, or there is none.
        """
        if not keys or not all(key.strip() for key in keys):
            raise InputError(f"{said_by} has an empty entry; give public keys, or leave it out")
        found = [_public(key.strip(), said_by) for key in keys]
        return cls({_id(key): key for key in found})

    @classmethod
    def from_environment(cls) -> "Trust | None":
        """By NETANOMALY_TRUSTED_KEYS, separated by commas; None where that is not set."""
        keys = os.environ.get(TRUSTED_KEYS)
        return cls.in_keys(keys.split(",")) if keys else None

    def check(self, data: bytes, what: str) -> None:
        """Return where a trusted key signed this record, as it is stored.

        Raises:
            Unsigned, UnknownSigner, WrongSignature: What is missing.
        """
        from Crypto.Signature import eddsa

        signature = msgspec.convert(msgspec.json.decode(data).get("signature"), Signature | None)
        if signature is None:
            raise Unsigned(f"{what} is not signed, and only keys {self._listed()} are trusted here; do not use it")
        key = self._keys.get(signature.key)
        if key is None:
            raise UnknownSigner(
                f"{what} is signed by key {signature.key}, and only {self._listed()} are trusted here; "
                f"do not use it, or add that key to {TRUSTED_KEYS}"
            )
        try:
            eddsa.new(key, "rfc8032").verify(_payload(data), base64.b64decode(signature.value, validate=True))
        except (ValueError, binascii.Error):
            raise WrongSignature(
                f"{what} is not what key {signature.key} signed; it was altered: do not use it, restore it from a backup"
            ) from None

    def listed(self) -> list[str]:
        """The keys' 32 bytes in base64: what NETANOMALY_TRUSTED_KEYS can hold where there are no files."""
        return [base64.b64encode(key.export_key(format="raw")).decode() for key in self._keys.values()]

    def _listed(self) -> str:
        return ", ".join(self._keys)


def for_containers() -> dict[str, str]:
    """The two variables of this process with the keys themselves, for stages that do not see its files.

    Raises:
        InputError: One of them holds no key.
    """
    given = {}
    if key := os.environ.get(SIGN_KEY):
        Signer(key)
        given[SIGN_KEY] = _text(key, SIGN_KEY)
    if trust := Trust.from_environment():
        given[TRUSTED_KEYS] = ",".join(trust.listed())
    return given


def _payload(data: bytes) -> bytes:
    document = msgspec.json.decode(data)
    document.pop("signature", None)
    return documents.canonical(document)


def _id(key: Any) -> str:
    return documents.digest(key.public_key().export_key(format="raw"))[:16]


def _public(text: str, said_by: str) -> Any:
    from Crypto.Signature import eddsa

    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) == _RAW_BYTES:
        try:
            return eddsa.import_public_key(raw)
        except ValueError:
            raise InputError(f"{said_by} holds 32 bytes that are no Ed25519 public key") from None
    key = _imported(_text(text, said_by), said_by)
    if key.has_private():
        raise InputError(f"{said_by} holds a private key; readers get the public one: openssl pkey -in KEY -pubout")
    return key


def _text(value: str, said_by: str) -> str:
    if value.lstrip().startswith(_TEXT_MARKS):
        return value
    try:
        return expanded(value).read_text(encoding="utf-8")
    except (OSError, ValueError):
        # Not shown: it may be a key that lost its first line.
        raise InputError(f"{said_by} names no file that can be read, and is no key itself; give a PEM file") from None


def _imported(text: str, said_by: str) -> Any:
    from Crypto.PublicKey import ECC

    try:
        key = ECC.import_key(text)
    except (ValueError, IndexError, TypeError):
        raise InputError(
            f"{said_by} holds no key that can be read, or one with a passphrase; make one: openssl genpkey -algorithm ed25519"
        ) from None
    if key.curve != "Ed25519":
        raise InputError(f"{said_by} holds a key on {key.curve}; make one: openssl genpkey -algorithm ed25519")
    return key
