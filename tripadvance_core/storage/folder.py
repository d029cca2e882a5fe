"""The object store of one machine: one file an object, in a private folder."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from tripadvance_core.errors import NotFound, Unavailable
from tripadvance_core.storage.keys import check_key, check_prefix

# No key has a part that starts with a dot, so these names are never objects.
_TEMPORARY_PREFIX = "."
_NO_SUCH_FILE = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


class FolderStore:
    """Objects as files under ``root``, open to their owner alone; see ``ObjectStore``.

    An object is written under a temporary name, synced and renamed, so that a crash
    leaves the former object or the new one. No key may continue another key with
    ``/``, for a file is not a folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def address(self) -> str:
        return str(self._root)

    def put(self, key: str, content: bytes) -> None:
        path = self._path(key)
        with self._translated():
            _make_folder(path.parent)
            _replace(path, content)

    def get(self, key: str) -> bytes:
        path = self._path(key)
        with self._translated():
            try:
                return path.read_bytes()
            except _NO_SUCH_FILE as error:
                raise NotFound("OBJECT_NOT_FOUND", key=key) from error

    def exists(self, key: str) -> bool:
        path = self._path(key)
        with self._translated():
            return path.is_file()

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._translated():
            if path.is_file():
                path.unlink(missing_ok=True)
                sync(path.parent)

    def keys(self, prefix: str = "") -> Iterator[str]:
        check_prefix(prefix)
        folder = self._root / prefix.rpartition("/")[0]
        with self._translated():
            keys = sorted(
                self._key(file) for file in _files(folder) if not _is_temporary(file)
            )
        yield from (key for key in keys if key.startswith(prefix))

    def keys_before(self, moment: datetime) -> Iterator[str]:
        with self._translated():
            keys = sorted(
                self._key(file)
                for file in _files(self._root)
                if not _is_temporary(file) and _is_before(file, moment)
            )
        yield from keys

    def delete_before(self, key: str, moment: datetime) -> bool:
        """Put the object aside, then look: what is there by then may be new."""
        path = self._path(key)
        with self._translated():
            if not _is_before(path, moment):
                return False
            aside = path.with_name(_TEMPORARY_PREFIX + secrets.token_hex(8))
            try:
                path.rename(aside)
            except _NO_SUCH_FILE:  # another was first
                return False
            old = _is_before(aside, moment)
            if not old:
                with suppress(FileExistsError):  # put once more
                    path.hardlink_to(aside)
            aside.unlink()
            sync(path.parent)
        return old

    def discard_unfinished(self, moment: datetime) -> list[str]:
        discarded = []
        with self._translated():
            for file in _files(self._root):
                if _is_temporary(file) and _is_before(file, moment):
                    file.unlink(missing_ok=True)
                    discarded.append(self._key(file))
        return discarded

    def ensure(self) -> None:
        with self._translated():
            _make_folder(self._root)
            with tempfile.TemporaryFile(dir=self._root) as probe:
                probe.write(b"can be written")

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._root / key

    def _key(self, file: Path) -> str:
        return file.relative_to(self._root).as_posix()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                "OBJECTS_UNAVAILABLE", address=self.address, problem=error.strerror
            ) from error


def _is_temporary(file: Path) -> bool:
    return file.name.startswith(_TEMPORARY_PREFIX)


def _is_before(file: Path, moment: datetime) -> bool:
    try:
        return file.stat().st_mtime < moment.timestamp()
    except _NO_SUCH_FILE:  # gone meanwhile
        return False


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder, onerror=_refuse_unless_missing):
        for name in names:
            yield Path(parent, name)


def _refuse_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync(folder.parent)


def _replace(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY_PREFIX)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Return when a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
