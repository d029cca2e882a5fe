"""Work pools, and a deployment in one of them instead of in a runner."""

import asyncio
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.workers.utilities import (
    get_default_base_job_template_for_infrastructure_type,
)

from tripadvance_core.errors import Conflict


@dataclass(frozen=True)
class Pool:
    """A work pool: its name, its type, and what every job in it is made from."""

    name: str
    type: str
    template: dict[str, Any]


def prefect_template(pool_type: str) -> dict[str, Any]:
    """Return the base job template that the installed packages have for a type."""
    template = asyncio.run(
        get_default_base_job_template_for_infrastructure_type(pool_type)
    )
    if template is None:
        raise LookupError(pool_type)
    return template


def register_pool(wanted: Pool) -> UUID:
    """Make the pool, or put its template back; asked again, nothing is added.

    Raises
    ------
    Conflict
        ``POOL_OF_ANOTHER_TYPE`` where one of that name runs jobs somewhere else.
    """
    with get_client(sync_client=True) as client:
        try:
            found = client.read_work_pool(wanted.name)
        except ObjectNotFound:
            created = client.create_work_pool(
                WorkPoolCreate(
                    name=wanted.name,
                    type=wanted.type,
                    base_job_template=wanted.template,
                )
            )
            return created.id
        if found.type != wanted.type:
            raise Conflict(
                "POOL_OF_ANOTHER_TYPE",
                pool=wanted.name,
                found=found.type,
                wanted=wanted.type,
            )
        client.update_work_pool(
            wanted.name, WorkPoolUpdate(base_job_template=wanted.template)
        )
    return found.id


def register(
    deployment: RunnerDeployment, pool: str, job_variables: dict[str, Any]
) -> UUID:
    """Put a deployment into a pool; it is the same one wherever it runs."""
    deployment.work_pool_name = pool
    deployment.job_variables = job_variables
    return cast(UUID, deployment.apply())  # not awaited: this is no coroutine
