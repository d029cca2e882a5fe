"""The steps of a night as AWS Lambda functions; step_function.json calls them in turn.

Each does what the flow does with the same services, under the lease that the first of
them took. Between them travel ids alone: which execution and partition it is, the run,
and the lease's token. What a step produced stands in the run's document, so a function
that is called again, because its answer was lost, does nothing twice.

An error leaves by the name of its class, which the state machine tells apart:
``Unavailable`` and ``Broken`` may pass, all others do not.
"""

import json
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache, wraps
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from flows.scheduler import PrefectScheduler
from tripadvance_core.bootstrap import Services, build_services
from tripadvance_core.domain.entities import StoredFile
from tripadvance_core.errors import (
    Broken,
    OutOfTime,
    Refused,
    SettingRefused,
    TripAdvanceError,
    WindowClosed,
)
from tripadvance_core.logs import keep_logs
from tripadvance_core.services.alerts import CUT_OFF
from tripadvance_core.services.claims import PartitionRequest
from tripadvance_core.services.night import Begun, NightOrder, NightResult
from tripadvance_core.services.rows import prove_here, told
from tripadvance_core.settings import load_settings

_LOG = logging.getLogger(__name__)

LAST_MOMENTS = timedelta(minutes=2)
"""What training leaves of a function's time, to store a model or to let go."""

_CODE = re.compile(r"\[([A-Z][A-Z_]+)\]$")
_BEGUN = TypeAdapter(Begun)


class Context(Protocol):
    """What Lambda tells a function of its call."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may go on."""


Event = dict[str, Any]
Answer = dict[str, Any]
Handler = Callable[[Event, Context], Answer]


class _Input(BaseModel):
    """What whoever starts the state machine may ask for; see the flow's parameters."""

    model_config = ConfigDict(extra="forbid")

    ignore_window: bool = False
    min_partition_bytes: Annotated[int | None, Field(ge=1)] = None
    max_partitions: Annotated[int | None, Field(ge=1, le=1000)] = None


class _Call(BaseModel):
    """One call by the state machine; ``run`` is there once a partition is claimed."""

    execution: str
    started_at: datetime
    partition: Annotated[int, Field(ge=1)]
    input: _Input
    run: Begun | None = None

    @property
    def begun(self) -> Begun:
        if self.run is None:
            raise Refused("LAMBDA_INPUT_INVALID", field="run", problem="missing")
        return self.run

    @property
    def order(self) -> NightOrder:
        return NightOrder(
            holder=f"execution {self.execution}, partition {self.partition}",
            ignore_window=self.input.ignore_window,
            scheduled_for=self.started_at,
            request=PartitionRequest(self.input.min_partition_bytes),
        )


@cache
def services() -> Services:
    """Return the services of this process, built from its environment.

    Raises
    ------
    SettingRefused
        ``LAMBDA_NEEDS_STORES`` where what is stored would be gone with the process.
    """
    scratch = Path(tempfile.gettempdir(), "tripadvance")
    os.environ.setdefault("TRIPADVANCE_DATA_DIR", str(scratch))
    settings = load_settings()
    if not settings.stores_are_elsewhere:
        raise SettingRefused("LAMBDA_NEEDS_STORES")
    built = build_services(settings)
    keep_logs(settings, "lambda")
    return built


@contextmanager
def _only_ours() -> Iterator[None]:
    """Let no error out but ours: what others say may hold what nobody should read."""
    try:
        yield
    except TripAdvanceError as error:
        _LOG.warning("%s", error)
        raise
    except Exception as error:
        _LOG.exception("nobody has foreseen this")
        raise Broken("RUN_BROKEN") from error


def _with_services(work: Callable[[Services, Event, Context], Answer]) -> Handler:
    """Make a function of Lambda of some work on the services, and send its alerts."""

    @wraps(work)
    def handler(event: Event, context: Context) -> Answer:
        with _only_ours():
            app = services()
            try:
                return work(app, event, context)
            finally:
                app.alerts.deliver_due()

    return handler


@_with_services
def begin_partition(app: Services, event: Event, _context: Context) -> Answer:
    """Claim the next partition, if window, lease and waiting files allow."""
    night = app.night.begin(_read(event).order)
    if isinstance(night, NightResult):
        return _answer(night.state)
    return _answer("BEGUN", night)


@_with_services
def preprocess_files(app: Services, event: Event, _context: Context) -> Answer:
    """Prove that the rows of the partition's files are sound."""
    return _step(app, _read(event), "PREPROCESSED", app.training.preprocess)


@_with_services
def model_training(app: Services, event: Event, context: Context) -> Answer:
    """Fit the challenger, in time for the window's end and for the function's own.

    Raises
    ------
    OutOfTime
        ``LAMBDA_OUT_OF_TIME`` where the function's end came first; the files wait.
    """
    call = _read(event)
    left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    own_end = app.clock() + left - LAST_MOMENTS
    window_end = call.begun.stop_at
    stop_at = own_end if window_end is None else min(own_end, window_end)

    def train(run_id: str, token: str) -> None:
        try:
            app.training.train(run_id, token, stop_at=stop_at)
        except WindowClosed as closed:
            if stop_at == window_end or app.clock() < own_end:
                raise
            app.night.failed(run_id, token, "LAMBDA_OUT_OF_TIME")
            raise OutOfTime("LAMBDA_OUT_OF_TIME") from closed

    return _step(app, call, "TRAINED", train)


@_with_services
def save_model(app: Services, event: Event, _context: Context) -> Answer:
    """Score and register the challenger, decide on it, and end the run."""

    def save_and_promote(run_id: str, token: str) -> None:
        app.training.save(run_id, token)
        app.training.promote(run_id, token)

    return _step(app, _read(event), "SAVED", save_and_promote)


@_with_services
def end_run(app: Services, event: Event, _context: Context) -> Answer:
    """Write down what a run met for good; the next one takes its partition over."""
    run = _read(event).begun
    app.night.failed(run.run_id, run.token, _code_in(event["failure"]))
    app.night.let_go(run.token)
    return _answer("FAILED", run)


@_with_services
def prove_rows(app: Services, event: Event, _context: Context) -> Answer:
    """Prove the stored rows of one file, for a run that works elsewhere."""
    return told(prove_here(app.objects, StoredFile.model_validate(event)))


@_only_ours()
def submit_night(event: Event, _context: Context) -> Answer:
    """Submit a run of the nightly deployment to Prefect, once for each event.

    For EventBridge, and so for triggers of MongoDB Atlas, which send their events there.

    Raises
    ------
    Refused
        ``EVENT_WITHOUT_ID``.
    SchedulerDown
        ``PREFECT_UNAVAILABLE``; EventBridge calls again.
    """
    event_id = event.get("id")
    if not event_id:
        raise Refused("EVENT_WITHOUT_ID")
    return {"flow_run_id": PrefectScheduler().start_night(f"event:{event_id}")}


def _step(
    app: Services, call: _Call, done: str, work: Callable[[str, str], None]
) -> Answer:
    """Carry a step out under the lease of its run; tell whether the run has ended."""
    run_id, token = call.begun.run_id, call.begun.token
    if app.night.ended(run_id, token, call.order) is None:
        try:
            with app.night.carried_on(run_id, token):
                work(run_id, token)
        except WindowClosed as closed:
            app.night.stopped(run_id, token)
            app.night.let_go(token)
            if isinstance(closed, OutOfTime):
                raise
    result = app.night.ended(run_id, token, call.order)
    if result is None:
        return _answer(done, call.run)
    app.night.let_go(token)
    limit = call.input.max_partitions or app.settings.max_partitions
    return _answer(result.state, call.run, more=result.more and call.partition < limit)


def _answer(state: str, run: Begun | None = None, *, more: bool = False) -> Answer:
    begun = _BEGUN.dump_python(run, mode="json") if run else None
    return {"state": str(state), "run": begun, "more": more}


def _read(event: Event) -> _Call:
    try:
        return _Call.model_validate(event)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise Refused(
            "LAMBDA_INPUT_INVALID", field=field, problem=first["msg"]
        ) from error


def _code_in(failure: dict[str, str]) -> str:
    """Return the code of the error that the state machine has caught."""
    try:
        message = str(json.loads(failure["Cause"])["errorMessage"])
    except (ValueError, KeyError, TypeError):
        message = ""
    found = _CODE.search(message)
    return found[1] if found else CUT_OFF
