"""Any order of registrations, alias moves, rollbacks, status changes, crashes and retries, against a plain model."""

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from netanomaly.registry import Registry, sealing
from netanomaly.registry.documents import DELETED, DEPRECATED, READY
from netanomaly.registry.errors import KeyConflict, NotInRegistry, NotReady
from netanomaly.registry.file_store import FileStore
from netanomaly.registry.fsck import fsck
from netanomaly.registry.location import Location

from tests.store.checker import FolderObjects, check

MODELS = ("a", "b")
# Mostly one model and one alias, so that much happens to them.
MODEL, ALIAS = st.sampled_from(("a", "a", "a", "b")), st.sampled_from(("champion", "champion", "staging"))
RUN, CONTENT = st.sampled_from("1234567"), st.sampled_from((b"one", b"two"))
VERSION = st.integers(1, 6)
# The last two writes of a registration are the head and the view.
CRASH = st.one_of(st.none(), st.tuples(st.integers(1, 4), st.booleans()))


class Crash(BaseException):
    """The process is gone."""


class CrashingStore(FileStore):
    """Its process ends at the n-th write, before or after it happened."""

    def __init__(self, root: Path, crash: tuple[int, bool] | None) -> None:
        super().__init__(root)
        # In a list, so that copies of the store count together.
        self._left, self._after = [crash[0] if crash else 0], bool(crash and crash[1])

    def _rename(self, temporary: Path, key: str) -> None:
        self._left[0] -= 1
        if self._left[0] == 0 and not self._after:
            raise Crash
        super()._rename(temporary, key)
        if self._left[0] == 0:
            raise Crash


@dataclass
class Expected:
    """What a model must be."""

    # By number less one: run, content and status.
    versions: list[list] = field(default_factory=list)
    # Where each alias points, and pointed before.
    aliases: dict[str, tuple[int, list[int]]] = field(default_factory=dict)
    # Registrations that a crash cut off: nobody knows how much of them is there.
    begun: dict[str, bytes] = field(default_factory=dict)

    def of(self, run: str) -> tuple[int, bytes] | None:
        return next(((number, one[1]) for number, one in enumerate(self.versions, 1) if one[0] == run), None)

    def held(self, version: int) -> bool:
        return any(target == version for target, _ in self.aliases.values())

    def ready(self, version: int) -> bool:
        return self.versions[version - 1][2] == READY


class Registrations(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.root = self.folder / "registry"
        self.expected = {model: Expected() for model in MODELS}

    def open(self, crash: tuple[int, bool] | None = None) -> Registry:
        return Registry(Location(CrashingStore(self.root, crash)))

    @initialize()
    def begin(self) -> None:
        """With more versions than a tail holds."""
        for run in "12345":
            self.register("a", run, b"one", None)

    @rule(model=MODEL, run=RUN, content=CONTENT, crash=CRASH)
    def register(self, model, run, content, crash) -> None:
        expected = self.expected[model]
        known = expected.of(run)
        content = expected.begun.get(run, content)
        file = self.folder / "model.joblib"
        file.write_bytes(content)
        try:
            done = self.open(crash).register(model, file, {}, run_id=run)
        except Crash:
            expected.begun.setdefault(run, content)
            if known is None and self.count(model) > len(expected.versions):
                expected.versions.append([run, content, READY])
            return
        except KeyConflict:
            assert known is not None
            assert known[1] != content
            return
        if known is None:
            expected.versions.append([run, content, READY])
        else:
            assert known[1] == content
        number = known[0] if known else len(expected.versions)
        assert (done.version, done.created) == (number, known is None)

    def count(self, model: str) -> int:
        try:
            return len(self.open().versions(model, deleted=True))
        except NotInRegistry:
            return 0

    @rule(model=MODEL, version=VERSION, alias=ALIAS, crash=CRASH)
    def set_alias(self, model, version, alias, crash) -> None:
        expected = self.expected[model]
        point = expected.aliases.get(alias)
        try:
            self.open(crash).set_alias(f"{model}:{version}", alias)
        except NotInRegistry:
            assert version > len(expected.versions)
        except NotReady:
            assert not expected.ready(version)
        except Crash:
            if self.points(model, alias) == version:
                self.pointed(expected, alias, version)
        else:
            self.pointed(expected, alias, version)
            assert expected.ready(version)
        assert point is None or alias in expected.aliases

    def points(self, model: str, alias: str) -> int | None:
        return next((one.aliases.get(alias) for one in self.open().summaries() if one.name == model), None)

    def pointed(self, expected: Expected, alias: str, version: int) -> None:
        now, before = expected.aliases.get(alias, (None, []))
        if now != version:
            expected.aliases[alias] = version, before if now is None else [*before, now]

    @rule(model=MODEL, alias=ALIAS)
    def remove_alias(self, model, alias) -> None:
        expected = self.expected[model]
        if alias in expected.aliases:
            self.open().remove_alias(model, alias)
            del expected.aliases[alias]
        else:
            with pytest.raises(NotInRegistry):
                self.open().remove_alias(model, alias)

    @rule(model=MODEL, alias=ALIAS)
    def roll_back(self, model, alias) -> None:
        expected = self.expected[model]
        now, before = expected.aliases.get(alias, (None, []))
        targets = [version for version in reversed(before) if version != now]
        target = next((version for version in targets if expected.ready(version)), None)
        if target is None:
            with pytest.raises(NotReady if targets else NotInRegistry):
                self.open().rollback(model, alias)
            return
        assert self.open().rollback(model, alias) == (now, target)
        stack = list(before)
        while stack.pop() != target:
            pass
        expected.aliases[alias] = target, stack

    @rule(alias=ALIAS, versions=st.lists(VERSION, min_size=2, max_size=4), back=st.integers(1, 3))
    def move_on_and_back(self, alias, versions, back) -> None:
        for version in versions:
            self.set_alias("a", version, alias, None)
        for _ in range(back):
            self.roll_back("a", alias)

    @rule(model=MODEL, version=VERSION, status=st.sampled_from([READY, DEPRECATED, DELETED]))
    def set_status(self, model, version, status) -> None:
        expected = self.expected[model]
        if version > len(expected.versions):
            with pytest.raises(NotInRegistry):
                self.open().set_status(f"{model}:{version}", status)
        elif status != READY and expected.held(version):
            with pytest.raises(NotReady):
                self.open().set_status(f"{model}:{version}", status)
        else:
            self.open().set_status(f"{model}:{version}", status)
            expected.versions[version - 1][2] = status

    @invariant()
    def what_is_read_is_what_was_done(self) -> None:
        registry = self.open()
        filled = {model: one for model, one in self.expected.items() if one.versions}
        assert registry.models() == sorted(filled)
        for model, expected in filled.items():
            found = registry.versions(model, deleted=True)
            assert [(one.record.run_id, one.status) for one in found] == [(run, s) for run, _, s in expected.versions]
        aliases = {one.name: dict(one.aliases) for one in registry.summaries()}
        assert aliases == {
            model: {alias: target for alias, (target, _) in one.aliases.items()} for model, one in filled.items()
        }

    def teardown(self) -> None:
        try:
            if self.root.exists():
                assert self.open().publish()
                assert fsck(Location(FileStore(self.root))).sound
                runs = {model: {run for run, _, _ in one.versions} for model, one in self.expected.items()}
                check(FolderObjects(self.root).all(), {model: named for model, named in runs.items() if named})
        finally:
            shutil.rmtree(self.folder)


@pytest.fixture(autouse=True)
def short_tail(monkeypatch):
    """So that entries are sealed while a test of a few steps runs."""
    monkeypatch.setattr(sealing, "LONGEST_TAIL", 3)


# Drawn alike in each run, and anew in a soak.
EXAMPLES = int(os.environ.get("NETANOMALY_SOAK_EXAMPLES", "0"))

TestRegistrations = Registrations.TestCase
TestRegistrations.settings = settings(
    max_examples=EXAMPLES or 40, stateful_step_count=25, deadline=None, derandomize=not EXAMPLES
)
