"""An installation on disk with the people who use it, and what must hold of it."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.fares import make_fares
from tripadvance_core.bootstrap import Services, build_services
from tripadvance_core.domain.entities import (
    ColumnMapping,
    RunStatus,
    Upload,
    UploadStatus,
)
from tripadvance_core.errors import AlreadyExists
from tripadvance_core.services.night import NightOrder, NightResult, NightState
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.objects import load_file

LEASE_SECONDS = 3600.0
SMALL: dict[str, Any] = {
    "boosting_rounds": 8,
    "learning_rate": 0.6,
    "max_leaves": 16,
    "threads": 1,
    "min_partition_bytes": 1,
    "min_groups": 2,
    "min_rows": 2,
    "min_gain": 0,
    "promotion_confidence": 0.6,
    "lease_seconds": LEASE_SECONDS,
}
"""A night in half a second, by a rule that some challengers pass."""

MOST_NIGHTS = 12
ENDED = {NightState.NOT_ENOUGH, NightState.OUTSIDE_WINDOW}
COLLECTIONS = (
    "uploaded_files",
    "training_runs",
    "models",
    "decisions",
    "panels",
    "shadows",
    "fare_samples",
)


@dataclass
class Clock:
    """Tells the time that it is told."""

    now: datetime = datetime(2026, 11, 24, 4, tzinfo=UTC)  # one at night in São Paulo

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class World:
    """One data folder, opened anew after every fault, and what was promised to people.

    ``acknowledged`` holds the SHA-256 of every file whose upload came back without an
    error; none of them may ever be lost.
    """

    folder: Path
    clock: Clock = field(default_factory=Clock)
    acknowledged: set[str] = field(default_factory=set)
    settings: dict[str, Any] = field(default_factory=dict)
    _opened: list[Services] = field(default_factory=list)

    def open(self) -> Services:
        """Start a process: build services of their own on the folder."""
        settings = load_settings(self.folder, **(SMALL | self.settings))
        services = build_services(settings, self.clock)
        self._opened.append(services)
        return services

    def close(self) -> None:
        while self._opened:
            self._opened.pop().database.close()

    def copied_to(self, folder: Path) -> "World":
        """Return the same world elsewhere; this one must be closed."""
        shutil.copytree(self.folder, folder)
        return World(
            folder, Clock(self.clock.now), set(self.acknowledged), dict(self.settings)
        )

    def ingest(self, services: Services, rows: int, seed: int) -> Upload:
        """Hand a file in as a person does; remember it once that is acknowledged."""
        self.clock.advance(1)
        content = make_fares(rows, seed)
        upload, _ = services.uploads.ingest(
            content, f"fares-{seed}.csv", ColumnMapping(), owner="ana"
        )
        self.acknowledged.add(hashlib.sha256(content).hexdigest())
        return upload

    def ingest_again(self, services: Services, rows: int, seed: int) -> None:
        """Hand a file in until it is known to wait, as a person would after an error."""
        digest = hashlib.sha256(make_fares(rows, seed)).hexdigest()
        try:
            self.ingest(services, rows, seed)
        except AlreadyExists:
            self.acknowledged.add(digest)

    def night(self, services: Services, **order: Any) -> NightResult:
        """Run one partition."""
        return services.night.run_partition(
            NightOrder(holder="harness", ignore_window=True, **order), services.training
        )

    def nights(self, services: Services) -> list[NightResult]:
        """Run partitions until nothing waits, the first after every lease has ended."""
        self.clock.advance(LEASE_SECONDS + 1)
        results = []
        for _ in range(MOST_NIGHTS):
            results.append(self.night(services))
            if results[-1].state in ENDED:
                return results
        raise AssertionError(f"no end after {MOST_NIGHTS} nights: {results[-1].state}")


def broken_promises(world: World, services: Services) -> list[str]:
    """Return everything that does not hold and should, at rest."""
    return [
        *(f"{v.code} {v.problem} {v.ids}" for v in services.invariants.violations()),
        *_lost_uploads(world, services),
        *_trained_not_once(services),
        *_too_many_attempts(services),
        *_unreadable_records(services),
    ]


def _lost_uploads(world: World, services: Services) -> Iterator[str]:
    """Look every acknowledged file up by its hash, as its owner would ask for it."""
    for digest in sorted(world.acknowledged):
        try:
            upload, content = services.uploads.original(digest[:32])
        except Exception as error:  # noqa: BLE001 - whatever it is, the file is lost
            yield f"acknowledged file {digest[:8]} is lost: {error}"
            continue
        if hashlib.sha256(content).hexdigest() != digest:
            yield f"acknowledged file {digest[:8]} has other bytes"
        if upload.cleaned is not None:
            load_file(services.objects, upload.cleaned)


def _trained_not_once(services: Services) -> Iterator[str]:
    """Look for files that no night, or two, count as their own.

    A night that was given up after it had saved its model has trained its files.
    """
    by_night = Counter(
        upload_id
        for run in services.training.runs()
        if run.experiment is None and "save" in run.steps
        for upload_id in run.steps["train"]["new_upload_ids"]
    )
    for upload in services.uploads.all():
        trained = upload.status is UploadStatus.TRAINED
        nights = by_night[upload.id] or int(bool(upload.trained_in))
        if trained and nights != 1:
            yield f"{upload.name} was trained by {by_night[upload.id]} nights"
        if upload.status is UploadStatus.CLAIMED:
            yield f"{upload.name} is still claimed"


def _too_many_attempts(services: Services) -> Iterator[str]:
    for run in services.training.runs():
        if run.attempts > services.settings.max_attempts:
            yield f"run {run.number} was begun {run.attempts} times"
        if run.status is RunStatus.OPEN and run.experiment is None:
            yield f"run {run.number} is still open"


def _unreadable_records(services: Services) -> Iterator[str]:
    """Prove every object that any record names, not only MASTER's."""
    for collection in COLLECTIONS:
        for document in services.database.find(collection):
            for file in stored_files(document):
                try:
                    content = services.objects.get(file["key"])
                except Exception as error:  # noqa: BLE001 - whatever it is, it is lost
                    yield f"{collection} {document['_id']}: {error}"
                    continue
                if hashlib.sha256(content).hexdigest() != file["sha256"]:
                    yield f"{collection} {document['_id']}: {file['key']} has changed"


def orphans(services: Services) -> list[str]:
    """Return the objects that no record names, and temporary files."""
    named = {
        file["key"]
        for collection in COLLECTIONS
        for document in services.database.find(collection)
        for file in stored_files(document)
    }
    return [key for key in services.objects.keys("") if key not in named]


def stored_files(value: Any) -> Iterator[dict[str, Any]]:
    """Find every record of a stored file in a document."""
    if isinstance(value, dict):
        if {"key", "sha256"} <= value.keys():
            yield value
        for part in value.values():
            yield from stored_files(part)
    elif isinstance(value, list):
        for part in value:
            yield from stored_files(part)


def told(services: Services) -> dict[str, Any]:
    """Tell what came of everything, the same whatever happened on the way.

    Moments, attempts and the ids of experiments differ, and are left out.
    """
    pointer = services.registry.pointer()
    models = {model.id: model for model in services.registry.versions()}
    master = models[pointer.model_id] if pointer else None
    return {
        "MASTER": master and sorted((f.name, f.sha256) for f in master.files),
        "by": pointer and pointer.by,
        "switches": pointer.version if pointer else 0,
        "uploads": {
            upload.raw.sha256: (upload.status, upload.trained_in)
            for upload in services.uploads.all()
        },
        "decisions": sorted(
            (model.number, model.decision.outcome, model.decision.reason)
            for model in models.values()
            if model.decision is not None and not model.experiment
        ),
        "barred": sorted(model.number for model in models.values() if model.barred),
        "withdrawn": sorted(
            (model.number, model.withdrawn_upload_ids)
            for model in models.values()
            if not model.experiment
        ),
    }
