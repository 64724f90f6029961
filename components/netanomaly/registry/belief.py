"""What is believed of a head, and how one is signed.

A head says which record is version 3, where `champion` points, what is deprecated, and what happened before. Where
keys are trusted, a head is believed as a whole: by a signature over everything in it and over the identity of its
registry. So no record can take another's number, no alias an older place, and no version disappear, without the key; a
head of another registry, or of another model, is refused. Its `revision` counts its writes: a whole head that was put
back is an old truth, which only who remembers a later one can tell (`memory`).

Heads of before, and those written without a key, are not signed. Their records are believed by signatures of their own
and nothing else is; that is said once. A record that was signed as part of a signed head is not believed in another.
"""

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from netanomaly import output
from netanomaly.errors import InputError
from netanomaly.registry import documents
from netanomaly.registry.documents import Head, Record
from netanomaly.registry.errors import Unsigned, WrongRegistry, WrongSignature
from netanomaly.registry.signing import SIGN_KEY, TRUSTED_KEYS, Signer, Trust

if TYPE_CHECKING:
    from netanomaly.registry.memory import Memory

REGISTRY_ID = "NETANOMALY_REGISTRY_ID"
SIGNED_HEADS = "NETANOMALY_SIGNED_HEADS"

# What a head's signature is of begins so: a signed record can never pass for a head.
_KIND = b"netanomaly head\n"


def signed_heads_required(*, trusting: bool) -> bool:
    """Whether heads that are not signed are refused, by NETANOMALY_SIGNED_HEADS.

    Raises:
        InputError: It says anything but `required`, or no keys are trusted: nothing would be checked.
    """
    wanted = os.environ.get(SIGNED_HEADS)
    if wanted is None:
        return False
    if wanted != "required":
        raise InputError(f"{SIGNED_HEADS} is {wanted!r}; write required, or unset it")
    if not trusting:
        raise InputError(
            f"{SIGNED_HEADS} is set and {TRUSTED_KEYS} is not, so that nothing would be checked; name the keys that are trusted"
        )
    return True


class Belief:
    """What one process believes of one registry, and signs there.

    Args:
        identity: What the registry is called in signatures: its URI, or what NETANOMALY_REGISTRY_ID says.
        trust: Keys by which heads and records are believed; None: they need no signature.
        sign_key: As for `Signer`; empty: by the environment.
        memory: What was seen of heads before, if that is kept.
    """

    def __init__(
        self, identity: str, trust: Trust | None = None, sign_key: str = "", memory: "Memory | None" = None
    ) -> None:
        self.identity = os.environ.get(REGISTRY_ID) or identity
        self.trust = trust
        self.memory = memory if trust is not None else None
        self._sign_key = sign_key
        self._told: set[str] = set()
        self._silent = False

    @classmethod
    def without_keys(cls, other: "Belief") -> "Belief":
        """Of the same registry, and nothing but digests is checked."""
        belief = cls(other.identity)
        belief.identity = other.identity
        return belief

    @cached_property
    def signer(self) -> Signer | None:
        """What signs new records and heads, if anything.

        Raises:
            InputError: The key cannot be used; or it is not among those that are trusted here, so that all who trust them
                would refuse the whole model once it had signed.
        """
        signer = Signer(self._sign_key, "the signing key") if self._sign_key else Signer.from_environment()
        if signer is not None and self.trust is not None and signer.key_id in self.trust.withdrawn:
            raise InputError(f"the signing key {signer.key_id} was withdrawn; sign with another")
        if signer is not None and self.trust is not None and not self.trust.knows(signer.key_id):
            raise InputError(
                f"the signing key {signer.key_id} is not among {TRUSTED_KEYS}: who trusts those would refuse all that it signs; "
                "sign with one of them, or add its public key there and wherever this registry is read"
            )
        return signer

    @cached_property
    def writing(self) -> "Belief":
        """As a writer believes: what its own key signed, too. What it goes on from would else be signed unseen."""
        if self.signer is None:
            return self
        trust = Trust({}) if self.trust is None else self.trust
        own = Belief(self.identity, trust.with_key(self.signer), self._sign_key)
        own.memory, own.identity, own._silent = self.memory, self.identity, True
        return own

    def admit(self, head: Head, unknown: dict[str, Any]) -> None:
        """Return where a head may be believed.

        Raises:
            Unsigned, UnknownSigner, WithdrawnSigner, WrongSignature: No trusted key vouches for it.
            WrongRegistry: It was signed for another registry.
            RolledBack: A later one was seen here before.
        """
        if self.trust is None:
            return
        what = f"the head of model {head.model!r} in registry {self.identity}"
        if head.signature is None:
            if self.memory is not None:
                self.memory.refuse_known(self.identity, head.model, what)
            self._unsigned(head.model, what)
            return
        self.trust.verify(head.signature, _payload(head, unknown), what)
        if head.registry != self.identity:
            raise WrongRegistry(
                f"{what} was signed for registry {head.registry!r}; it was copied here: do not use it. Where the "
                f"registry was moved, say what it is called: {REGISTRY_ID}"
            )
        if self.memory is not None:
            self.memory.see(self.identity, head.model, head.revision, what)

    def admit_absent(self, model: str) -> None:
        """Raises RolledBack where a model has no head, and had one before."""
        if self.memory is not None:
            self.memory.refuse_known(self.identity, model, f"the head of model {model!r} in registry {self.identity}")

    def remembered(self) -> set[str]:
        """Models whose heads were seen here before."""
        return set() if self.memory is None else self.memory.models(self.identity)

    def admit_record(self, head: Head, record: Record, data: bytes, what: str) -> None:
        """Return where a record that this head lists may be believed. `data` is the record as it is stored.

        Raises:
            Unsigned, UnknownSigner, WithdrawnSigner, WrongSignature: No trusted key vouches for it.
        """
        if record.registry and head.signature is None:
            raise WrongSignature(
                f"{what} was signed as part of a signed head, and its head is not signed: the signature was taken away; "
                "do not use it, restore the head from a backup"
            )
        if self.trust is None:
            return
        # A signed head vouches for the digests of its records, also of those that were there before it was signed.
        if head.signature is None or (record.signature is not None and self.trust.knows(record.signature.key)):
            self.trust.check(data, what)

    def may_change(self, head: Head) -> None:
        """Return where this process can write the next head after this one.

        Raises:
            InputError: It is signed and there is no key, or it is not and there is one.
        """
        if head.next == 1 and head.signature is None:
            return
        what = f"the head of model {head.model!r} in registry {self.identity}"
        if head.signature is not None and self.signer is None:
            raise InputError(f"{what} is signed, and so must be each change of it; give the key: {SIGN_KEY}")
        if head.signature is None and self.signer is not None:
            raise InputError(
                f"{what} is not signed, and what is signed would be added to it; look at what it says (netanomaly "
                f"registry history {head.model}), then sign it: netanomaly registry sign {head.model}"
            )

    def signed(self, head: Head, unknown: dict[str, Any]) -> Head:
        """The head as it is written: with this process's signature, where it has a key."""
        if self.signer is None:
            return replace(head, format=documents.FORMAT, registry="", signature=None)
        head = replace(head, format=documents.SIGNED_FORMAT, registry=self.identity, signature=None)
        return replace(head, signature=self.signer.signature(_payload(head, unknown)))

    def _unsigned(self, model: str, what: str) -> None:
        if signed_heads_required(trusting=self.trust is not None):
            raise Unsigned(f"{what} is not signed, and {SIGNED_HEADS} asks for it; do not use it")
        if model not in self._told and not self._silent:
            self._told.add(model)
            output.tell(
                f"warning: {what} is not signed: its records are checked by {TRUSTED_KEYS}, but not which version has "
                f"which number, where aliases point, or whether the newest is there; netanomaly registry sign {model}"
            )


def _payload(head: Head, unknown: dict[str, Any]) -> bytes:
    return _KIND + documents.canonical(documents.head_document(head, unknown))
