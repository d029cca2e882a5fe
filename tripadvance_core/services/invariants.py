"""What must be so at every instant, whatever was killed: looked at, never mended.

========  ==============================================================================
I1        each upload that was acknowledged is there, byte for byte, and so are its rows
I2        each upload is in one status; claimed by a run that is open and lists it, or
          trained by a run that learned from it
I3        one MASTER, or none before the first: pointer, history and flags agree
I4        MASTER's files are those of its record, under its seal
I5        no upload is trained on by two nights, but where it was handed in again; each
          model has its run, and no number is given twice
========  ==============================================================================

A process may be killed between any two writes, so these states are legal, too, and no
violation: objects that no record names; a run that is open with some of its uploads
still pending; claims under the token of a former holder of that run; a model that is
registered while its run's ``save`` is not recorded.

History and flags are derived from the MASTER pointer after it has moved. Where a kill
came between, they are violations with ``mended_at_start``: ``Registry.repair``, which
``build_services`` calls, writes them. After ``build_services`` there is none of them.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from tripadvance_core.domain.entities import (
    MasterPointer,
    ModelRole,
    ModelVersion,
    Promotion,
    RunStatus,
    StoredFile,
    TrainingRun,
    Upload,
    UploadStatus,
)
from tripadvance_core.errors import NotFound
from tripadvance_core.messages import Language, sentence
from tripadvance_core.services.registry import SWITCH_FAILED, Registry
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.objects import ObjectStore
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.storage.walking import every_document

Rule = Literal["I1", "I2", "I3", "I4", "I5"]

_WITH_ROWS = (UploadStatus.PENDING, UploadStatus.CLAIMED, UploadStatus.TRAINED)
_UNTRAINED = (UploadStatus.PENDING, UploadStatus.CLAIMED, UploadStatus.HELD)


@dataclass(frozen=True)
class Violation:
    """Something that must never be so.

    Attributes
    ----------
    code
        The rule that is broken.
    problem
        Code of the sentence that says how.
    ids
        What it is about: uploads, keys, runs, models, in the order of the sentence.
    mended_at_start
        Whether ``build_services`` mends it.
    """

    code: Rule
    problem: str
    ids: tuple[str, ...]
    mended_at_start: bool = False

    def sentence(self, language: Language) -> str:
        """Say what is wrong, and with what."""
        return sentence(self.problem, language, ids=", ".join(self.ids))


class Invariants:
    """Looks at a whole installation, also while it works; changes nothing."""

    def __init__(
        self, database: Database, objects: ObjectStore, registry: Registry
    ) -> None:
        self._database = database
        self._store = Repositories(database)
        self._objects = objects
        self._registry = registry

    def violations(self) -> list[Violation]:
        """Return what is broken, in the order of the rules.

        One file is in memory at a time. What is found is looked for once more, since
        nothing spans two documents: what was on its way between two reads is settled
        by then, or broken otherwise.
        """
        found = self._found()
        if not found:
            return []
        again = set(self._found())
        return [violation for violation in found if violation in again]

    def _found(self) -> list[Violation]:
        # Records first and at once, then bytes: the fewer are on their way meanwhile.
        uploads, unreadable = self._uploads()
        lineage = _Lineage(self._store.runs.select())
        models = self._store.models.select()
        found = [
            *unreadable,
            *(each for upload in uploads for each in lineage.violations_of(upload)),
            *lineage.violations_of_models(models),
            *self._of_master(models),
            *(each for upload in uploads for each in self._of_files(upload)),
        ]
        return sorted(found, key=lambda violation: violation.code)

    def _uploads(self) -> tuple[list[Upload], list[Violation]]:
        uploads: list[Upload] = []
        unreadable: list[Violation] = []
        for document in every_document(self._database, "uploaded_files"):
            try:
                uploads.append(Upload.from_document(document))
            except ValidationError:
                violation = Violation("I2", "UPLOAD_UNREADABLE", (document["_id"],))
                unreadable.append(violation)
        return uploads, unreadable

    def _of_files(self, upload: Upload) -> Iterator[Violation]:
        for file in filter(None, (upload.raw, upload.cleaned)):
            if fault := _fault(self._objects, file):
                problem = f"UPLOAD_FILE_{fault}"
                yield Violation("I1", problem, (upload.id, file.key))

    def _of_master(self, models: Iterable[ModelVersion]) -> Iterator[Violation]:
        pointer = self._registry.pointer()
        yield from _wrong_history(pointer, self._store.promotions.select())
        yield from _wrong_flags(pointer, models)
        if pointer is None:
            return
        master = self._store.models.find(pointer.model_id)
        if master is None:
            yield Violation("I3", "MASTER_WITHOUT_MODEL", (pointer.model_id,))
            return
        for file in (*master.files, master.predictions, master.trained_on):
            if fault := _fault(self._objects, file):
                yield Violation("I4", f"MASTER_FILE_{fault}", (master.id, file.key))
        if not self._registry.is_sealed(master):
            yield Violation("I4", "MASTER_SEAL_BROKEN", (master.id,))


class _Lineage:
    """The runs of the nights, and which of them have learned from an upload."""

    def __init__(self, runs: Iterable[TrainingRun]) -> None:
        self._runs = {run.id: run for run in runs}
        self._learned: dict[str, list[TrainingRun]] = defaultdict(list)
        for run in self._runs.values():
            for upload_id in _learned_for_good(run):
                self._learned[upload_id].append(run)

    def violations_of(self, upload: Upload) -> Iterator[Violation]:
        if upload.cleaned is None and upload.status in _WITH_ROWS:
            yield Violation("I2", "UPLOAD_WITHOUT_ROWS", (upload.id,))
        yield from self._of_claim(upload)
        # A file that was handed in again since then may be learned from again.
        learned = {
            run.id
            for run in self._learned[upload.id]
            if run.started_at >= upload.uploaded_at
        }
        if upload.status is UploadStatus.TRAINED:
            yield from self._of_trained(upload)
            learned |= {upload.trained_in} if upload.trained_in else set()
        if upload.status in _UNTRAINED and learned:
            yield Violation("I5", "TRAINED_UPLOAD_WAITS", (upload.id, *sorted(learned)))
        if len(learned) > 1:
            ids = (upload.id, *sorted(learned))
            yield Violation("I5", "UPLOAD_TRAINED_TWICE", ids)

    def _of_claim(self, upload: Upload) -> Iterator[Violation]:
        claim = upload.claim
        if (claim is not None) != (upload.status is UploadStatus.CLAIMED):
            yield Violation("I2", "CLAIM_AND_STATUS_DIFFER", (upload.id,))
        if claim is None:
            return
        ids = (upload.id, claim.run_id)
        run = self._runs.get(claim.run_id)
        if run is None:
            yield Violation("I2", "CLAIM_OF_NO_RUN", ids)
        elif run.status is not RunStatus.OPEN:
            yield Violation("I2", "CLAIM_OF_ENDED_RUN", ids)
        elif upload.id not in run.upload_ids:
            yield Violation("I2", "CLAIM_NOT_IN_RUN", ids)

    def _of_trained(self, upload: Upload) -> Iterator[Violation]:
        run = self._runs.get(upload.trained_in or "")
        if run is None or upload.id not in _learned(run):
            ids = (upload.id, upload.trained_in or "-")
            yield Violation("I2", "TRAINED_IN_NO_RUN", ids)

    def violations_of_models(
        self, models: Iterable[ModelVersion]
    ) -> Iterator[Violation]:
        models = list(models)
        for model in models:
            if model.run_id not in self._runs:
                yield Violation("I5", "MODEL_WITHOUT_RUN", (model.id, model.run_id))
        begun = (run.number for run in self._runs.values() if run.number)
        for number in _repeated(begun):
            yield Violation("I5", "RUN_NUMBER_TWICE", (str(number),))
        for number in _repeated(model.number for model in models):
            yield Violation("I5", "MODEL_NUMBER_TWICE", (str(number),))


def _learned(run: TrainingRun) -> set[str]:
    """Return what a night has trained on of its own partition.

    An experiment and a rebuild have no partition; what a night found damaged is not
    in its history.
    """
    if run.experiment is not None or "train" not in run.steps:
        return set()
    return {*run.steps["train"]["new_upload_ids"]}


def _learned_for_good(run: TrainingRun) -> set[str]:
    """Return what is trained: until ``save`` is recorded a run may let all go."""
    return _learned(run) if "save" in run.steps else set()


def _wrong_flags(
    pointer: MasterPointer | None, models: Iterable[ModelVersion]
) -> Iterator[Violation]:
    for model in models:
        reigns = pointer is not None and model.id == pointer.model_id
        flags = (model.MASTER, model.role is ModelRole.MASTER)
        if flags != (reigns, reigns):
            mended = pointer is not None and (reigns or model.MASTER)
            yield Violation("I3", "MASTER_FLAG_WRONG", (model.id,), mended)


def _wrong_history(
    pointer: MasterPointer | None, switches: Iterable[Promotion]
) -> Iterator[Violation]:
    last = pointer.version if pointer else 0
    known = {switch.version: switch for switch in switches}
    for version in sorted({*range(1, last + 1), *known}):
        switch = known.get(version)
        if switch is None:
            mended = version == last
            yield Violation("I3", "SWITCH_NOT_RECORDED", (str(version),), mended)
        elif version > last:
            yield Violation("I3", "SWITCH_BEYOND_POINTER", (str(version),))
        elif not _follows(switch, known.get(version - 1)):
            yield Violation("I3", "SWITCH_DOES_NOT_FOLLOW", (str(version),))
    newest = known.get(last)
    if pointer is not None and newest is not None and not _same(pointer, newest):
        yield Violation("I3", "SWITCH_OF_OTHER_POINTER", (str(last),))


def _same(pointer: MasterPointer, switch: Promotion) -> bool:
    apart = {"id", "by"}  # a user who is erased is renamed here and there, not at once
    return pointer.model_dump(exclude=apart) == switch.model_dump(exclude=apart)


def _follows(switch: Promotion, former: Promotion | None) -> bool:
    """Tell whether a switch begins where the former one ended."""
    if former is None:
        return switch.version > 1 or switch.previous_model_id is None
    put_back = switch.reason == SWITCH_FAILED
    begins = (
        switch.model_id == former.previous_model_id
        if put_back
        else switch.previous_model_id == former.model_id
    )
    return begins and former.at <= switch.at


def _repeated(numbers: Iterable[int]) -> list[int]:
    return sorted(n for n, times in Counter(numbers).items() if times > 1)


def _fault(objects: ObjectStore, file: StoredFile) -> Literal["LOST", "CHANGED"] | None:
    """Return what is wrong with a stored file, if anything is."""
    try:
        content = objects.get(file.key)
    except NotFound:
        return "LOST"
    stored = (hashlib.sha256(content).hexdigest(), len(content))
    return None if stored == (file.sha256, file.size_bytes) else "CHANGED"
