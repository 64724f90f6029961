"""A model file, or a folder of them, into the registry at the address of its content."""

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

from netanomaly.errors import InputError
from netanomaly.registry import documents, names
from netanomaly.registry.documents import File
from netanomaly.registry.store import Store


def upload(store: Store, model: str, source: Path, name: str, sha256: str | None) -> tuple[File, dict[str, File]]:
    """Store a file or a folder.

    Args:
        store: Where.
        model: The model it belongs to.
        source: The file or folder.
        name: What a file is called there; a folder's files keep their names.
        sha256: The file's digest where it is known: it is checked, and the file read once.

    Returns:
        The artefact, and the files in it when it is a folder.

    Raises:
        InputError: It is missing, empty, or is or holds a symbolic link.
        WrongDigest: It is not the file whose digest was given, or changed while it was read.
    """
    if source.is_symlink():
        raise InputError(f"{source} is a symbolic link; give the file it points to")
    if source.is_dir():
        return _folder(store, model, source)
    if not source.is_file():
        what = "is neither a file nor a folder" if source.exists() else "does not exist"
        raise InputError(f"{source} {what}; give the model's file or folder")
    if not source.stat().st_size:
        raise InputError(f"{source} is empty; a model file has content")
    names.file_name(name)
    uploaded = store.upload(source, lambda found: documents.artifact_key(model, found, name), sha256)
    return File(uploaded.key, uploaded.sha256, uploaded.size_bytes), {}


def open_source(path: Path) -> BufferedReader:
    """A file of the user's, for reading: neither a link that took its place since it was looked at, nor a pipe.

    Raises:
        InputError: It is no plain file.
        OSError: It cannot be opened.
    """
    expected = path.lstat()
    if stat.S_ISLNK(expected.st_mode):
        raise InputError(f"{path} is a symbolic link; give the file it points to")
    if not stat.S_ISREG(expected.st_mode):
        raise InputError(f"{path} is neither a file nor a folder; give the model's file or folder")
    file = path.open("rb")
    if not os.path.samestat(expected, os.fstat(file.fileno())):
        file.close()
        raise InputError(f"{path} was replaced while it was opened; give a file that stays")
    return file


def content_key(source: Path, document: Mapping[str, Any]) -> tuple[str, str | None]:
    """A registration's key by what is registered, so that the same again is the same registration.

    Returns:
        The key, and the SHA-256 of the file, where `source` is one.
    """
    sha256 = _file_digest(source) if source.is_file() else None
    if source.is_dir():
        inside = (path for path in sorted(source.rglob("*")) if path.is_file() and not path.is_symlink())
        content = documents.tree_digest({path.relative_to(source).as_posix(): _file_digest(path) for path in inside})
    else:
        content = sha256 or ""
    return documents.digest(documents.canonical([content, dict(document)])), sha256


def _folder(store: Store, model: str, source: Path) -> tuple[File, dict[str, File]]:
    digests: dict[str, str] = {}
    for path in sorted(source.rglob("*")):
        if path.is_symlink():
            raise InputError(f"{path} is a symbolic link; a model folder holds files only")
        if path.is_dir():
            continue
        if not path.is_file():
            raise InputError(f"{path} is not a file; a model folder holds files only")
        relative = path.relative_to(source)
        for part in relative.parts:
            names.file_name(part)
        name = relative.as_posix()
        digests[name] = _file_digest(path)
    if not digests:
        raise InputError(f"{source} is an empty folder; give the model's file or folder")
    whole = documents.tree_digest(digests)
    tree: dict[str, File] = {}
    for name, digest in digests.items():
        uploaded = store.upload(source / name, _at(documents.artifact_key(model, whole, name)), digest)
        tree[name] = File(uploaded.key, uploaded.sha256, uploaded.size_bytes)
    size = sum(file.bytes for file in tree.values())
    return File(documents.artifact_key(model, whole, ""), whole, size), tree


def _at(key: str) -> Callable[[str], str]:
    return lambda _: key


def _file_digest(path: Path) -> str:
    with open_source(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
