"""How things stand, for the status page: MASTER, what waits, how the last run went."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tripadvance_core.domain.entities import (
    MasterPointer,
    ModelVersion,
    Promotion,
    RunStatus,
    TrainingRun,
    Upload,
    UploadStatus,
)
from tripadvance_core.domain.partition import Choice
from tripadvance_core.domain.times import Clock
from tripadvance_core.services.claims import Claims, PartitionRequest
from tripadvance_core.services.night_settings import NightSettingsService
from tripadvance_core.services.registry import MASTER
from tripadvance_core.services.uploads import OLDEST_FIRST
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Repositories

REIGNS_SHOWN = 6
HELD_SHOWN = 20


@dataclass(frozen=True)
class Reign:
    """A model and when it became MASTER."""

    model: ModelVersion
    since: datetime


@dataclass(frozen=True)
class Waiting:
    """The uploads that wait, oldest first, and what the next night would take.

    ``at_the_latest`` is when the oldest will have waited long enough to be trained on
    with however little there is; None where nothing waits.
    """

    uploads: tuple[Upload, ...]
    choice: Choice
    at_the_latest: datetime | None

    @property
    def size_bytes(self) -> int:
        """Size of all that waits."""
        return sum(upload.size_bytes for upload in self.uploads)

    @property
    def oldest_at(self) -> datetime | None:
        """Since when the oldest waits, or None where nothing does."""
        return self.uploads[0].uploaded_at if self.uploads else None


@dataclass(frozen=True)
class LastRun:
    """The latest run of a night, its model once that was saved, and whether it lives."""

    run: TrainingRun
    model: ModelVersion | None
    alive: bool

    @property
    def broken(self) -> bool:
        """Whether it failed: it was set aside, or its process is gone."""
        left = self.run.status is RunStatus.OPEN and not self.alive
        return left or self.run.status is RunStatus.HELD


@dataclass(frozen=True)
class Overview:
    """Everything that the status page shows, as it stood at ``read_at``.

    ``reigns`` begins with the latest one, of today's MASTER; it is empty before the
    first. ``undecided`` are the challengers of MASTER that are held and are compared
    with it again each night, newest first.
    """

    read_at: datetime
    reigns: tuple[Reign, ...]
    waiting: Waiting
    last_run: LastRun | None
    held: tuple[Upload, ...]
    undecided: tuple[ModelVersion, ...]

    @property
    def master(self) -> Reign | None:
        """Today's MASTER, or None before the first."""
        return self.reigns[0] if self.reigns else None

    @property
    def trend(self) -> tuple[Reign, ...]:
        """The reigns whose models were measured, latest first."""
        return tuple(reign for reign in self.reigns if reign.model.metrics)

    @property
    def nothing_yet(self) -> bool:
        """Whether nothing was ever handed in that is still in use."""
        return not (self.reigns or self.waiting.uploads or self.last_run or self.held)


class OverviewService:
    """Reads the overview from the database; changes nothing."""

    def __init__(
        self,
        night_settings: NightSettingsService,
        claims: Claims,
        database: Database,
        clock: Clock,
    ) -> None:
        self._night_settings = night_settings
        self._claims = claims
        self._store = Repositories(database)
        self._clock = clock

    def read(self) -> Overview:
        """Return how things stand now."""
        return Overview(
            read_at=self._clock(),
            reigns=self._reigns(),
            waiting=self._waiting(),
            last_run=self._last_run(),
            held=self._held(),
            undecided=self._undecided(),
        )

    def _reigns(self) -> tuple[Reign, ...]:
        # The pointer tells of today's MASTER; the history may lag behind for a moment.
        pointer = self._store.pointers.find(MASTER)
        if pointer is None:
            return ()
        former = self._store.promotions.select(
            {"version": {"$lt": pointer.version}},
            order=[("version", -1)],
            limit=REIGNS_SHOWN - 1,
        )
        switches: list[MasterPointer | Promotion] = [pointer, *former]
        return tuple(self._reign(switch) for switch in switches)

    def _reign(self, switch: MasterPointer | Promotion) -> Reign:
        return Reign(self._store.models.get(switch.model_id), switch.at)

    def _waiting(self) -> Waiting:
        pending = {"status": UploadStatus.PENDING}
        uploads = self._store.uploads.select(pending, order=OLDEST_FIRST)
        max_wait = timedelta(days=self._night_settings.current().max_wait_days)
        return Waiting(
            uploads=tuple(uploads),
            choice=self._claims.next_choice(PartitionRequest()),
            at_the_latest=uploads[0].uploaded_at + max_wait if uploads else None,
        )

    def _last_run(self) -> LastRun | None:
        latest = self._store.runs.select(
            {"experiment": None}, order=[("number", -1)], limit=1
        )
        if not latest:
            return None
        run = latest[0]
        trained = run.steps.get("train")
        model = self._store.models.find(trained["model_id"]) if trained else None
        return LastRun(run, model, self._claims.is_alive(run))

    def _held(self) -> tuple[Upload, ...]:
        return tuple(
            self._store.uploads.select(
                {"status": UploadStatus.HELD},
                order=[("uploaded_at", -1)],
                limit=HELD_SHOWN,
            )
        )

    def _undecided(self) -> tuple[ModelVersion, ...]:
        pointer = self._store.pointers.find(MASTER)
        if pointer is None:
            return ()
        shadows = self._store.shadows.select(
            {"rival_id": pointer.model_id, "open": True, "former": False}
        )
        models = [self._store.models.get(shadow.model_id) for shadow in shadows]
        return tuple(sorted(models, key=lambda model: -model.number))
