"""Where a follower's outputs and checkpoint are, and how both are committed in one step: docs/decisions/scored-once.md."""

import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from netanomaly.errors import Absent, ConfigError, OutsideError, Refused
from netanomaly.registry import documents
from netanomaly.registry.file_store import FileStore
from netanomaly.registry.location import locate
from netanomaly.registry.store import Store
from netanomaly.scoring import checkpoint as checkpoints
from netanomaly.scoring.checkpoint import Checkpoint, Output

# The store's own, for what it writes; hidden from listings.
_SCRATCH = ".tmp"
STAGED, STATE, ALERTS = "staged/", "state/", "alerts/"
_OURS = (
    checkpoints.KEY, "scores/", ALERTS, "summaries/", STAGED, STATE, checkpoints.SEALED_PREFIX, "follower.json",
    "delivered.json", "probe.json", "probe/",
)  # fmt: skip
# What a commit leaves: without its checkpoint it would be scored again, and written over.
_OF_COMMITS = ("scores/", ALERTS, "summaries/", STATE, checkpoints.SEALED_PREFIX)


def alerts_key(number: int) -> str:
    """Where the incidents of a commit are, below the outputs."""
    return f"{ALERTS}{number:08d}.ndjson"


class Overtaken(OutsideError):
    """Another follower took over: what this one did since its last commit was not committed."""


class Outputs:
    """The outputs of one follower, who alone commits from `begin` on, until another begins.

    Attributes:
        checkpoint: As it was last committed.
    """

    def __init__(self, store: Store, model: str) -> None:
        self.store = store
        self.owner = secrets.token_hex(8)
        self.checkpoint = Checkpoint(model=model)
        self._etag: str | None = None

    @classmethod
    def at(cls, uri: str | Path, model: str) -> "Outputs":
        """Outputs in a folder or `s3://bucket/prefix`.

        Raises:
            UnfitStore: A server whose conditional writes cannot be trusted.
        """
        return cls(locate(uri).write, model)

    def look(self) -> None:
        """Read the checkpoint, and change nothing.

        Raises:
            WrongCheckpoint: It is damaged, another model's, or gone from beside what was scored.
            ConfigError: There is none, and something that is no follower's.
        """
        try:
            stored = self.store.get(checkpoints.KEY)
        except Absent:
            self._refuse_strangers()
            return
        self.checkpoint = checkpoints.decoded(stored.data, self.store.uri, self.checkpoint.model)
        self._etag = stored.etag

    def begin(self) -> None:
        """Become the one who commits, and finish or undo what a killed follower began. Raises as `look`, and Overtaken."""
        self.look()
        self._swap(msgspec.structs.replace(self.checkpoint, owner=self.owner))
        self._publish()
        if isinstance(self.store, FileStore):
            # What was being written when a follower was killed.
            shutil.rmtree(self.store.root / _SCRATCH, ignore_errors=True)
        # Whoever staged these can commit no more.
        kept = set(self.checkpoint.state.values())
        gone = [item.key for prefix in (STAGED, STATE) for item in self.store.list(prefix) if item.key not in kept]
        self._remove(gone)

    def scratch(self) -> "tempfile.TemporaryDirectory[str]":
        """A folder for outputs that are being made: where they go, where that is a folder, so that no killed one leaves any."""
        if not isinstance(self.store, FileStore):
            return tempfile.TemporaryDirectory(prefix=".netanomaly-score-")
        (self.store.root / _SCRATCH).mkdir(exist_ok=True)
        return tempfile.TemporaryDirectory(dir=self.store.root / _SCRATCH)

    def commit(
        self, checkpoint: Checkpoint, outputs: Mapping[str, Path], state: Mapping[str, bytes] | None = None
    ) -> None:
        """Outputs, position and state of the windows in one step, and then the outputs under their final names.

        Args:
            checkpoint: What is to be known from now on; number, outputs and state are filled in here.
            outputs: Files by final key.
            state: What changed of the state, by what it is.

        Raises:
            Overtaken: Another follower began meanwhile; nothing was committed.
            StoreUnavailable: The store failed. The checkpoint may have been replaced or not: `begin` again.
        """
        number = checkpoint.number + bool(outputs)
        staged = []
        for key, path in sorted(outputs.items()):
            place = f"{STAGED}{number:08d}-{self.owner}/{key.replace('/', '-')}"
            done = self.store.upload(path, lambda _, place=place: place)  # type: ignore[misc]
            staged.append(Output(key, place, done.sha256, done.size_bytes))
        keys = dict(checkpoint.state)
        for name, data in (state or {}).items():
            keys[name] = f"{STATE}{name}-{documents.digest(data)}"
            with tempfile.NamedTemporaryFile() as file:
                file.write(data)
                file.flush()
                self.store.upload(Path(file.name), lambda _, key=keys[name]: key)  # type: ignore[misc]
        before = set(self.checkpoint.state.values())
        made = msgspec.structs.replace(
            checkpoint,
            owner=self.owner,
            number=number,
            outputs=staged,
            state=keys,
            committed_at=documents.now(),
        )
        self._swap(checkpoints.sealed_where_long(self.store, made))
        self._publish(outputs)
        self._remove([*(each.staged for each in staged), *sorted(before - set(keys.values()))])

    def state(self, name: str) -> bytes | None:
        """What the next records are seen beside, as it was committed last."""
        key = self.checkpoint.state.get(name)
        if key is None:
            return None
        try:
            with self.store.read(key) as pieces:
                data = b"".join(pieces)
        except Absent:
            raise checkpoints.missing(self.store, key) from None
        if f"{STATE}{name}-{documents.digest(data)}" != key:
            raise checkpoints.WrongCheckpoint(
                f"{self.store.uri}/{key} was altered; restore it from a backup, or begin anew in another folder"
            )
        return data

    def _swap(self, made: Checkpoint) -> None:
        data = made.encoded()
        try:
            if self._etag is None:
                self._etag = self.store.put_new(checkpoints.KEY, data)
            else:
                self._etag = self.store.put_if_match(checkpoints.KEY, data, self._etag)
        except Refused:
            raise Overtaken(
                f"another follower took over {self.store.uri}; what this one had not committed is that one's to do"
            ) from None
        self.checkpoint = checkpoints.decoded(data, self.store.uri, made.model)

    def _publish(self, files: Mapping[str, Path] | None = None) -> None:
        """The outputs of the last commit under their final names.

        Without the files they are what was staged, as far as that is still there: it is removed when all are published.
        """
        with tempfile.TemporaryDirectory() as folder:
            for output in self.checkpoint.outputs:
                path = (files or {}).get(output.key) or self._staged(output, Path(folder))
                if path is not None:
                    self.store.upload(path, lambda _, output=output: output.key, output.sha256)  # type: ignore[misc]

    def _staged(self, output: Output, folder: Path) -> Path | None:
        path = folder / documents.digest(output.key.encode())
        try:
            with path.open("wb") as file, self.store.read(output.staged) as pieces:
                file.writelines(pieces)
        except Absent:
            return None
        return path

    def _remove(self, keys: Sequence[str]) -> None:
        for begin in range(0, len(keys), 1000):
            self.store.remove_all(keys[begin : begin + 1000])

    def _refuse_strangers(self) -> None:
        for item in self.store.list(""):
            if not item.key.startswith(_OURS):
                raise ConfigError(
                    f"{self.store.uri} holds {item.key!r}, which is no result of following; name another folder with --out"
                )
            if item.key.startswith(_OF_COMMITS):
                # A checkpoint is there before any of these is.
                raise checkpoints.missing(self.store, checkpoints.KEY)
