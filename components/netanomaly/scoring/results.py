"""Where the results of one scoring run go: a folder, or a prefix of a bucket. Nothing is seen before it is whole."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from netanomaly.errors import ConfigError
from netanomaly.paths import expanded
from netanomaly.scoring.scoring import FILES, SUMMARY


@contextmanager
def results(out: str) -> Iterator[Path]:
    """A folder to make results in; when the block ends well they are in their place.

    Args:
        out: A folder, file:///folder, or s3://bucket/prefix.

    Raises:
        ConfigError: It holds anything but results.
        StoreRefused, StoreUnavailable: The bucket cannot be written.
    """
    if out.startswith("s3://"):
        with _in_a_bucket(out) as made:
            yield made
        return
    folder = Path(unquote(urlsplit(out).path)) if out.startswith("file://") else expanded(out)
    _refuse_strangers(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        yield Path(temporary)
        folder.mkdir(exist_ok=True)
        for name in FILES:
            shutil.move(Path(temporary, name), folder / name)


def _refuse_strangers(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; name a folder for the results")
    if folder.is_dir() and (others := sorted(path.name for path in folder.iterdir() if path.name not in FILES)):
        raise ConfigError(f"{folder} holds {others[0]!r}, which is no result of scoring; name another folder")


@contextmanager
def _in_a_bucket(out: str) -> Iterator[Path]:
    from netanomaly.registry.object_store import ObjectStore
    from netanomaly.registry.retrying import Retrying

    store = Retrying(ObjectStore(out))
    if others := [item.key for item in store.list("") if item.key not in FILES]:
        raise ConfigError(f"{out} holds {others[0]!r}, which is no result of scoring; name another prefix")
    with tempfile.TemporaryDirectory(prefix=".netanomaly-score-") as temporary:
        yield Path(temporary)
        # Each is seen when it is whole; the summary comes last, and says that all are there.
        for name in sorted(FILES, key=lambda name: name == SUMMARY):
            store.upload(Path(temporary, name), lambda _, name=name: name)  # type: ignore[misc]
