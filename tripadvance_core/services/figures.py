"""How things stand in figures, for those who watch: few queries, few documents."""

from dataclasses import dataclass
from datetime import datetime

from tripadvance_core.domain.entities import (
    ModelVersion,
    RunStatus,
    TrainingRun,
    UploadStatus,
)
from tripadvance_core.services.alerts import Alerts
from tripadvance_core.services.registry import Registry
from tripadvance_core.services.uploads import OLDEST_FIRST
from tripadvance_core.settings import PromotionMetric
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Repositories


@dataclass(frozen=True)
class MasterFigures:
    """MASTER: its number, since when it reigns, its error by each metric, if measured."""

    number: int
    since: datetime
    errors: dict[PromotionMetric, float]


@dataclass(frozen=True)
class NightFigures:
    """The latest run of a night; ``outcome`` is that of its decision, or its status."""

    number: int
    attempts: int
    outcome: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Figures:
    """The state of an installation.

    ``undecided`` are the challengers that are held beside MASTER.
    """

    uploads: dict[UploadStatus, int]
    waiting_bytes: int
    oldest_waiting_at: datetime | None
    runs: dict[RunStatus, int]
    night: NightFigures | None
    master: MasterFigures | None
    undecided: int
    undelivered_alerts: int


class FiguresService:
    """Counts; changes nothing."""

    def __init__(self, database: Database, registry: Registry, alerts: Alerts) -> None:
        self._store = Repositories(database)
        self._registry = registry
        self._alerts = alerts

    def read(self) -> Figures:
        """Return the figures as they are now."""
        uploads, runs = self._store.uploads, self._store.runs
        pending = {"status": UploadStatus.PENDING}
        oldest = uploads.select(pending, order=OLDEST_FIRST, limit=1)
        return Figures(
            uploads={each: uploads.count({"status": each}) for each in UploadStatus},
            waiting_bytes=uploads.total("raw.size_bytes", pending),
            oldest_waiting_at=oldest[0].uploaded_at if oldest else None,
            runs={each: runs.count({"status": each}) for each in RunStatus},
            night=self._night(),
            master=self._master(),
            undecided=self._undecided(),
            undelivered_alerts=self._alerts.undelivered(),
        )

    def _night(self) -> NightFigures | None:
        latest = self._store.runs.select(
            {"experiment": None}, order=[("number", -1)], limit=1
        )
        if not latest:
            return None
        (run,) = latest
        return NightFigures(
            number=run.number,
            attempts=run.attempts,
            outcome=_outcome(run),
            started_at=run.started_at,
            finished_at=run.finished_at,
        )

    def _master(self) -> MasterFigures | None:
        pointer = self._registry.pointer()
        model = self._registry.find(pointer.model_id) if pointer else None
        if pointer is None or model is None:
            return None
        return MasterFigures(model.number, pointer.at, _errors(model))

    def _undecided(self) -> int:
        pointer = self._registry.pointer()
        if pointer is None:
            return 0
        return self._store.shadows.count(
            {"rival_id": pointer.model_id, "open": True, "former": False}
        )


def _outcome(run: TrainingRun) -> str:
    if run.status is RunStatus.DONE:
        return str(run.steps["promote"]["outcome"])
    return "FAILED" if run.failure else run.status.upper()


def _errors(model: ModelVersion) -> dict[PromotionMetric, float]:
    if model.metrics is None:
        return {}
    return {
        "MAPE": model.metrics.mean_absolute_percentage_error,
        "MAE": model.metrics.mean_absolute_error,
        "RMSE": model.metrics.root_mean_squared_error,
    }
