"""Taking files in: what is in them, and keeping every one of them."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from tripadvance_core.domain.entities import (
    ColumnMapping,
    Evidence,
    Intervention,
    ModelVersion,
    Upload,
    UploadStatus,
)
from tripadvance_core.domain.times import Clock
from tripadvance_core.errors import AlreadyExists, Conflict, FileRefused, NotFound
from tripadvance_core.messages import Language
from tripadvance_core.services.alerts import Alerts
from tripadvance_core.services.aliases import Aliases
from tripadvance_core.services.overlap import Overlap, days_of
from tripadvance_core.services.reading import FileReader
from tripadvance_core.services.review import Review
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database, Order
from tripadvance_core.storage.objects import ObjectStore, load_file, store_file
from tripadvance_core.storage.repository import Page, Repositories
from tripadvance_core.tabular.jobs import CleanFares
from tripadvance_core.tabular.preview import Preview

_LOG = logging.getLogger(__name__)

OLDEST_FIRST: Order = (("uploaded_at", 1),)
UNUSED = [UploadStatus.REJECTED, UploadStatus.HELD, UploadStatus.WITHDRAWN]
"""Uploads that no model has seen or will see: their bytes may be handed in again."""
PAGE_SIZE = 25
HELD_FOR_REVIEW = "CONTRADICTS_HISTORY"


class Verdict(StrEnum):
    """What a check says of a whole file."""

    ACCEPT = "accept"
    PARTIAL = "partial"
    REJECT = "reject"


@dataclass(frozen=True)
class FileCheck:
    """What a file holds: fares, or why it is refused; and what speaks against it."""

    name: str
    fares: CleanFares | None
    refusal: FileRefused | None = None
    evidence: tuple[Evidence, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Whether all, some or none of the file can be used."""
        if self.fares is None:
            return Verdict.REJECT
        return Verdict.PARTIAL if self.fares.refused else Verdict.ACCEPT

    @property
    def status(self) -> UploadStatus:
        """Where an upload of this file begins."""
        if self.fares is None:
            return UploadStatus.REJECTED
        return UploadStatus.HELD if self.evidence else UploadStatus.PENDING

    @property
    def reason(self) -> str | None:
        """Why the file does not wait for a night, if it does not."""
        if self.refusal is not None:
            return self.refusal.code
        return HELD_FOR_REVIEW if self.evidence else None


class UploadService:
    """Checks files, and keeps what was handed in."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        objects: ObjectStore,
        alerts: Alerts,
        announce: Callable[[Upload], None],
        clock: Clock,
    ) -> None:
        self._store = Repositories(database)
        self._objects = objects
        self._alerts = alerts
        self._announce = announce
        self._clock = clock
        self._reader = FileReader(settings)
        self._review = Review(database, objects, clock)
        self._overlap = Overlap(database, objects)
        self._aliases = Aliases(database)

    def with_known_headers(self, mapping: ColumnMapping, owner: str) -> ColumnMapping:
        """Return a mapping with what its owner has mapped in earlier files."""
        return self._aliases.added_to(mapping, owner)

    def preview(
        self, content: bytes, name: str, mapping: ColumnMapping, *, owner: str
    ) -> Preview:
        """Show what a file looks like, whether or not it can be read.

        Raises
        ------
        FileRefused
            Where nothing of it can be shown.
        """
        known = self.with_known_headers(mapping, owner)
        return self._reader.preview(content, name, known)

    def check(
        self, content: bytes, name: str, mapping: ColumnMapping, *, owner: str
    ) -> FileCheck:
        """Read a file without keeping anything."""
        known = self.with_known_headers(mapping, owner)
        try:
            fares = self._reader.fares(content, name, known)
        except FileRefused as refusal:
            return FileCheck(name, fares=None, refusal=refusal)
        rows = fares.rows()
        overlap = self._overlap.note(rows, _upload_id(content))
        if overlap is not None:
            fares = fares.with_note(overlap)
        return FileCheck(name, fares, evidence=self._review.evidence(rows))

    def ingest(
        self, content: bytes, name: str, mapping: ColumnMapping, *, owner: str
    ) -> tuple[Upload, FileCheck]:
        """Check a file and keep it, refused or not; return its record.

        Its bytes and its usable rows are stored before the record, so that a record
        always has them. A file that contradicts the history is held for a person to
        release or withdraw.

        Raises
        ------
        AlreadyExists
            ``ALREADY_UPLOADED`` when the same bytes were taken in before. A file that
            was refused, held or withdrawn may be handed in again.
        """
        upload_id = _upload_id(content)
        former = self._store.uploads.find(upload_id)
        if former is not None and former.status not in UNUSED:
            raise _already_uploaded(former)
        mapping = self.with_known_headers(mapping, owner)
        check = self.check(content, name, mapping, owner=owner)
        upload = self._record(upload_id, content, mapping, check, owner)
        if upload.status is UploadStatus.HELD:
            self._alerts.upload_held(upload, HELD_FOR_REVIEW)
        if former is None:
            self._add(upload)
        else:
            self._replace(former, upload)
        _LOG.info("upload %s is %s", upload.id, upload.status)
        if check.fares is not None:
            self._aliases.remember(mapping, owner)
        if upload.status is UploadStatus.PENDING:
            self._announce(upload)
        return upload, check

    def find(self, upload_id: str) -> Upload:
        """Return an upload by its id or the beginning of it.

        Raises
        ------
        NotFound
            ``UPLOAD_NOT_FOUND`` where none, or more than one, begins so.
        """
        begins = [u for u in self.all() if upload_id and u.id.startswith(upload_id)]
        if len(begins) != 1:
            raise NotFound("UPLOAD_NOT_FOUND", upload=upload_id)
        return begins[0]

    def release(self, upload_id: str, *, by: str, reason: str) -> Upload:
        """Let a held upload wait for the next night, whatever speaks against it.

        Raises
        ------
        Conflict
            ``UPLOAD_NOT_HELD``.
        """
        upload = self.find(upload_id)
        if upload.status is not UploadStatus.HELD or upload.cleaned is None:
            raise Conflict("UPLOAD_NOT_HELD", name=upload.name)
        changes = {"status": UploadStatus.PENDING, "reason": None}
        released = self._intervene(upload, "released", changes, by, reason)
        self._announce(released)
        return released

    def withdraw(self, upload_id: str, *, by: str, reason: str) -> Upload:
        """Take an upload out of every training to come, and mark what learned from it.

        Its bytes are kept, so that it can be handed in again.

        Raises
        ------
        Conflict
            ``UPLOAD_IN_TRAINING`` while a run works on it, ``UPLOAD_WITHDRAWN`` when
            that has been done before.
        """
        upload = self.find(upload_id)
        if upload.status is UploadStatus.WITHDRAWN:
            self.repair()  # this may be somebody's second try
            raise Conflict("UPLOAD_WITHDRAWN", name=upload.name)
        changes = {"status": UploadStatus.WITHDRAWN, "reason": None}
        withdrawn = self._intervene(upload, "withdrawn", changes, by, reason)
        for model in self.models_trained_on(upload.id):
            mark_withdrawn(self._store, model)
        return withdrawn

    def repair(self) -> None:
        """Mark the models of files whose withdrawal was cut off before they were."""
        withdrawn = self._store.uploads.select({"status": UploadStatus.WITHDRAWN})
        ids = {upload.id for upload in withdrawn}
        for model in self._store.models.select() if ids else ():
            if ids & {*model.upload_ids} - {*model.withdrawn_upload_ids}:
                mark_withdrawn(self._store, model)

    def page(self, number: int, status: UploadStatus | None = None) -> Page[Upload]:
        """Return one page of the uploads, newest first."""
        where = {"status": status} if status else {}
        newest_first: Order = [("uploaded_at", -1)]
        return self._store.uploads.page(number, PAGE_SIZE, where, order=newest_first)

    def original(self, upload_id: str) -> tuple[Upload, bytes]:
        """Return an upload and its bytes as they were handed in."""
        upload = self.find(upload_id)
        return upload, load_file(self._objects, upload.raw)

    def read_again(self, upload_id: str) -> FileCheck:
        """Read the kept bytes of an upload once more, as they were read before."""
        upload, content = self.original(upload_id)
        try:
            fares = self._reader.fares(content, upload.name, upload.mapping)
        except FileRefused as refusal:
            return FileCheck(upload.name, fares=None, refusal=refusal)
        return FileCheck(upload.name, fares)

    def models_trained_on(self, upload_id: str) -> list[ModelVersion]:
        """Return the models that have learned from an upload, first one first."""
        models = self._store.models.select(order=[("number", 1)])
        return [model for model in models if upload_id in model.upload_ids]

    def refusals_report(self, upload_id: str, language: Language) -> bytes:
        """Return a workbook of the refused rows of an upload.

        Raises
        ------
        FileRefused
            Where the file as a whole was refused.
        """
        upload, content = self.original(upload_id)
        return self._reader.refusals_report(
            content, upload.name, upload.mapping, language
        )

    def waiting(self) -> Sequence[Upload]:
        """Return the uploads that wait for a night, oldest first."""
        return self._store.uploads.select(
            {"status": UploadStatus.PENDING}, order=OLDEST_FIRST
        )

    def all(self) -> Sequence[Upload]:
        """Return every upload, oldest first."""
        return self._store.uploads.select(order=OLDEST_FIRST)

    def _record(
        self,
        upload_id: str,
        content: bytes,
        mapping: ColumnMapping,
        check: FileCheck,
        owner: str,
    ) -> Upload:
        digest = hashlib.sha256(content).hexdigest()
        upload = Upload(
            id=upload_id,
            name=check.name,
            owner=owner,
            raw=store_file(self._objects, f"raw/{digest}", content),
            mapping=mapping,
            status=check.status,
            uploaded_at=self._clock(),
            reason=check.reason,
            evidence=check.evidence,
        )
        if check.fares is None:
            return upload
        rows = check.fares.parquet
        first_day, last_day = days_of(check.fares.rows())
        return upload.model_copy(
            update={
                "first_day": first_day,
                "last_day": last_day,
                "rows_total": check.fares.rows_total,
                "rows_kept": check.fares.rows_kept,
                "warnings": tuple(map(str, check.fares.warnings)),
                "cleaned": store_file(self._objects, _rows_key(upload_id, rows), rows),
            }
        )

    def _intervene(
        self,
        upload: Upload,
        action: Literal["released", "withdrawn"],
        changes: dict[str, Any],
        by: str,
        reason: str,
    ) -> Upload:
        """Change an upload that nobody else has changed meanwhile, and say who did."""
        intervention = Intervention(
            action=action, by=by, reason=reason, at=self._clock()
        )
        changes |= {"intervention": intervention.model_dump(mode="json")}
        same = {"_id": upload.id, "status": upload.status}
        claimed = upload.status is UploadStatus.CLAIMED
        if claimed or not self._store.uploads.change(same, changes):
            raise Conflict("UPLOAD_IN_TRAINING", name=upload.name)
        return self._store.uploads.get(upload.id)

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


def mark_withdrawn(store: Repositories, model: ModelVersion) -> None:
    """Note on a model which of its uploads are withdrawn by now."""
    withdrawn = store.uploads.select({"status": UploadStatus.WITHDRAWN})
    learned = {upload.id for upload in withdrawn}.intersection(model.upload_ids)
    marked = learned.union(model.withdrawn_upload_ids)
    store.models.change({"_id": model.id}, {"withdrawn_upload_ids": sorted(marked)})


def _upload_id(content: bytes) -> str:
    """Name an upload after its bytes: the same bytes are the same upload."""
    return hashlib.sha256(content).hexdigest()[:32]


def _rows_key(upload_id: str, rows: bytes) -> str:
    """Name rows after their bytes too: another mapping may read another table."""
    return f"rows/{upload_id}-{hashlib.sha256(rows).hexdigest()[:12]}.parquet"


def _already_uploaded(upload: Upload) -> AlreadyExists:
    return AlreadyExists(
        "ALREADY_UPLOADED", name=upload.name, uploaded_at=upload.uploaded_at
    )
