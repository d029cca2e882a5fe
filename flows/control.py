"""Submitting, following and mending runs through the Prefect client."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.states import Crashed, Scheduled

from flows.names import DEPLOYMENT, FLOW, TAG
from tripadvance_core.services.scheduler import Schedule

MAX_STARTS = 3
_ALIVE = ["RUNNING", "PENDING", "CANCELLING"]


def submit(
    parameters: dict[str, Any],
    tags: Iterable[str] = ("manual",),
    idempotency_key: str | None = None,
) -> UUID:
    """Submit a run of the nightly deployment and return its id at once.

    The same key is the same run, however often it is submitted.
    """
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{FLOW}/{DEPLOYMENT}")
        run = client.create_flow_run_from_deployment(
            deployment.id,
            parameters=parameters,
            tags=[TAG, *tags],
            idempotency_key=idempotency_key,
        )
    return run.id


def schedule() -> Schedule | None:
    """Return when the nightly deployment starts, None where no cron says it."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{FLOW}/{DEPLOYMENT}")
    for nightly in deployment.schedules:
        cron = nightly.schedule
        if isinstance(cron, CronSchedule) and nightly.active:
            return Schedule(cron.cron, cron.timezone or "UTC")
    return None


def follow(wanted: Schedule) -> None:
    """Put the nightly deployment on another schedule; what it had planned is dropped."""
    cron = CronSchedule(cron=wanted.cron, timezone=wanted.time_zone)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{FLOW}/{DEPLOYMENT}")
        if deployment.schedules:
            client.update_deployment_schedule(
                deployment.id, deployment.schedules[0].id, active=True, schedule=cron
            )
        else:
            nightly = DeploymentScheduleCreate(schedule=cron, slug=DEPLOYMENT)
            client.create_deployment_schedules(deployment.id, [nightly])


def submit_next(chain: str, number: int, parameters: dict[str, Any]) -> UUID | None:
    """Submit the chain's next run, from within a run of the deployment.

    The key makes a second submission of the same run, after a retry, the same run.
    Return None where the flow was called without a deployment to submit.
    """
    deployment_id = runtime.deployment.id
    if deployment_id is None:
        return None
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(
            UUID(str(deployment_id)),
            parameters=parameters | {"partition_number": number, "chain": chain},
            idempotency_key=f"{chain}:{number}",
            tags=[TAG, f"chain:{chain[:8]}", f"partition:{number}"],
        )
    return run.id


def flow_run(run_id: UUID) -> FlowRun:
    """Return a run as the server knows it now."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run_id)


def chain_runs(chain: str) -> list[FlowRun]:
    """Return the runs that a chain has submitted, first one first."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(
                {"tags": {"all_": [f"chain:{chain[:8]}"]}}
            )
        )
    return sorted(runs, key=lambda run: run.parameters["partition_number"])


def reap() -> list[str]:
    """Mend the runs of dead processes: crash them, and start them once more.

    Only for the one machine that runs everything, before its runner starts: then no
    run can be alive. A crashed run gives its concurrency slot back at once; started
    again under the same id, it takes its partition over. After three starts it stays
    crashed, and the next night takes the partition over.
    """
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(
                {"state": {"type": {"any_": _ALIVE}}}
            ),
            deployment_filter=DeploymentFilter.model_validate(
                {"name": {"any_": [DEPLOYMENT]}}
            ),
        )
        for run in runs:
            message = "The process of this run is gone."
            client.set_flow_run_state(run.id, Crashed(message=message), force=True)
            cancelled = run.state_type is StateType.CANCELLING
            if not cancelled and run.run_count < MAX_STARTS:
                client.set_flow_run_state(run.id, Scheduled(), force=True)
    return [run.name for run in runs]
