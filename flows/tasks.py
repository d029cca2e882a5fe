"""The steps of a night as Prefect tasks: one service call each.

Only ids travel through Prefect. It neither caches nor persists anything either: the
run's own document remembers which steps are finished, with or without a server.
"""

from datetime import datetime
from functools import cache
from importlib.util import find_spec
from typing import Any, cast
from uuid import UUID

from prefect import State, get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun
from prefect.tasks import Task

from tripadvance_core.bootstrap import Services, build_services
from tripadvance_core.errors import (
    ClusterLost,
    TripAdvanceError,
    Unavailable,
    WindowClosed,
)
from tripadvance_core.logs import keep_logs
from tripadvance_core.messages import sentence
from tripadvance_core.settings import load_settings

HOUR = 3600
PROGRESS_UPDATES = 20


@cache
def services() -> Services:
    """Return the services of this process, built from its environment."""
    settings = load_settings()
    built = build_services(settings)
    keep_logs(settings, "flow")
    return built


def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell a fault that may pass from a refusal, which a second try cannot change."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, Unavailable) or not isinstance(error, TripAdvanceError)


_STEP: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "retries": 2,
    "retry_delay_seconds": [5, 30],
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _may_pass,
}


@task(timeout_seconds=2 * HOUR, **_STEP)
def preprocess(run_id: str, token: str) -> None:
    """Prove every file of the partition, on a Dask cluster where one is named."""
    address = services().settings.dask_address
    if address is None or find_spec("prefect_dask") is None:
        services().training.preprocess(run_id, token)
        return
    # Here, for Dask takes every process that starts a second.
    from flows.cluster import ClusterProver

    prover = ClusterProver(address, services().objects)
    try:
        services().training.preprocess(run_id, token, prover=prover)
    except ClusterLost as loss:
        get_run_logger().warning(str(loss))
        services().training.preprocess(run_id, token)


@task(timeout_seconds=8 * HOUR, **_STEP)
def train(run_id: str, token: str, stop_at: datetime | None) -> bool:
    """Fit the challenger; False when the window closed first."""
    try:
        services().training.train(
            run_id, token, stop_at=stop_at, on_round=_TrainingProgress()
        )
    except WindowClosed as closed:
        get_run_logger().warning(str(closed))
        return False
    return True


@task(timeout_seconds=2 * HOUR, **_STEP)
def save(run_id: str, token: str) -> None:
    """Score the challenger and register it."""
    services().training.save(run_id, token)


@task(timeout_seconds=HOUR, **_STEP)
def promote(run_id: str, token: str) -> None:
    """Decide on the challenger."""
    services().training.promote(run_id, token)


class PrefectSteps:
    """The steps carried out as Prefect tasks."""

    def preprocess(self, run_id: str, token: str) -> None:
        preprocess(run_id, token)

    def train(self, run_id: str, token: str, *, stop_at: datetime | None) -> None:
        if not train(run_id, token, stop_at):
            raise WindowClosed("TRAINING_STOPPED_BY_WINDOW")

    def save(self, run_id: str, token: str) -> None:
        save(run_id, token)

    def promote(self, run_id: str, token: str) -> None:
        promote(run_id, token)


class _TrainingProgress:
    """Shows boosting rounds as a progress artifact, in few enough updates."""

    def __init__(self) -> None:
        language = services().settings.language
        self._shown = 0
        artifact = create_progress_artifact(
            progress=0.0,
            key="training-progress",
            description=sentence("TRAINING_PROGRESS", language),
        )
        self._artifact = cast(UUID, artifact)  # not awaited: a task is no coroutine

    def __call__(self, done: int, of: int) -> None:
        """Show how many rounds are done."""
        reached = done * PROGRESS_UPDATES // of
        if reached > self._shown:
            self._shown = reached
            update_progress_artifact(self._artifact, 100.0 * done / of)
