"""The nightly deployment in a work pool, on a real server, asked for again and again."""

from typing import Any

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment

from deployments.aws import ecs
from flows.control import schedule
from flows.deployment import nightly_deployment
from flows.names import DEPLOYMENT, FLOW
from flows.pools import Pool, prefect_template, register, register_pool
from tests.flows.test_deployment import PROJECT
from tripadvance_core.domain.night_settings import NightSettings
from tripadvance_core.errors import Conflict
from tripadvance_core.services.scheduler import Schedule
from tripadvance_core.settings import load_settings

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("prefect_server")]

PROCESS = Pool("tripadvance", "process", prefect_template("process"))
ECS = Pool("tripadvance-ecs", "ecs", ecs.base_job_template())


def night(**settings: Any) -> RunnerDeployment:
    return nightly_deployment(NightSettings.of(load_settings(**settings)))


def pool(name: str) -> WorkPool:
    with get_client(sync_client=True) as client:
        return client.read_work_pool(name)


def nightly() -> DeploymentResponse:
    with get_client(sync_client=True) as client:
        return client.read_deployment_by_name(f"{FLOW}/{DEPLOYMENT}")


@pytest.mark.parametrize("wanted", [PROCESS, ECS], ids=lambda each: each.type)
def test_what_is_registered_again_is_the_same_one(wanted: Pool) -> None:
    variables = {"env": {"DO_NOT_TRACK": "1"}}
    ids = [
        (register_pool(wanted), register(night(), wanted.name, variables))
        for _ in range(2)
    ]
    assert ids[0] == ids[1]
    found = nightly()
    assert (found.id, found.work_pool_name) == (ids[0][1], wanted.name)
    assert found.job_variables == variables
    assert len(found.schedules) == 1
    assert pool(wanted.name).base_job_template == wanted.template


def test_deployment_moves_between_pools_and_stays_one_at_a_time() -> None:
    moved = []
    for wanted in (PROCESS, ECS, PROCESS):
        register_pool(wanted)
        register(night(), wanted.name, {"env": {}})
        found = nightly()
        moved.append(found.work_pool_name)
        limit, options = found.global_concurrency_limit, found.concurrency_options
        assert limit is not None
        assert options is not None
        assert limit.limit == 1
        assert options.collision_strategy is ConcurrencyLimitStrategy.ENQUEUE
    assert moved == [PROCESS.name, ECS.name, PROCESS.name]


def test_schedule_is_that_of_the_nights_settings() -> None:
    register_pool(PROCESS)
    for cron, zone in (("30 1 * * *", "America/Manaus"), ("15 2 * * *", "UTC")):
        register(night(cron=cron, time_zone=zone), PROCESS.name, {"env": {}})
        assert schedule() == Schedule(cron, zone)


def test_pool_of_another_type_is_left_alone() -> None:
    register_pool(Pool("elsewhere", "process", PROCESS.template))
    with pytest.raises(Conflict, match="POOL_OF_ANOTHER_TYPE"):
        register_pool(Pool("elsewhere", "ecs", ECS.template))
    assert pool("elsewhere").type == "process"


def test_server_accepts_what_prefect_yaml_says_of_both_pools() -> None:
    """The server checks job variables against the template of their pool."""
    text = (PROJECT / "prefect.yaml").read_text(encoding="utf-8")
    pools = yaml.safe_load(text)["definitions"]["work_pools"]
    for wanted, said in ((PROCESS, pools["process"]), (ECS, pools["ecs"])):
        assert said["name"] == wanted.name
        register_pool(wanted)
        register(night(), wanted.name, said["job_variables"])
        assert nightly().job_variables == said["job_variables"]
        known = {*wanted.template["variables"]["properties"]}
        assert {*said["job_variables"]} <= known
