"""The demo: the sample fares as an upload, and one night over them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from deployments.children import Supervisor
from deployments.console import Console
from deployments.files import ingest_files
from deployments.training import print_result
from tripadvance_core import formats
from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.entities import ColumnMapping, RunStatus, TrainingRun
from tripadvance_core.errors import Conflict
from tripadvance_core.services.night import NightOrder

if TYPE_CHECKING:
    from prefect import State

SAMPLE = Path(__file__).parents[1] / "sample_xlsx" / "flights.xlsx"
OWNER = "demo"
_LOOK_SECONDS = 0.5


def feed_sample(services: Services, console: Console) -> None:
    """Take the sample fares in as an upload.

    Raises
    ------
    Conflict
        ``DEMO_FOLDER_IN_USE`` when the data folder holds somebody's own files.
    """
    if any(upload.owner != OWNER for upload in services.uploads.all()):
        raise Conflict("DEMO_FOLDER_IN_USE", path=services.settings.data_dir)
    ingest_files(services, console, [SAMPLE], ColumnMapping(), owner=OWNER)


def run_night(services: Services, console: Console, supervisor: Supervisor) -> None:
    """Have Prefect run one night now, follow it, and tell what happened."""
    from flows.control import flow_run, submit

    if supervisor.stopping.is_set():
        return
    console.line()
    console.say("DEMO_NIGHT")
    run_id = submit({"ignore_window": True, "min_partition_bytes": 1}, tags=["demo"])
    follower = _Follower(services, console, run_id)
    while not supervisor.stopping.wait(_LOOK_SECONDS):
        supervisor.look_after()
        follower.tell_finished_steps()
        state = flow_run(run_id).state
        if state is not None and state.is_final():
            follower.tell_finished_steps()
            follower.tell_result(state)
            return


class _Follower:
    """Tells the progress of one flow run from what its steps have recorded."""

    def __init__(self, services: Services, console: Console, run_id: UUID) -> None:
        self._services = services
        self._console = console
        self._run_id = str(run_id)
        self._told: set[str] = set()

    def tell_finished_steps(self) -> None:
        run = self._run()
        for step, result in run.steps.items() if run else ():
            if step not in self._told:
                self._told.add(step)
                seconds = formats.number(
                    result["wall_seconds"], self._console.language, 1
                )
                self._console.say("DEMO_STEP", step=step, seconds=seconds)

    def tell_result(self, state: "State[Any]") -> None:
        run = self._run()
        if not state.is_completed():
            self._console.say("DEMO_NIGHT_FAILED", state=state.name)
        elif run is None or run.status is not RunStatus.DONE:
            self._console.line(state.message or "")
        else:
            order = NightOrder(holder=OWNER, ignore_window=True)
            print_result(self._console, self._services.night.result_of(run.id, order))

    def _run(self) -> TrainingRun | None:
        return self._services.training.run_of_flow(self._run_id)
