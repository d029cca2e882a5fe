"""One partition of a night, from the window to the decision.

Whoever runs it, the Prefect flow or the command, runs this: only how a step is
carried out differs, as a Prefect task or as a plain call.
"""

import logging
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
from tripadvance_core.errors import LeaseLost, TripAdvanceError, WindowClosed
from tripadvance_core.logs import with_ids
from tripadvance_core.services.claims import LEASE, Claims, PartitionRequest
from tripadvance_core.services.night_settings import NightSettingsService
from tripadvance_core.services.registry import Registry
from tripadvance_core.services.sweeper import Sweeper
from tripadvance_core.services.training import TrainingService
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.leases import (
    Lease,
    kept_alive,
    release,
    renew,
    wait_for,
)

_LOG = logging.getLogger(__name__)

STOP_BEFORE_CLOSING = timedelta(seconds=30)
"""Time to put the uploads back before the window's end."""


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

    ``ordered`` is the id of a run that a person has ordered: an experiment or a
    rebuild, which begins at any hour.
    """

    holder: str
    ignore_window: bool = False
    ordered: str | None = None
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
        sweeper: Sweeper,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._night_settings = night_settings
        self._database = database
        self._claims = claims
        self._training = training
        self._registry = registry
        self._sweeper = sweeper
        self._clock = clock

    def admission(self, order: NightOrder) -> Admission:
        """Tell whether a run may start now."""
        return admit(
            self._clock(),
            self._night_settings.current().window,
            scheduled_for=order.scheduled_for,
            ignore_window=order.ignore_window or order.ordered is not None,
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
        seconds = self._settings.lease_seconds
        lease = wait_for(self._database, LEASE, order.holder, self._clock, seconds)
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
        if order.ordered is None:
            self._sweep()
        run = self._begun(lease.token, order)
        if run is None and order.ordered is not None:
            return NightResult(NightState.STOPPED_BY_HAND)
        if run is None:
            choice = self._claims.next_choice(order.request)
            return NightResult(NightState.NOT_ENOUGH, choice)
        self._require_lease(lease, run)
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

    def _sweep(self) -> None:
        """Clear what was left over; a night does not fail for that."""
        try:
            self._sweeper.sweep()
        except TripAdvanceError as error:
            _LOG.warning("nothing was swept: %s", error)

    def _begun(self, token: str, order: NightOrder) -> TrainingRun | None:
        if order.ordered is not None:
            return self._claims.begin(order.ordered, token, order.request)
        return self._claims.claim(token, order.request, order.rebuild)

    def _require_lease(self, lease: Lease, run: TrainingRun) -> None:
        """Take a claim back that was made after the lease was lost.

        Where the lease is still held, it was held when the claim was made.
        """
        if not renew(self._database, lease, self._clock()):
            self._claims.take_back(run, lease.token)
            raise LeaseLost("LEASE_LOST", run=run.id)

    def _turn_away(self, order: NightOrder) -> None:
        """End an ordered run that nobody will start again."""
        if order.ordered is not None:
            run = self._training.run(order.ordered)
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
        if order.ordered is not None:
            return False
        # A run that was taken over came before the rebuild that is ordered.
        rebuild_waits = order.rebuild is not None and run.rebuild is None
        waits = bool(choice.uploads) or self._claims.unfinished() is not None
        return (rebuild_waits or waits) and self.admission(order).admitted


def _code_of(error: Exception) -> str:
    return error.code if isinstance(error, TripAdvanceError) else "RUN_BROKEN"
