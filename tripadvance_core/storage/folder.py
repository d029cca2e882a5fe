"""The object store of one machine: one file an object, in a private folder."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tripadvance_core.errors import NotFound, Unavailable
from tripadvance_core.storage.keys import check_key, check_prefix

# No key has a part that starts with a dot, so these names are never objects.
_TEMPORARY_PREFIX = "."
_ABANDONED_AFTER_SECONDS = 24 * 3600
_NO_SUCH_FILE = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


class FolderStore:
    """Objects as files under ``root``, open to their owner alone; see ``ObjectStore``.

    An object is written under a temporary name, synced and renamed, so that a crash
    leaves the former object or the new one. No key may continue another key with
    ``/``, for a file is not a folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

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
                _sync(path.parent)

    def keys(self, prefix: str = "") -> Iterator[str]:
        check_prefix(prefix)
        folder = self._root / prefix.rpartition("/")[0]
        with self._translated():
            keys = sorted(
                file.relative_to(self._root).as_posix()
                for file in _files(folder)
                if not _is_temporary(file)
            )
        yield from (key for key in keys if key.startswith(prefix))

    def ensure(self) -> None:
        with self._translated():
            _make_folder(self._root)
            self._remove_abandoned()
            with tempfile.TemporaryFile(dir=self._root) as probe:
                probe.write(b"can be written")

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._root / key

    def _remove_abandoned(self) -> None:
        """Remove what was left by writers that were killed before they could."""
        for file in filter(_is_temporary, _files(self._root)):
            with suppress(FileNotFoundError):  # its writer has renamed it meanwhile
                if time.time() - file.stat().st_mtime > _ABANDONED_AFTER_SECONDS:
                    file.unlink()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                "OBJECTS_UNAVAILABLE", address=str(self._root), problem=error.strerror
            ) from error


def _is_temporary(file: Path) -> bool:
    return file.name.startswith(_TEMPORARY_PREFIX)


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
    _sync(folder.parent)


def _replace(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY_PREFIX)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
