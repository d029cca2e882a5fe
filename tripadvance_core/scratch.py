"""Temporary folders that go with their process, and those that a killed one left.

A folder holds a lock file that its process keeps locked. The system lets go of the lock
when the process ends, however it ends; a process id would not do, for it may be given
to another.
"""

import fcntl
import os
import shutil
import stat
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "tripadvance-"
_LOCK: Final = "lock"
# A folder is made a moment before its lock is.
_LEFT_ALONE_SECONDS: Final = 3600


class ScratchFolder:
    """A folder for its owner alone, there for as long as anyone holds this.

    Parameters
    ----------
    parent
        Where it lies; the system's temporary folder unless named.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = _lock_file(self.path, os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self._finalizer = weakref.finalize(self, _remove, self.path, lock)

    def close(self) -> None:
        """Remove the folder now."""
        self._finalizer()


def remove_abandoned(parent: Path | None = None) -> list[str]:
    """Remove the folders of ours whose process has ended; return their names."""
    return [folder.name for folder in _ours(parent) if _removed(folder)]


def _ours(parent: Path | None) -> Iterator[Path]:
    before = time.time() - _LEFT_ALONE_SECONDS
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):  # gone meanwhile
            found = folder.lstat()
            ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
            if ours and found.st_mtime < before:
                yield folder


def _removed(folder: Path) -> bool:
    """Remove a folder unless its process lives, or it has never had a lock of ours."""
    try:
        lock = _lock_file(folder)
    except OSError:  # no folder, or none of ours
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    there = folder.exists()
    _remove(folder, lock)
    return there


def _lock_file(folder: Path, flags: int = 0) -> int:
    return os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)


def _remove(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)
