"""Runs whose process is gone without a word: Prefect marks them Crashed.

A runner that lives tells the server when its run's process dies. Where the runner died
too, or its machine, the run would stay Running and keep its place in the queue. Each run
sends a heartbeat; the automation here misses it.
"""

from datetime import timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from flows.names import FLOW, state_name
from tripadvance_core.services.night import NightState

SILENT_AFTER = timedelta(minutes=2)
"""Four heartbeats of ``PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30``, Prefect's shortest."""
_HEARTBEAT = "prefect.flow-run.heartbeat"
_ENDS = ("Completed", "Failed", "Cancelled", "Crashed")


def crash_silent_runs() -> None:
    """Have the server crash runs that fall silent; asked again, nothing is added."""
    wanted = _automation()
    with get_client(sync_client=True) as client:
        known = client.read_automations_by_name(wanted.name)
        if known:
            client.update_automation(known[0].id, wanted)
        else:
            client.create_automation(wanted)


def _automation() -> AutomationCore:
    # A state of a name of its own is an event of that name, too.
    ends = (*_ENDS, *map(state_name, NightState))
    return AutomationCore(
        name=f"{FLOW}: crash silent runs",
        description="A run without heartbeat has lost its process; its files wait.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            # A run may lose its process before it has sent any heartbeat.
            after={_HEARTBEAT, "prefect.flow-run.Running"},
            expect={_HEARTBEAT, *(f"prefect.flow-run.{end}" for end in ends)},
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(
                {"prefect.resource.role": "flow", "prefect.resource.name": FLOW}
            ),
            for_each={"prefect.resource.id"},
            threshold=1,
            within=SILENT_AFTER,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED, message="No heartbeat: its process is gone."
            )
        ],
    )
