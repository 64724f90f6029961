"""Ed25519 signatures (RFC 8032): what was registered, vouched for by a key that the store does not hold.

A digest shows that one object was altered; a person who can write all of them writes digests that fit. Signed are
records, as canonical JSON without `signature`: model, digests of all files, metrics, library versions. And heads, which
say what number each record has, where aliases point and what happened before; what is believed of those is in `belief`.

The library is pycryptodome, which the S3 client needs anyway: no stage's image grows by it.
"""

import base64
import binascii
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from netanomaly.errors import InputError
from netanomaly.paths import expanded
from netanomaly.registry import bounds, documents, names
from netanomaly.registry.documents import Record, Signature
from netanomaly.registry.errors import UnknownSigner, Unsigned, WithdrawnSigner, WrongSignature

SIGN_KEY, TRUSTED_KEYS = "NETANOMALY_SIGN_KEY", "NETANOMALY_TRUSTED_KEYS"
WITHDRAWN_KEYS = "NETANOMALY_WITHDRAWN_KEYS"

_RAW_BYTES = 32
_TEXT_MARKS = ("-----BEGIN", "ssh-")
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_MOST_KEY_BYTES = 64 << 10


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
        """By NETANOMALY_SIGN_KEY; None where that is not set. Raises InputError where it is set and empty."""
        key = _variable(SIGN_KEY)
        return None if key is None else cls(key)

    def signed(self, record: Record) -> Record:
        """The record with this key's signature."""
        signature = self.signature(_payload(documents.encode_record(record)))
        return msgspec.structs.replace(record, signature=signature)

    def signature(self, payload: bytes) -> Signature:
        """This key's signature of those bytes."""
        from Crypto.Signature import eddsa

        value = eddsa.new(self._key, "rfc8032").sign(payload)
        return Signature(key=self.key_id, value=base64.b64encode(value).decode())

    def trust(self) -> "Trust":
        """Trust in this key alone."""
        return Trust({self.key_id: self._key.public_key()})


class Trust:
    """The public keys that a reader believes, by key id, and the ids of those that were withdrawn."""

    def __init__(self, keys: Mapping[str, Any], withdrawn: Iterable[str] = ()) -> None:
        self._keys = dict(keys)
        self.withdrawn = frozenset(withdrawn)

    @classmethod
    def in_keys(cls, keys: Sequence[str], said_by: str = TRUSTED_KEYS) -> "Trust":
        """Of public keys: a PEM or OpenSSH file, what it holds, or the key's 32 bytes in base64.

        What NETANOMALY_WITHDRAWN_KEYS names is not believed, also where it is among the keys.

        Raises:
            InputError: One of them is no such key, or there is none.
        """
        if not keys or not all(key.strip() for key in keys):
            raise InputError(f"{said_by} has an empty entry; give public keys, or leave it out")
        found = [_public(key.strip(), said_by) for key in keys]
        return cls({_id(key): key for key in found}, withdrawn_keys())

    @classmethod
    def from_environment(cls) -> "Trust | None":
        """By NETANOMALY_TRUSTED_KEYS, separated by commas; None where that is not set.

        Raises:
            InputError: It is set and empty, or keys are withdrawn and none are trusted: nothing would be checked.
        """
        keys = _variable(TRUSTED_KEYS)
        if keys is not None:
            return cls.in_keys(keys.split(","))
        if _variable(WITHDRAWN_KEYS) is not None:
            raise InputError(
                f"{WITHDRAWN_KEYS} is set and {TRUSTED_KEYS} is not, so that nothing would be checked; name the keys "
                "that are trusted"
            )
        return None

    def with_key(self, signer: Signer) -> "Trust":
        """This trust, and in that key besides."""
        return Trust({**self._keys, **signer.trust()._keys}, self.withdrawn)

    def knows(self, key_id: str) -> bool:
        """Whether signatures by that key are believed."""
        return key_id in self._keys and key_id not in self.withdrawn

    def check(self, data: bytes, what: str) -> None:
        """Return where a trusted key signed this record, as it is stored.

        Raises:
            Unsigned, UnknownSigner, WrongSignature: What is missing.
        """
        try:
            document = bounds.parse(_Signed, data)
        except ValueError as error:
            raise WrongSignature(f"{what} has no signature that can be read: {error}; do not use it") from None
        self.verify(document.signature, _payload(data), what)

    def verify(self, signature: Signature | None, payload: bytes, what: str) -> None:
        """Return where a trusted key signed these bytes. Raises as `check`."""
        from Crypto.Signature import eddsa

        if signature is None:
            raise Unsigned(f"{what} is not signed, and only keys {self._listed()} are trusted here; do not use it")
        if signature.key in self.withdrawn:
            raise WithdrawnSigner(
                f"{what} is signed by key {signature.key}, which was withdrawn; do not use it before "
                "somebody has looked at it and signed it with another key"
            )
        key = self._keys.get(signature.key)
        if key is None:
            raise UnknownSigner(
                f"{what} is signed by key {_shown(signature.key)}, and only {self._listed()} are trusted here; "
                f"do not use it, or add that key to {TRUSTED_KEYS}"
            )
        try:
            eddsa.new(key, "rfc8032").verify(payload, base64.b64decode(signature.value, validate=True))
        except (ValueError, binascii.Error):
            raise WrongSignature(
                f"{what} is not what key {signature.key} signed; it was altered: do not use it, restore it from a backup"
            ) from None

    def listed(self) -> list[str]:
        """The keys' 32 bytes in base64: what NETANOMALY_TRUSTED_KEYS can hold where there are no files."""
        return [base64.b64encode(key.export_key(format="raw")).decode() for key in self._keys.values()]

    def _listed(self) -> str:
        return ", ".join(key for key in self._keys if key not in self.withdrawn) or "none"


class _Signed(msgspec.Struct):
    signature: Signature | None = None


def withdrawn_keys() -> frozenset[str]:
    """Ids of the keys that NETANOMALY_WITHDRAWN_KEYS names: public keys as in the list of trusted ones, or key ids.

    Raises:
        InputError: One of them is neither, or it is set and empty.
    """
    given = _variable(WITHDRAWN_KEYS)
    if given is None:
        return frozenset()
    if not all(key.strip() for key in given.split(",")):
        raise InputError(f"{WITHDRAWN_KEYS} has an empty entry; give public keys or their ids, or leave it out")
    keys = [key.strip() for key in given.split(",")]
    return frozenset(key if _KEY_ID.fullmatch(key) else _id(_public(key, WITHDRAWN_KEYS)) for key in keys)


def _variable(name: str) -> str | None:
    """A variable that switches checks on. Set and empty is more likely a mistake than a wish to have none."""
    value = os.environ.get(name)
    if value is not None and not value.strip():
        raise InputError(f"{name} is set and empty; give it a value, or unset it")
    return value


def _shown(key_id: str) -> str:
    return key_id if _KEY_ID.fullmatch(key_id) else names.short(key_id)


def for_containers() -> dict[str, str]:
    """The variables of this process that say what to sign with and believe, for stages that do not see its files.

    Raises:
        InputError: One of them holds no key.
    """
    given = {}
    if (key := _variable(SIGN_KEY)) is not None:
        Signer(key)
        given[SIGN_KEY] = _text(key, SIGN_KEY)
    if trust := Trust.from_environment():
        given[TRUSTED_KEYS] = ",".join(trust.listed())
        if trust.withdrawn:
            given[WITHDRAWN_KEYS] = ",".join(sorted(trust.withdrawn))
    return given


def _payload(data: bytes) -> bytes:
    document = bounds.parse(dict[str, Any], data)
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
        path = expanded(value)
        if not path.is_file() or path.stat().st_size > _MOST_KEY_BYTES:
            raise ValueError(value)
        return path.read_text(encoding="utf-8")
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
