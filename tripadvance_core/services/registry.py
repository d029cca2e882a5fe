"""The models, and which one is MASTER."""

import hmac
import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import SecretStr

from tripadvance_core.domain.entities import (
    DecisionRecord,
    MasterPointer,
    ModelRole,
    ModelVersion,
    Promotion,
    Rebuild,
    StoredFile,
    Upload,
    UploadStatus,
)
from tripadvance_core.domain.times import Clock
from tripadvance_core.errors import (
    AlreadyExists,
    Conflict,
    Corrupted,
    NotFound,
    Outdated,
    Refused,
)
from tripadvance_core.learning.model import FareModel
from tripadvance_core.learning.proving import answers, prove_in_child
from tripadvance_core.messages import Language, catalogue, sentence
from tripadvance_core.services.alerts import Alerts
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.objects import ObjectStore, load_file
from tripadvance_core.storage.repository import Page, Repositories

_LOG = logging.getLogger(__name__)

MASTER = "MASTER"
NIGHT = "night"
"""Who moves MASTER when nobody asked by hand."""
SWITCH_FAILED = "SWITCH_FAILED"
"""Why the former MASTER is put back when the new one gives no price."""


@dataclass(frozen=True)
class Reign:
    """How long a model was MASTER, and how it came to that.

    ``model`` is None where its document is lost; ``until`` while it reigns.
    """

    switch: Promotion
    model: ModelVersion | None
    until: datetime | None


class Registry:
    """Reads models and moves the MASTER pointer.

    The pointer document is the only truth about MASTER. It moves by
    compare-and-swap on its version, so of two switches at once one wins; the history
    and the flags on the models are written after it and repaired from it.
    """

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        alerts: Alerts,
        clock: Clock,
        secret: SecretStr | None = None,
    ) -> None:
        self._alerts = alerts
        self._secret = secret
        self._store = Repositories(database)
        self._objects = objects
        self._clock = clock
        self._load = lru_cache(maxsize=3)(self._read_model)
        self._trusted: set[str] = set()

    def versions(self) -> list[ModelVersion]:
        """Return every model, newest first."""
        return self._store.models.select(order=[("number", -1)])

    def newest(self, most: int) -> list[ModelVersion]:
        """Return some models, newest first."""
        return self._store.models.select(order=[("number", -1)], limit=most)

    def page(
        self,
        number: int,
        size: int,
        role: ModelRole | None = None,
        *,
        experiments: bool = False,
    ) -> Page[ModelVersion]:
        """Return one page of the models, newest first.

        Only those of one role, or that people ordered as experiments, where asked.
        """
        where: dict[str, Any] = {"role": role} if role else {}
        if experiments:
            where["experiment"] = True
        return self._store.models.page(number, size, where, order=[("number", -1)])

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

    def find(self, model_id: str | None) -> ModelVersion | None:
        """Return a model that another document names, or None where it is lost."""
        return None if model_id is None else self._store.models.find(model_id)

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

    def has_followed(self, decision_id: str) -> bool:
        """Tell whether MASTER has moved by a decision, whatever has become of it since.

        A switch that failed and was taken back does not count.
        """
        self.repair()  # so that the last switch stands in the history, too
        by_decision = self._store.promotions.select({"decision_id": decision_id})
        return any(
            (after := self._after(switch)) is None or after.reason != SWITCH_FAILED
            for switch in by_decision
        )

    def reigns(self, number: int, size: int) -> Page[Reign]:
        """Return one page of the reigns of MASTER, newest first."""
        page = self._store.promotions.page(number, size, order=[("version", -1)])
        return Page(
            tuple(map(self._reign, page.items)), page.number, page.last, page.total
        )

    def master_at(self, moment: datetime) -> Promotion | None:
        """Return the switch that made the model MASTER which reigned at a moment."""
        return next((p for p in self.history() if p.at <= moment), None)

    def decisions(self, model_id: str) -> list[DecisionRecord]:
        """Return every decision on a model, first one first."""
        return self._store.decisions.select(
            {"challenger_id": model_id}, order=[("decided_at", 1)]
        )

    def uploads_of(self, model: ModelVersion) -> list[Upload]:
        """Return the files that a model has learned from, oldest first."""
        uploads = map(self._store.uploads.find, model.upload_ids)
        return [upload for upload in uploads if upload is not None]

    def load(self, model: ModelVersion) -> FareModel:
        """Load a model whose files are proven by their checksums and their seal.

        Raises
        ------
        Corrupted
            ``CHECKSUM_MISMATCH`` when a file is not what was stored, ``MODEL_UNSAFE``
            when it cannot be loaded in a child, ``SEAL_BROKEN`` when it was not sealed
            with the secret that is set.
        Outdated
            ``MODEL_OF_OTHER_VERSION``.
        """
        return self._load(model.id)

    def rival(self) -> tuple[ModelVersion, FareModel] | None:
        """Return MASTER, loaded, for a challenger to be compared with.

        None where none reigns, or one that another version has made: nobody can ask it
        for a price any more, so the challenger has only the baseline to beat.
        """
        master = self.master()
        if master is None:
            return None
        try:
            return master, self.load(master)
        except Outdated as outdated:
            _LOG.warning("MASTER %s cannot be asked: %s", master.id, outdated)
            return None

    def trust(self, files: Iterable[StoredFile]) -> None:
        """Remember files that this very process has made, and need not fear."""
        self._trusted.update(file.sha256 for file in files)

    def seal(self, model_id: str, files: Iterable[StoredFile]) -> str | None:
        """Return the HMAC-SHA256 of a model's files, or None without a secret."""
        if self._secret is None:
            return None
        sealed = [model_id, *sorted(f"{file.key} {file.sha256}" for file in files)]
        secret = self._secret.get_secret_value().encode()
        return hmac.new(secret, "\n".join(sealed).encode(), "sha256").hexdigest()

    def is_sealed(self, model: ModelVersion) -> bool:
        """Tell whether a model was sealed with the secret; true without a secret."""
        seal = self.seal(model.id, model.files)
        return seal is None or hmac.compare_digest(seal, model.seal or "")

    def switch(
        self,
        model: ModelVersion,
        *,
        replacing: str | None,
        reason: str,
        by: str,
        decision_id: str | None = None,
        bars_previous: bool = False,
    ) -> MasterPointer:
        """Make ``model`` MASTER if ``replacing`` still is, and see that it answers.

        Its files are proven before the pointer moves. After that what the pointer now
        names is read back and asked for a price; where it gives none, the former MASTER
        is put back.

        Raises
        ------
        Conflict
            ``MASTER_CHANGED`` when another model has become MASTER meanwhile;
            ``MODEL_BARRED`` when nobody asked by hand for a model that was rolled back.
        Corrupted
            When the model's files are not sound; MASTER stays as it was.
        """
        if by == NIGHT and self._store.models.get(model.id).barred:
            raise Conflict("MODEL_BARRED", number=model.number)
        self._require_answer(model.id)
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
            at=self._now_after(current),
            decision_id=decision_id,
            bars_previous=bars_previous,
        )
        self._swap(current, pointer)
        try:
            self._require_answer(self._read_back(pointer))
        except (Corrupted, NotFound):
            self._restore(current, pointer)
            raise
        _LOG.info("model %s is MASTER, version %d", model.id, pointer.version)
        self.repair()
        return pointer

    def promote(
        self, name: str, *, reason: str, by: str, seen: int | None = None
    ) -> MasterPointer:
        """Make a model MASTER because somebody says so.

        Parameters
        ----------
        seen
            The version of the pointer on which they decided, 0 for none; it must not
            have moved since.

        Raises
        ------
        Refused
            ``REASON_MISSING`` without a reason.
        Conflict
            ``ALREADY_MASTER`` when it reigns already; ``MASTER_CHANGED`` when another
            model became MASTER after they looked.
        """
        _require(reason)
        model = self.version(name)
        current = self.pointer()
        _require_unmoved(current, seen)
        if current is not None and current.model_id == model.id:
            raise Conflict("ALREADY_MASTER", model=model.id)
        replacing = current.model_id if current else None
        return self.switch(model, replacing=replacing, reason=reason, by=by)

    def rollback(
        self, *, reason: str, by: str, seen: int | None = None
    ) -> MasterPointer:
        """Give MASTER back to the model that had it before.

        The one that loses it is barred: no night promotes it again by itself. For
        ``seen`` see ``promote``.

        Raises
        ------
        Refused
            ``REASON_MISSING`` without a reason.
        Conflict
            ``MASTER_CHANGED`` when another model became MASTER after they looked.
        NotFound
            ``NO_PREVIOUS_MASTER`` when there was none.
        """
        _require(reason)
        current = self.pointer()
        _require_unmoved(current, seen)
        if current is None or current.previous_model_id is None:
            raise NotFound("NO_PREVIOUS_MASTER")
        return self.switch(
            self.version(current.previous_model_id),
            replacing=current.model_id,
            reason=reason,
            by=by,
            bars_previous=True,
        )

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
        """Write what is derived from the pointer: its history entry, flags and bars."""
        pointer = self.pointer()
        while pointer is not None:
            self._write_derived(pointer)
            written, pointer = pointer, self.pointer()
            if pointer == written:
                return

    def _reign(self, switch: Promotion) -> Reign:
        after = self._after(switch)
        model = self.find(switch.model_id)
        return Reign(switch, model, after.at if after else None)

    def _after(self, switch: Promotion) -> Promotion | None:
        return self._store.promotions.find(f"{switch.version + 1:08d}")

    def _write_derived(self, pointer: MasterPointer) -> None:
        promotion = Promotion(
            id=f"{pointer.version:08d}", **pointer.model_dump(exclude={"id"})
        )
        if self._store.promotions.find(promotion.id) is None:
            self._tell(promotion)
            with suppress(AlreadyExists):  # immutable, whoever wrote it first
                self._store.promotions.add(promotion)
        self._store.models.change(
            {"MASTER": True, "_id": {"$ne": pointer.model_id}},
            {"MASTER": False, "role": ModelRole.ARCHIVED},
        )
        self._store.models.change(
            {"_id": pointer.model_id},
            {"MASTER": True, "role": ModelRole.MASTER, "barred": None},
        )
        if pointer.bars_previous:
            self._store.models.change(
                {"_id": pointer.previous_model_id or ""}, {"barred": pointer.reason}
            )

    def _tell(self, switch: Promotion) -> None:
        model = self.find(switch.model_id)
        if model is not None:
            reason = reason_of(switch, self._alerts.language)
            self._alerts.new_master(switch, model.number, reason)

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

    def _restore(self, former: MasterPointer | None, failed: MasterPointer) -> None:
        """Put the former MASTER back, unless somebody has moved it meanwhile."""
        if former is None:
            self._undo_first(failed)
            return
        back = former.model_copy(
            update={
                "version": failed.version + 1,
                "reason": SWITCH_FAILED,
                "at": self._now_after(failed),
            }
        )
        self.repair()
        with suppress(Conflict):
            self._swap(failed, back)
        self.repair()

    def _undo_first(self, failed: MasterPointer) -> None:
        """Take the first switch of all back, with what others derived from it."""
        mine = {"_id": MASTER, "version": failed.version}
        if self._store.pointers.remove(mine):
            self._store.promotions.remove({"version": failed.version})
            self._store.models.change(
                {"_id": failed.model_id},
                {"MASTER": False, "role": ModelRole.CHALLENGER},
            )

    def _now_after(self, pointer: MasterPointer | None) -> datetime:
        """Return the present, never before the last switch, whatever the clock did."""
        now = self._clock()
        return max(now, pointer.at) if pointer else now

    def _read_back(self, pointer: MasterPointer) -> str:
        """Return the model that the database names now, if it is the one written."""
        found = self.pointer()
        if found is None or found.version < pointer.version:
            raise NotFound("NO_MASTER")
        return found.model_id

    def _require_answer(self, model_id: str) -> None:
        """Read a model from the store anew and ask it for a price."""
        if not answers(self._read_model(model_id)):
            raise Corrupted("MODEL_UNSAFE", model=model_id)

    def load_files(self, model_id: str, files: Iterable[StoredFile]) -> FareModel:
        """Load a model from its files, each proven by its checksum.

        Files that this process has not made are loaded in a confined child first.
        """
        files = tuple(files)
        contents = {file.name: load_file(self._objects, file) for file in files}
        if not self._trusted.issuperset(file.sha256 for file in files):
            prove_in_child(model_id, contents)
            self.trust(files)
        return FareModel.from_files(contents)

    def _read_model(self, model_id: str) -> FareModel:
        model = self._store.models.get(model_id)
        if not self.is_sealed(model):
            raise Corrupted("SEAL_BROKEN", model=model.id)
        return self.load_files(model.id, model.files)


def reason_of(switch: Promotion, language: Language) -> str:
    """Return why MASTER moved: what a person wrote, or what the rule's code says."""
    by_rule = switch.decision_id is not None or switch.reason == SWITCH_FAILED
    if by_rule and switch.reason in catalogue(language):
        return sentence(switch.reason, language)
    return switch.reason


def _require(reason: str) -> None:
    if not reason.strip():
        raise Refused("REASON_MISSING")


def _require_unmoved(current: MasterPointer | None, seen: int | None) -> None:
    if seen is not None and seen != (current.version if current else 0):
        raise Conflict("MASTER_CHANGED")
