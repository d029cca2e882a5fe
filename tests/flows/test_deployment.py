"""The deployment that a runner serves, and the same one for work pools."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.deployment import nightly_deployment
from flows.names import DEPLOYMENT, TAG
from flows.training import nightly_training
from tripadvance_core.domain.night_settings import NightSettings
from tripadvance_core.settings import load_settings

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def pooled() -> dict[str, Any]:
    text = (PROJECT / "prefect.yaml").read_text(encoding="utf-8")
    (deployment,) = yaml.safe_load(text)["deployments"]
    return deployment


def test_work_pools_and_the_runner_get_the_same_deployment(
    pooled: dict[str, Any],
) -> None:
    served = nightly_deployment(NightSettings.of(load_settings()))
    (schedule,) = served.schedules
    (pooled_schedule,) = pooled["schedules"]
    assert pooled["name"] == served.name == DEPLOYMENT
    assert pooled["entrypoint"] == served.entrypoint
    assert pooled["tags"] == served.tags == [TAG]
    assert pooled_schedule["cron"] == schedule.schedule.cron
    assert pooled_schedule["timezone"] == schedule.schedule.timezone
    assert pooled_schedule["slug"] == schedule.slug
    assert pooled["concurrency_limit"]["limit"] == served.concurrency_limit
    options = served.concurrency_options
    assert pooled["concurrency_limit"]["collision_strategy"] == (
        options.collision_strategy
    )


def test_schedule_follows_the_settings() -> None:
    settings = load_settings(cron="30 1 * * *", time_zone="America/Manaus")
    (schedule,) = nightly_deployment(NightSettings.of(settings)).schedules
    assert schedule.schedule.cron == "30 1 * * *"
    assert schedule.schedule.timezone == "America/Manaus"


def test_every_parameter_is_explained() -> None:
    properties = nightly_training.parameters.properties
    unexplained = [n for n, p in properties.items() if not p.get("description")]
    assert properties
    assert unexplained == []
