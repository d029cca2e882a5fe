"""The nightly deployment for a runner; prefect.yaml says the same for work pools."""

from typing import cast

from prefect.client.schemas.objects import (
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
)
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.names import DEPLOYMENT, TAG
from flows.training import nightly_training
from tripadvance_core.domain.night_settings import NightSettings

# The next partition's run must wait for this one to end, not be cancelled.
ONE_AT_A_TIME = ConcurrencyLimitConfig(
    limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE
)


def nightly_deployment(settings: NightSettings) -> RunnerDeployment:
    """Return the deployment on the cron and time zone that the nights follow."""
    deployment = nightly_training.to_deployment(
        name=DEPLOYMENT,
        schedule=Cron(settings.cron, timezone=settings.time_zone, slug=DEPLOYMENT),
        concurrency_limit=ONE_AT_A_TIME,
        tags=[TAG],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return cast(RunnerDeployment, deployment)  # not awaited: this is no coroutine
