"""What starts the runs, as far as the services and the web app need to know it."""

from typing import NamedTuple, Protocol

from tripadvance_core.domain.night_settings import NightSettings


class Schedule(NamedTuple):
    """When a night is started."""

    cron: str
    time_zone: str

    @classmethod
    def of(cls, settings: NightSettings) -> "Schedule":
        """Return the schedule that the settings of the nights ask for."""
        return cls(settings.cron, settings.time_zone)


class Scheduler(Protocol):
    """Starts runs away from the web process, and starts the nights by the clock.

    Every method raises ``SchedulerDown`` when it does not answer.
    """

    def start_ordered(self, run_id: str) -> str:
        """Have an ordered run begun soon; return the id of the flow run."""

    def schedule(self) -> Schedule | None:
        """Return the schedule that it follows now, None where it starts no nights."""

    def follow(self, schedule: Schedule) -> None:
        """Start the nights by another schedule from now on."""
