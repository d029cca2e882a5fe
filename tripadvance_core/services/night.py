"""One partition of a night, from the window to the decision.

Whoever runs it, the Prefect flow or the command, runs this: only how a step is
carried out differs, as a Prefect task or as a plain call.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
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
class Begun:
    """A partition that was claimed: all that its steps need to know, in any process.

    ``token`` is that of the lease; training stops at ``stop_at``, where there is one.
    """

    run_id: str
    token: str
    stop_at: datetime | None


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
        begun = self.begin(order)
        if isinstance(begun, NightResult):
            return begun
        try:
            with self.carried_on(begun.run_id, begun.token):
                return self._carry_through(begun, order, steps)
        finally:
            self.let_go(begun.token)

    def begin(self, order: NightOrder) -> Begun | NightResult:
        """Claim a partition, if the window, the lease and the waiting files allow.

        The lease is held on to for its time: whoever carries a step out, in this
        process or in another, renews it (``carried_on``), and lets it go in the end.
        """
        admission = self.admission(order)
        if not admission.admitted:
            return NightResult(NightState(admission.gate))
        seconds = self._settings.lease_seconds
        lease = wait_for(self._database, LEASE, order.holder, self._clock, seconds)
        if lease is None:
            self._turn_away(order)
            return NightResult(NightState.ALREADY_TRAINING)
        begun: Begun | NightResult | None = None
        try:
            with kept_alive(self._database, lease, self._clock):
                begun = self._begin_under(lease, order)
        finally:
            if not isinstance(begun, Begun):
                release(self._database, lease)
        return begun

    @contextmanager
    def carried_on(self, run_id: str, token: str) -> Iterator[None]:
        """Hold the lease under which a run was begun, while its work goes on.

        Raises
        ------
        LeaseLost
            When another run has it by now.
        """
        lease = self._lease(token)
        if not renew(self._database, lease, self._clock()):
            raise LeaseLost("LEASE_LOST", run=run_id)
        with kept_alive(self._database, lease, self._clock), with_ids(run_id=run_id):
            yield

    def let_go(self, token: str) -> None:
        """Let go of the lease under which a run was begun; the next one may begin."""
        release(self._database, self._lease(token))

    def stopped(self, run_id: str, token: str) -> NightResult:
        """End a run before it is done, by the window or by a person; its files wait."""
        self._claims.release(run_id, token)
        return self._told(self._ended_early(self._training.run(run_id)))

    def failed(self, run_id: str, token: str, code: str) -> None:
        """Write down why a run failed; the next one takes its partition over."""
        run = self._training.run(run_id)
        _LOG.error("run %d failed: %s", run.number, code)
        self._claims.note_failure(run, token, code)

    def ended(self, run_id: str, token: str, order: NightOrder) -> NightResult | None:
        """Return how a run has ended under this token, None while it goes on.

        A step that is asked for twice, because its answer was lost, is told the same.
        """
        run = self._training.run(run_id)
        if run.token != token or run.status is RunStatus.OPEN:
            return None
        if run.status is RunStatus.DONE:
            return self.result_of(run_id, order)
        return self._ended_early(run)

    def _lease(self, token: str) -> Lease:
        return Lease(LEASE, token, self._settings.lease_seconds)

    def _begin_under(self, lease: Lease, order: NightOrder) -> Begun | NightResult:
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
            _LOG.info("run %d begins, start %d", run.number, run.attempts)
        return Begun(run.id, lease.token, stop_at)

    def _carry_through(
        self, begun: Begun, order: NightOrder, steps: Steps
    ) -> NightResult:
        run_id, token = begun.run_id, begun.token
        try:
            steps.preprocess(run_id, token)
            steps.train(run_id, token, stop_at=begun.stop_at)
            steps.save(run_id, token)
            steps.promote(run_id, token)
        except WindowClosed:
            return self.stopped(run_id, token)
        except Exception as error:
            self.failed(run_id, token, code_of(error))
            raise
        return self._told(self.result_of(run_id, order))

    def _ended_early(self, run: TrainingRun) -> NightResult:
        stopped = run.status is RunStatus.STOPPED
        state = NightState("STOPPED_BY_HAND" if stopped else "WINDOW_CLOSED")
        return NightResult(state, run=run)

    def _told(self, result: NightResult) -> NightResult:
        if result.run is not None:
            _LOG.info("run %d ends: %s", result.run.number, result.state)
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


def code_of(error: Exception) -> str:
    """Return the code under which an error is written down."""
    return error.code if isinstance(error, TripAdvanceError) else "RUN_BROKEN"
