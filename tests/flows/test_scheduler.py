"""Prefect as the web app sees it: a real server, and none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client

from deployments.aws.handlers import submit_night
from flows.deployment import nightly_deployment
from flows.names import DEPLOYMENT, FLOW
from flows.scheduler import PrefectScheduler
from tests.lambdas import FakeContext
from tripadvance_core.domain.night_settings import NightSettings
from tripadvance_core.services.scheduler import Schedule
from tripadvance_core.settings import load_settings

pytestmark = pytest.mark.servers
PROJECT = Path(__file__).parents[2]


@pytest.fixture
def registered(prefect_server: None) -> Schedule:
    """Register the nightly deployment, as a runner does; return its schedule."""
    settings = NightSettings.of(load_settings(cron="30 1 * * *"))
    nightly_deployment(settings).apply()
    return Schedule.of(settings)


def test_schedule_is_that_of_the_deployment(registered: Schedule) -> None:
    assert PrefectScheduler().schedule() == registered


def test_schedule_that_is_set_is_followed_at_once(registered: Schedule) -> None:
    scheduler = PrefectScheduler()
    wanted = Schedule("15 2 * * *", "America/Manaus")
    scheduler.follow(wanted)
    assert scheduler.schedule() == wanted
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{FLOW}/{DEPLOYMENT}")
        (only,) = deployment.schedules
        client.delete_deployment_schedule(deployment.id, only.id)
    assert scheduler.schedule() is None
    scheduler.follow(wanted)
    assert scheduler.schedule() == wanted


def test_runner_that_starts_again_keeps_what_was_set(registered: Schedule) -> None:
    changed = NightSettings.of(load_settings(cron="45 3 * * *"))
    nightly_deployment(changed).apply()
    assert PrefectScheduler().schedule() == Schedule.of(changed)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{FLOW}/{DEPLOYMENT}")
    assert len(deployment.schedules) == 1


def test_experiment_becomes_a_run_of_the_deployment(registered: Schedule) -> None:
    flow_run_id = PrefectScheduler().start_ordered("experiment-1")
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(flow_run_id)  # type: ignore[arg-type]
    assert run.parameters["ordered"] == "experiment-1"


def test_event_that_comes_twice_is_one_run(registered: Schedule) -> None:
    event = {"id": "5d4f", "source": "aws.partner/mongodb.com", "detail": {}}
    first, again, other = (
        submit_night(each, FakeContext())["flow_run_id"]
        for each in (event, event, event | {"id": "5d50"})
    )
    assert first == again != other
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(first)
        for each in (first, other):
            client.delete_flow_run(each)
    assert (run.parameters, set(run.tags)) == ({}, {"tripadvance", "event"})


@pytest.mark.parametrize("asked", ["schedule()", "start_ordered('experiment-1')"])
def test_server_that_does_not_answer_is_told_by_one_code(asked: str) -> None:
    script = f"""
from flows.scheduler import PrefectScheduler
from tripadvance_core.errors import SchedulerDown
try:
    PrefectScheduler().{asked}
except SchedulerDown as down:
    print(down.code)
"""
    closed = os.environ | {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env=closed,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert answer.stdout.strip() == "PREFECT_UNAVAILABLE"


def test_prefect_is_not_imported_before_it_is_asked() -> None:
    script = "import sys, flows.scheduler; sys.exit('prefect' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], cwd=PROJECT, check=True)
