"""The nightly deployment for a runner; prefect.yaml says the same for work pools."""

from typing import cast

from prefect.client.schemas.objects import (
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
)
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger, ResourceSpecification
from prefect.events.schemas.automations import Posture
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.names import DEPLOYMENT, FLOW, MAY_START, TAG, UPLOAD, UPLOAD_PENDING
from flows.training import nightly_training
from tripadvance_core.domain.night_settings import NightSettings

# The next partition's run must wait for this one to end, not be cancelled.
ONE_AT_A_TIME = ConcurrencyLimitConfig(
    limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE
)


# The window, the lease and the waiting files are looked at by the run itself.
_AN_UPLOAD = DeploymentEventTrigger(
    name=f"{FLOW}: start on upload",
    expect={UPLOAD_PENDING},
    match=ResourceSpecification(
        {"prefect.resource.id": f"{UPLOAD}.*", MAY_START: "yes"}
    ),
    posture=Posture.Reactive,
    threshold=1,
)


def nightly_deployment(
    settings: NightSettings, *, start_on_upload: bool = False
) -> RunnerDeployment:
    """Return the deployment on the cron and time zone that the nights follow.

    With ``start_on_upload`` Prefect also starts it by an automation, once an upload is
    announced that a night could begin with. Registered without, the automation goes.
    """
    deployment = nightly_training.to_deployment(
        name=DEPLOYMENT,
        schedule=Cron(settings.cron, timezone=settings.time_zone, slug=DEPLOYMENT),
        triggers=[_AN_UPLOAD] if start_on_upload else [],
        concurrency_limit=ONE_AT_A_TIME,
        tags=[TAG],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return cast(RunnerDeployment, deployment)  # not awaited: this is no coroutine
