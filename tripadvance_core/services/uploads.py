"""Taking files in: what is in them, and keeping every one of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tripadvance_core.domain.entities import (
    ColumnMapping,
    Upload,
    UploadStatus,
)
from tripadvance_core.domain.times import Clock
from tripadvance_core.errors import AlreadyExists, FileRefused
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database, Order
from tripadvance_core.storage.objects import ObjectStore, load_file, store_file
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.intake import FareTable, read_fares

OLDEST_FIRST: Order = (("uploaded_at", 1),)
UNUSED = [UploadStatus.REJECTED, UploadStatus.HELD, UploadStatus.WITHDRAWN]
"""Uploads that no model has seen or will see: their bytes may be handed in again."""


class Verdict(StrEnum):
    """What a check says of a whole file."""

    ACCEPT = "accept"
    PARTIAL = "partial"
    REJECT = "reject"


@dataclass(frozen=True)
class FileCheck:
    """What a file holds: a table of fares, or why it is refused."""

    name: str
    table: FareTable | None
    refusal: FileRefused | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether all, some or none of the file can be used."""
        if self.table is None:
            return Verdict.REJECT
        return Verdict.PARTIAL if self.table.refused else Verdict.ACCEPT


class UploadService:
    """Checks files, and keeps what was handed in."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        objects: ObjectStore,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = Repositories(database)
        self._objects = objects
        self._clock = clock

    def check(self, content: bytes, name: str, mapping: ColumnMapping) -> FileCheck:
        """Read a file without keeping anything."""
        try:
            table = read_fares(content, name, mapping, self._settings.base_currency)
        except FileRefused as refusal:
            return FileCheck(name, table=None, refusal=refusal)
        return FileCheck(name, table=table)

    def ingest(
        self, content: bytes, name: str, mapping: ColumnMapping, *, owner: str
    ) -> tuple[Upload, FileCheck]:
        """Check a file and keep it, refused or not; return its record.

        The bytes are stored before the record, so that a record always has them.

        Raises
        ------
        AlreadyExists
            ``ALREADY_UPLOADED`` when the same bytes were taken in before. A file that
            was refused, held or withdrawn may be handed in again.
        """
        digest = hashlib.sha256(content).hexdigest()
        upload_id = digest[:32]
        former = self._store.uploads.find(upload_id)
        if former is not None and former.status not in UNUSED:
            raise _already_uploaded(former)
        check = self.check(content, name, mapping)
        upload = Upload(
            id=upload_id,
            name=name,
            owner=owner,
            raw=store_file(self._objects, f"raw/{digest}", content),
            mapping=mapping,
            status=UploadStatus.PENDING if check.table else UploadStatus.REJECTED,
            uploaded_at=self._clock(),
            rows_total=check.table.rows_total if check.table else 0,
            rows_kept=len(check.table.rows) if check.table else 0,
            reason=check.refusal.code if check.refusal else None,
            warnings=tuple(str(w) for w in check.table.warnings) if check.table else (),
        )
        if former is None:
            self._add(upload)
        else:
            self._replace(former, upload)
        return upload, check

    def waiting(self) -> Sequence[Upload]:
        """Return the uploads that wait for a night, oldest first."""
        return self._store.uploads.select(
            {"status": UploadStatus.PENDING}, order=OLDEST_FIRST
        )

    def all(self) -> Sequence[Upload]:
        """Return every upload, oldest first."""
        return self._store.uploads.select(order=OLDEST_FIRST)

    def verify_all(self) -> None:
        """Prove that every file ever taken in is still there, byte for byte.

        Raises
        ------
        NotFound
            ``OBJECT_NOT_FOUND`` for the first that is missing.
        Corrupted
            ``CHECKSUM_MISMATCH`` for the first that has changed.
        """
        for upload in self.all():
            load_file(self._objects, upload.raw)

    def _add(self, upload: Upload) -> None:
        try:
            self._store.uploads.add(upload)
        except AlreadyExists as error:
            raise _already_uploaded(self._store.uploads.get(upload.id)) from error

    def _replace(self, former: Upload, upload: Upload) -> None:
        changes = upload.to_document()
        same = {"_id": changes.pop("_id"), "status": former.status}
        if not self._store.uploads.change(same, changes):
            raise _already_uploaded(self._store.uploads.get(upload.id))


def _already_uploaded(upload: Upload) -> AlreadyExists:
    return AlreadyExists(
        "ALREADY_UPLOADED", name=upload.name, uploaded_at=upload.uploaded_at
    )
