"""The runs, told: which are under way, and the report of each that is past."""

from collections.abc import Sequence
from dataclasses import dataclass

from tripadvance_core.domain.entities import (
    ModelVersion,
    RunStatus,
    TrainingRun,
    Upload,
)
from tripadvance_core.errors import NotFound
from tripadvance_core.services.claims import Claims
from tripadvance_core.services.uploads import OLDEST_FIRST
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Page, Repositories

STEPS = ("preprocess", "train", "save", "promote")
UNENDED = (RunStatus.OPEN, RunStatus.ORDERED)


@dataclass(frozen=True)
class RunUnderWay:
    """A run that has not ended; nobody works on it unless it is ``alive``."""

    run: TrainingRun
    alive: bool

    @property
    def waits(self) -> bool:
        """Whether it was ordered and has not begun."""
        return self.run.status is RunStatus.ORDERED

    @property
    def moves(self) -> bool:
        """Whether something may still come of it by itself."""
        return self.alive or self.waits

    @property
    def may_stop(self) -> bool:
        """Whether stopping it would still change anything."""
        return self.run.stopped_by is None and "train" not in self.run.steps


@dataclass(frozen=True)
class PastRun:
    """A run with the model that it made, if any."""

    run: TrainingRun
    model: ModelVersion | None


@dataclass(frozen=True)
class RunReport(PastRun):
    """A run with its files, too, oldest first."""

    uploads: Sequence[Upload]


class Runs:
    """Reads the runs; changes nothing."""

    def __init__(self, database: Database, claims: Claims) -> None:
        self._store = Repositories(database)
        self._claims = claims

    def under_way(self) -> list[RunUnderWay]:
        """Return the runs that have not ended: the one that is worked on, the rest."""
        unended = {"status": {"$in": list(UNENDED)}}
        runs = self._store.runs.select(unended, order=[("started_at", 1)])
        told = [RunUnderWay(run, self._claims.is_alive(run)) for run in runs]
        return sorted(told, key=lambda each: not each.alive)

    def page(self, number: int, size: int) -> Page[PastRun]:
        """Return a page of the runs that have begun, newest first."""
        runs = self._store.runs.page(
            number, size, {"number": {"$gt": 0}}, order=[("number", -1)]
        )
        past = tuple(PastRun(run, self._model(run)) for run in runs.items)
        return Page(past, runs.number, runs.last, runs.total)

    def report(self, number: int) -> RunReport:
        """Return the report of a run by its number.

        Raises
        ------
        NotFound
            ``RUN_NOT_FOUND``.
        """
        found = self._store.runs.select({"number": number}, limit=1)
        if number < 1 or not found:
            raise NotFound("RUN_NOT_FOUND", number=number)
        (run,) = found
        chosen = {"_id": {"$in": list(run.upload_ids)}}
        uploads = self._store.uploads.select(chosen, order=OLDEST_FIRST)
        return RunReport(run, self._model(run), uploads)

    def _model(self, run: TrainingRun) -> ModelVersion | None:
        trained = run.steps.get("train")
        return self._store.models.find(trained["model_id"]) if trained else None
