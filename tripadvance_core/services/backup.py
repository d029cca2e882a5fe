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
import json
import time
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing, suppress
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
    LEFT_OUT,
    Manifest,
    Records,
    add_file,
    add_manifest,
    records_name,
)
from tripadvance_core.services.migrations import NEWEST
from tripadvance_core.storage.database import Database, Document
from tripadvance_core.storage.folder import sync
from tripadvance_core.storage.leases import kept_alive, release, wait_for
from tripadvance_core.storage.objects import ObjectStore, files_named_in
from tripadvance_core.storage.walking import every_document

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


@dataclass(frozen=True)
class _Reading:
    """All records, read once: what they measure, and which files they name.

    ``files`` has the hashes that each key is known by.
    """

    records: Mapping[str, Records]
    files: Mapping[str, set[str]]

    def agrees_with(self, other: "_Reading | None") -> bool:
        return other is not None and self._bound() == other._bound()

    def _bound(self) -> dict[str, Records]:
        return {
            name: records
            for name, records in self.records.items()
            if name not in _INDEPENDENT
        }


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
            ``BACKUP_MUST_WAIT`` while another backup or a sweep goes on.
        Unavailable
            ``BACKUP_NEVER_QUIET`` where the records do not stand still.
        """
        lease = wait_for(
            self._database, KEEPING, "backup", self._clock, KEEPING_SECONDS
        )
        if lease is None:
            raise Conflict("BACKUP_MUST_WAIT")
        try:
            with kept_alive(self._database, lease, self._clock):
                return self._write(target)
        except OSError as error:
            raise Refused(
                "BACKUP_NOT_WRITABLE", file=target, problem=error.strerror
            ) from error
        finally:
            release(self._database, lease)

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
                archive.write(path.with_name(f"{name}.jsonl"), records_name(name))
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

    def _settled(self, folder: Path) -> _Reading:
        former = None
        for _ in range(_MOST_READINGS):
            reading = self._read(folder)
            if reading.agrees_with(former):
                return reading
            if former is not None:
                time.sleep(_PAUSE_SECONDS)
            former = reading
        raise Unavailable("BACKUP_NEVER_QUIET")

    def _read(self, folder: Path) -> _Reading:
        """Write the records of each collection into a file of the folder."""
        records = {}
        files: dict[str, set[str]] = defaultdict(set)
        for name in self._database.collections():
            if name in LEFT_OUT:
                continue
            digest, count = hashlib.sha256(), 0
            with (folder / f"{name}.jsonl").open("wb") as lines:
                for document in every_document(self._database, name):
                    line = _line(_kept(name, document))
                    lines.write(line)
                    digest.update(line)
                    count += 1
                    for file in files_named_in(document):
                        files[file.key].add(file.sha256)
                size = lines.tell()
            records[name] = Records(
                count=count, sha256=digest.hexdigest(), size_bytes=size
            )
        return _Reading(records, files)

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


def _kept(collection: str, document: Document) -> Document:
    """Leave out what changes all the time and nobody goes on with after a crash."""
    if collection == "training_runs":
        return document | {"under_way": None}
    return document


def _line(document: Document) -> bytes:
    text: str = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode() + b"\n"


def _publish(file: Path, target: Path) -> None:
    """Give a whole file its name, so that it has it after a crash, too."""
    sync(file)
    file.replace(target)
    sync(target.parent)
