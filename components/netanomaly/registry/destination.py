"""The folder that a download goes to: files get plain names below it, through no link, each whole or not at all."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from netanomaly.errors import InputError, OutsideError
from netanomaly.registry import checking

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Destination:
    """A folder to write files into; made where it is absent. It may itself be a link, what is in it may not.

    Raises:
        InputError: It is no folder, or a link stands where a folder is needed.
        OutsideError: It cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1

    def __enter__(self) -> "Destination":
        with self._in_words(""):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._folder, _FOLDER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    @contextmanager
    def file(self, path: str) -> Iterator[BinaryIO]:
        """A new file, which gets this name below the folder, in place of what has it, when all is written."""
        *folders, name = checking.relative_path(path).split("/")
        temporary = f".download-{secrets.token_hex(8)}"
        with self._in_words(path), self._below(folders) as folder:
            descriptor = os.open(temporary, _NEW, 0o666, dir_fd=folder)
            try:
                with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                    yield file
                os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise

    @contextmanager
    def _below(self, folders: list[str]) -> Iterator[int]:
        descriptor = os.dup(self._descriptor)
        try:
            for name in folders:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=descriptor)
                inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _in_words(self, path: str) -> Iterator[None]:
        target = self._folder / path
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
                raise InputError(
                    f"{target} cannot be written: a link or another thing stands where a folder or file would be; give "
                    "an empty folder"
                ) from None
            raise OutsideError(
                f"{target} cannot be written: {error.strerror}; give another folder, or free it"
            ) from None
