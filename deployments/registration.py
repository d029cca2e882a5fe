"""The command deploy: what a worker needs to find at Prefect's server."""

from typing import Any

from deployments.aws import ecs
from deployments.console import Console
from deployments.prefect_environment import for_runs, lead_to_server
from flows.names import TAG
from flows.scheduler import asking_prefect
from tripadvance_core.bootstrap import Services, opened_services
from tripadvance_core.services.scheduler import Schedule
from tripadvance_core.settings import Settings

ECS_POOL = f"{TAG}-ecs"


def register(
    settings: Settings, console: Console, of_ecs: ecs.EcsOptions | None
) -> None:
    """Register pool, deployment, automation and blocks; asked again, nothing is added.

    Raises
    ------
    SettingRefused
        See ``ecs.job_variables``.
    Conflict
        ``POOL_OF_ANOTHER_TYPE``
    SchedulerDown
        ``PREFECT_UNAVAILABLE``
    """
    variables = (
        {"env": for_runs()} if of_ecs is None else ecs.job_variables(settings, of_ecs)
    )
    lead_to_server(settings)  # read when Prefect is imported, as S3 does
    with opened_services(settings) as services, asking_prefect():
        done = _register(services, variables, in_ecs=of_ecs is not None)
    console.say("DEPLOYED", **done)
    console.line(f"  prefect worker start --type {done['type']} --pool {done['pool']}")
    console.document(done)


def _register(
    services: Services, job_variables: dict[str, Any], *, in_ecs: bool
) -> dict[str, Any]:
    from flows import pools
    from flows.deployment import nightly_deployment
    from flows.zombies import crash_silent_runs
    from tripadvance_core.storage.s3 import S3Store

    pool = (
        pools.Pool(ECS_POOL, "ecs", ecs.base_job_template())
        if in_ecs
        else pools.Pool(TAG, "process", pools.prefect_template("process"))
    )
    night = services.night_settings.current()
    on_upload = services.settings.start_on_upload
    deployment = nightly_deployment(night, start_on_upload=on_upload)
    pool_id = pools.register_pool(pool)
    deployment_id = pools.register(deployment, pool.name, job_variables)
    crash_silent_runs()
    if isinstance(services.objects, S3Store):
        services.objects.save_blocks(TAG)
    return {
        "pool": pool.name,
        "type": pool.type,
        "pool_id": str(pool_id),
        "deployment_id": str(deployment_id),
        **Schedule.of(night)._asdict(),
    }
