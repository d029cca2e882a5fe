"""The models, and which one is MASTER."""

from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

from tripadvance_core.domain.entities import (
    MasterPointer,
    ModelRole,
    ModelVersion,
    Promotion,
    Rebuild,
    StoredFile,
    UploadStatus,
)
from tripadvance_core.domain.times import Clock
from tripadvance_core.errors import AlreadyExists, Conflict, NotFound
from tripadvance_core.learning.model import FareModel
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.objects import ObjectStore, load_file
from tripadvance_core.storage.repository import Repositories

MASTER = "MASTER"


class Registry:
    """Reads models and moves the MASTER pointer.

    The pointer document is the only truth about MASTER. It moves by
    compare-and-swap on its version, so of two switches at once one wins; the history
    and the flags on the models are written after it and repaired from it.
    """

    def __init__(self, database: Database, objects: ObjectStore, clock: Clock) -> None:
        self._database = database
        self._store = Repositories(database)
        self._objects = objects
        self._clock = clock
        self._load = lru_cache(maxsize=2)(self._read_model)

    def versions(self) -> list[ModelVersion]:
        """Return every model, newest first."""
        return self._store.models.select(order=[("number", -1)])

    def version(self, name: str) -> ModelVersion:
        """Return a model by its id or by its number written as ``v12`` or ``12``.

        Raises
        ------
        NotFound
            ``MODEL_NOT_FOUND``.
        """
        found = self._store.models.find(name)
        number = name.removeprefix("v")
        if found is None and number.isdecimal():
            same = self._store.models.select({"number": int(number)}, limit=1)
            found = same[0] if same else None
        if found is None:
            raise NotFound("MODEL_NOT_FOUND", model=name)
        return found

    def pointer(self) -> MasterPointer | None:
        """Return where MASTER points, or None before the first one."""
        return self._store.pointers.find(MASTER)

    def master(self) -> ModelVersion | None:
        """Return the reigning model, or None before the first one."""
        pointer = self.pointer()
        return None if pointer is None else self._store.models.get(pointer.model_id)

    def history(self) -> list[Promotion]:
        """Return every switch of MASTER, newest first."""
        return self._store.promotions.select(order=[("version", -1)])

    def load(self, model: ModelVersion) -> FareModel:
        """Load a model whose files are proven by their checksums.

        Raises
        ------
        Corrupted
            ``CHECKSUM_MISMATCH`` when a file is not what was stored.
        """
        return self._load(model.id)

    def switch(
        self, model: ModelVersion, *, replacing: str | None, reason: str, by: str
    ) -> MasterPointer:
        """Make ``model`` MASTER if ``replacing`` still is.

        Raises
        ------
        Conflict
            ``MASTER_CHANGED`` when another model has become MASTER meanwhile.
        Corrupted
            When the model's files are not sound; MASTER stays as it is.
        """
        self._read_model(model.id)
        current = self.pointer()
        if (current.model_id if current else None) != replacing:
            raise Conflict("MASTER_CHANGED")
        self.repair()
        pointer = MasterPointer(
            id=MASTER,
            model_id=model.id,
            version=current.version + 1 if current else 1,
            previous_model_id=replacing,
            reason=reason,
            by=by,
            at=self._clock(),
        )
        self._swap(current, pointer)
        self.repair()
        return pointer

    def promote(self, name: str, *, reason: str, by: str) -> MasterPointer:
        """Make a model MASTER because somebody says so.

        Raises
        ------
        Conflict
            ``ALREADY_MASTER`` when it reigns already.
        """
        model = self.version(name)
        current = self.pointer()
        if current is not None and current.model_id == model.id:
            raise Conflict("ALREADY_MASTER", model=model.id)
        replacing = current.model_id if current else None
        return self.switch(model, replacing=replacing, reason=reason, by=by)

    def rollback(self, *, reason: str, by: str) -> MasterPointer:
        """Give MASTER back to the model that had it before.

        Raises
        ------
        NotFound
            ``NO_PREVIOUS_MASTER`` when there was none.
        """
        current = self.pointer()
        if current is None or current.previous_model_id is None:
            raise NotFound("NO_PREVIOUS_MASTER")
        previous = self._store.models.get(current.previous_model_id)
        return self.switch(previous, replacing=current.model_id, reason=reason, by=by)

    def rebuild_of_master(self, *, reason: str, by: str) -> Rebuild:
        """Return the order to rebuild MASTER without the files withdrawn since.

        Raises
        ------
        NotFound
            ``NO_MASTER``.
        Conflict
            ``NOTHING_WITHDRAWN`` where MASTER has learned from no withdrawn file,
            ``NOTHING_LEFT`` where it has learned from no other.
        """
        master = self.master()
        if master is None:
            raise NotFound("NO_MASTER")
        if not master.withdrawn_upload_ids:
            raise Conflict("NOTHING_WITHDRAWN", number=master.number)
        if not self._store.uploads.count({"status": UploadStatus.TRAINED}):
            raise Conflict("NOTHING_LEFT", number=master.number)
        return Rebuild(replaces=master.id, reason=reason, by=by)

    def repair(self) -> None:
        """Write what is derived from the pointer: its history entry, the flags."""
        pointer = self.pointer()
        while pointer is not None:
            self._write_derived(pointer)
            written, pointer = pointer, self.pointer()
            if pointer == written:
                return

    def _write_derived(self, pointer: MasterPointer) -> None:
        promotion = Promotion(
            id=f"{pointer.version:08d}", **pointer.model_dump(exclude={"id"})
        )
        with suppress(AlreadyExists):  # immutable, whoever wrote it first
            self._store.promotions.add(promotion)
        self._store.models.change(
            {"MASTER": True, "_id": {"$ne": pointer.model_id}},
            {"MASTER": False, "role": ModelRole.ARCHIVED},
        )
        self._store.models.change(
            {"_id": pointer.model_id}, {"MASTER": True, "role": ModelRole.MASTER}
        )

    def _swap(self, current: MasterPointer | None, new: MasterPointer) -> None:
        if current is None:
            try:
                self._store.pointers.add(new)
            except AlreadyExists as error:
                raise Conflict("MASTER_CHANGED") from error
            return
        changes = new.to_document()
        moved = self._store.pointers.change(
            {"_id": changes.pop("_id"), "version": current.version}, changes
        )
        if not moved:
            raise Conflict("MASTER_CHANGED")

    def load_files(self, files: Iterable[StoredFile]) -> FareModel:
        """Load a model from its files, each proven by its checksum."""
        return FareModel.from_files(
            {file.name: load_file(self._objects, file) for file in files}
        )

    def _read_model(self, model_id: str) -> FareModel:
        return self.load_files(self._store.models.get(model_id).files)
