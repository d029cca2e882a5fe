"""One partition of a night, from the window to the decision.

Whoever runs it, the Prefect flow or the command, runs this: only how a step is
carried out differs, as a Prefect task or as a plain call.
"""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from tripadvance_core.domain.entities import (
    ModelVersion,
    Rebuild,
    RunStatus,
    TrainingRun,
)
from tripadvance_core.domain.partition import Choice
from tripadvance_core.domain.promotion import Outcome
from tripadvance_core.domain.times import Clock
from tripadvance_core.domain.window import Admission, admit
from tripadvance_core.errors import TripAdvanceError, WindowClosed
from tripadvance_core.logs import with_ids
from tripadvance_core.services.claims import LEASE, Claims, PartitionRequest
from tripadvance_core.services.night_settings import NightSettingsService
from tripadvance_core.services.registry import Registry
from tripadvance_core.services.training import TrainingService
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.leases import Lease, acquire, kept_alive, release

_LOG = logging.getLogger(__name__)

STOP_BEFORE_CLOSING = timedelta(seconds=30)
"""Time to put the uploads back before the window's end."""
_LOOK_AGAIN_SECONDS = 1.0


class NightState(StrEnum):
    """How a run ended; each is a message code and a Prefect state name."""

    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    EARLIER_NIGHT = "EARLIER_NIGHT"
    ALREADY_TRAINING = "ALREADY_TRAINING"
    NOT_ENOUGH = "NOT_ENOUGH"
    WINDOW_CLOSED = "WINDOW_CLOSED"
    STOPPED_BY_HAND = "STOPPED_BY_HAND"
    PROMOTE = "PROMOTE"
    HOLD = "HOLD"
    REJECT = "REJECT"


@dataclass(frozen=True)
class NightOrder:
    """What is asked of one run: the next partition, a rebuild, or an experiment.

    ``experiment`` is the id of one that was ordered; it begins at any hour.
    """

    holder: str
    ignore_window: bool = False
    experiment: str | None = None
    scheduled_for: datetime | None = None
    rebuild: Rebuild | None = None
    request: PartitionRequest = field(default_factory=PartitionRequest)


@dataclass(frozen=True)
class NightResult:
    """What one run did. ``more`` tells that another partition could start now."""

    state: NightState
    choice: Choice | None = None
    run: TrainingRun | None = None
    model: ModelVersion | None = None
    more: bool = False

    @property
    def trained(self) -> bool:
        """Whether a challenger was trained and decided on."""
        return self.model is not None


class Steps(Protocol):
    """How the steps of a run are carried out; ids travel, rows never do."""

    def preprocess(self, run_id: str, token: str) -> None:
        """See TrainingService.preprocess."""

    def train(self, run_id: str, token: str, *, stop_at: datetime | None) -> None:
        """See TrainingService.train."""

    def save(self, run_id: str, token: str) -> None:
        """See TrainingService.save."""

    def promote(self, run_id: str, token: str) -> None:
        """See TrainingService.promote."""


class Night:
    """Runs one partition if the window, the lease and the waiting files allow."""

    def __init__(
        self,
        settings: Settings,
        night_settings: NightSettingsService,
        database: Database,
        claims: Claims,
        training: TrainingService,
        registry: Registry,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._night_settings = night_settings
        self._database = database
        self._claims = claims
        self._training = training
        self._registry = registry
        self._clock = clock

    def admission(self, order: NightOrder) -> Admission:
        """Tell whether a run may start now."""
        return admit(
            self._clock(),
            self._night_settings.current().window,
            scheduled_for=order.scheduled_for,
            ignore_window=order.ignore_window or order.experiment is not None,
        )

    def run_partition(self, order: NightOrder, steps: Steps) -> NightResult:
        """Claim one partition and carry it through all steps.

        Raises
        ------
        LeaseLost
            When another run took the lease over; nothing was committed after that.
        TripAdvanceError
            What a step raised; the next run takes the partition over. An experiment
            ends there.
        """
        admission = self.admission(order)
        if not admission.admitted:
            return NightResult(NightState(admission.gate))
        lease = self._acquire(order.holder)
        if lease is None:
            self._turn_away(order)
            return NightResult(NightState.ALREADY_TRAINING)
        try:
            with kept_alive(self._database, lease, self._clock):
                return self._train_under(lease, order, steps)
        finally:
            release(self._database, lease)

    def _train_under(
        self, lease: Lease, order: NightOrder, steps: Steps
    ) -> NightResult:
        admission = self.admission(order)  # again: waiting for the lease took time
        if not admission.admitted:
            return NightResult(NightState(admission.gate))
        run = self._begun(lease.token, order)
        if run is None and order.experiment is not None:
            return NightResult(NightState.STOPPED_BY_HAND)
        if run is None:
            choice = self._claims.next_choice(order.request)
            return NightResult(NightState.NOT_ENOUGH, choice)
        stop_at = admission.closes and admission.closes - STOP_BEFORE_CLOSING
        with with_ids(run_id=run.id):
            return self._carry_through(run, lease, order, steps, stop_at)

    def _carry_through(
        self,
        run: TrainingRun,
        lease: Lease,
        order: NightOrder,
        steps: Steps,
        stop_at: datetime | None,
    ) -> NightResult:
        _LOG.info("run %d begins, start %d", run.number, run.attempts)
        try:
            steps.preprocess(run.id, lease.token)
            steps.train(run.id, lease.token, stop_at=stop_at)
            steps.save(run.id, lease.token)
            steps.promote(run.id, lease.token)
        except WindowClosed:
            status = self._claims.release(run.id, lease.token)
            stopped = status is RunStatus.STOPPED
            state = NightState("STOPPED_BY_HAND" if stopped else "WINDOW_CLOSED")
            _LOG.info("run %d ends: %s", run.number, state)
            return NightResult(state, run=self._training.run(run.id))
        except Exception as error:
            code = _code_of(error)
            _LOG.error("run %d failed: %s", run.number, code)
            self._claims.note_failure(run, lease.token, code)
            raise
        result = self.result_of(run.id, order)
        _LOG.info("run %d ends: %s", run.number, result.state)
        return result

    def _begun(self, token: str, order: NightOrder) -> TrainingRun | None:
        if order.experiment is not None:
            return self._claims.begin(order.experiment, token, order.request)
        return self._claims.claim(token, order.request, order.rebuild)

    def _turn_away(self, order: NightOrder) -> None:
        """End an experiment that nobody will start again."""
        if order.experiment is not None:
            run = self._training.run(order.experiment)
            self._claims.note_failure(run, run.token, NightState.ALREADY_TRAINING)

    def result_of(self, run_id: str, order: NightOrder) -> NightResult:
        """Return what a finished run did, and whether another could start now."""
        run = self._training.run(run_id)
        model = self._registry.version(run.steps["train"]["model_id"])
        return NightResult(
            state=NightState(Outcome(run.steps["promote"]["outcome"])),
            choice=(choice := self._claims.next_choice(order.request)),
            run=run,
            model=model,
            more=self._may_go_on(order, run, choice),
        )

    def _may_go_on(self, order: NightOrder, run: TrainingRun, choice: Choice) -> bool:
        if order.experiment is not None:
            return False
        # A run that was taken over came before the rebuild that is ordered.
        rebuild_waits = order.rebuild is not None and run.rebuild is None
        waits = bool(choice.uploads) or self._claims.unfinished() is not None
        return (rebuild_waits or waits) and self.admission(order).admitted

    def _acquire(self, holder: str) -> Lease | None:
        """Take the training lease; a dead holder's ends while we wait once around."""
        seconds = self._settings.lease_seconds
        give_up_at = time.monotonic() + seconds + _LOOK_AGAIN_SECONDS
        while True:
            lease = acquire(self._database, LEASE, holder, self._clock(), seconds)
            if lease is not None or time.monotonic() >= give_up_at:
                return lease
            time.sleep(_LOOK_AGAIN_SECONDS)


def _code_of(error: Exception) -> str:
    return error.code if isinstance(error, TripAdvanceError) else "RUN_BROKEN"
