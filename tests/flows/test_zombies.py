"""Runs that fall silent are crashed by the server, whoever else is gone."""

import pytest
from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import Automation, AutomationCore

from flows.names import FLOW, state_name
from flows.zombies import crash_silent_runs
from tripadvance_core.services.night import NightState

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("prefect_server")]


def known() -> list[Automation]:
    with get_client(sync_client=True) as client:
        return [one for one in client.read_automations() if FLOW in one.name]


def test_automation_is_there_once_however_often_a_runner_starts() -> None:
    crash_silent_runs()
    crash_silent_runs()
    (automation,) = known()
    assert automation.enabled


def test_automation_of_an_older_version_is_brought_up_to_date() -> None:
    crash_silent_runs()
    (former,) = known()
    with get_client(sync_client=True) as client:
        outdated = former.model_dump(include={"name", "trigger", "actions"}) | {
            "description": "of long ago"
        }
        client.update_automation(former.id, AutomationCore.model_validate(outdated))
    crash_silent_runs()
    (automation,) = known()
    assert (automation.id, automation.description) == (former.id, former.description)


@pytest.mark.parametrize("outcome", list(NightState))
def test_no_end_of_a_night_is_taken_for_silence(outcome: NightState) -> None:
    crash_silent_runs()
    (automation,) = known()
    assert f"prefect.flow-run.{state_name(outcome)}" in automation.trigger.expect  # type: ignore[union-attr]
