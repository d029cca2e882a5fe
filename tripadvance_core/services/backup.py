"""Writing a backup while everything goes on.

Nothing spans two documents, so records that are read one after the other may disagree:
an upload that is claimed by a run which has ended by the time it is read. Therefore all
are read until two readings in a row agree. Every record was the same before and after
the moment between the two, so together they are what was there at that moment. (One
that changed and changed back would go unseen; but what happens to a file, a run or
MASTER leaves another record changed for good.) Records that none of the others rests
upon, such as the audit log, need not stand still.

Files are read after the records. They were written before the records that name them,
do not change, and are kept from the sweeper by a lease until the backup is done.
"""

import hashlib
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Final

from tripadvance_core.domain.entities import StoredFile
from tripadvance_core.domain.times import Clock
from tripadvance_core.errors import Conflict, NotFound, Refused, Unavailable
from tripadvance_core.scratch import ScratchFolder, remove_abandoned
from tripadvance_core.services.backup_archive import (
    FORMAT,
    Manifest,
    Records,
    add_file,
    add_manifest,
    records_name,
)
from tripadvance_core.services.migrations import NEWEST
from tripadvance_core.services.readings import Reading, read_records
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.folder import sync
from tripadvance_core.storage.leases import kept_alive, release, wait_for
from tripadvance_core.storage.objects import ObjectStore

KEEPING: Final = "objects"
"""The lease under which stored files are removed, or kept from being removed."""
KEEPING_SECONDS: Final = 60.0

_INDEPENDENT: Final = frozenset({"users", "api_tokens", "audit_log", "column_aliases"})
_MOST_READINGS: Final = 60
_PAUSE_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Backup:
    """A backup that was written, and what is in it."""

    path: Path
    size_bytes: int
    manifest: Manifest


@contextmanager
def files_kept(database: Database, holder: str, clock: Clock) -> Iterator[None]:
    """Keep stored files from being removed.

    Raises
    ------
    Conflict
        ``BACKUP_MUST_WAIT`` while a backup, a migration or a sweep goes on.
    """
    lease = wait_for(database, KEEPING, holder, clock, KEEPING_SECONDS)
    if lease is None:
        raise Conflict("BACKUP_MUST_WAIT")
    try:
        with kept_alive(database, lease, clock):
            yield
    finally:
        release(database, lease)


class Backups:
    """Writes everything that an installation must not lose into one file."""

    def __init__(self, database: Database, objects: ObjectStore, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock

    def write(self, target: Path) -> Backup:
        """Write a backup to a file, or under a name of its own into a folder.

        It is there as a whole or not at all, and open to its owner alone. Files that are
        lost or damaged are left out and named in the manifest.

        Raises
        ------
        Refused
            ``BACKUP_NOT_WRITABLE``.
        Conflict
            See ``files_kept``.
        Unavailable
            ``BACKUP_NEVER_QUIET`` where the records do not stand still.
        """
        try:
            with files_kept(self._database, "backup", self._clock):
                return self._write(target)
        except OSError as error:
            raise Refused(
                "BACKUP_NOT_WRITABLE", file=target, problem=error.strerror
            ) from error

    def _write(self, target: Path) -> Backup:
        made_at = self._clock()
        if target.is_dir():
            target = target / f"tripadvance-{made_at:%Y%m%dT%H%M%SZ}.zip"
        remove_abandoned(target.parent)
        with closing(ScratchFolder(target.parent)) as scratch:
            unfinished = scratch.path / "backup.zip"
            manifest = self._fill(unfinished, made_at)
            _publish(unfinished, target)
        return Backup(target, target.stat().st_size, manifest)

    def _fill(self, path: Path, made_at: datetime) -> Manifest:
        reading = self._settled(path.parent)
        path.touch(mode=0o600)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in reading.records:
                archive.write(reading.lines(name), records_name(name))
            kept, lost = self._add_files(archive, reading.files)
            manifest = Manifest(
                format=FORMAT,
                schema_version=NEWEST,
                version=version_of("tripadvance"),
                made_at=made_at,
                records=dict(reading.records),
                files=kept,
                lost=lost,
            )
            add_manifest(archive, manifest)
        return manifest

    def _settled(self, folder: Path) -> Reading:
        former = None
        for _ in range(_MOST_READINGS):
            reading = read_records(self._database, folder)
            if former is not None and _bound(reading) == _bound(former):
                return reading
            if former is not None:
                time.sleep(_PAUSE_SECONDS)
            former = reading
        raise Unavailable("BACKUP_NEVER_QUIET")

    def _add_files(
        self, archive: zipfile.ZipFile, files: Mapping[str, set[str]]
    ) -> tuple[tuple[StoredFile, ...], tuple[str, ...]]:
        """Add each file that is what was stored; return those, and the other keys."""
        kept, lost = [], []
        for key, known in sorted(files.items()):
            content = b""
            with suppress(NotFound):
                content = self._objects.get(key)
            sha256 = hashlib.sha256(content).hexdigest()
            if sha256 not in known:
                lost.append(key)
                continue
            file = StoredFile(key=key, sha256=sha256, size_bytes=len(content))
            add_file(archive, file, content)
            kept.append(file)
        return tuple(kept), tuple(lost)


def _bound(reading: Reading) -> dict[str, Records]:
    """Return what the records measure that others rest upon."""
    return {
        name: records
        for name, records in reading.records.items()
        if name not in _INDEPENDENT
    }


def _publish(file: Path, target: Path) -> None:
    """Give a whole file its name, so that it has it after a crash, too."""
    sync(file)
    file.replace(target)
    sync(target.parent)
