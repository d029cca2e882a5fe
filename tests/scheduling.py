"""A scheduler for tests that need no Prefect."""

from tripadvance_core.errors import SchedulerDown


class FakeScheduler:
    """Remembers what it is asked to start, or does not answer."""

    def __init__(self, *, down: bool = False) -> None:
        self.started: list[str] = []
        self._down = down

    def start_ordered(self, run_id: str) -> str:
        if self._down:
            raise SchedulerDown("PREFECT_UNAVAILABLE")
        self.started.append(run_id)
        return f"flow run of {run_id}"
