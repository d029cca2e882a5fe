"""Prefect as the web app sees it: it starts runs, and it starts the nights."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from tripadvance_core.errors import SchedulerDown
from tripadvance_core.services.scheduler import Schedule

_LOG = logging.getLogger(__name__)


class PrefectScheduler:
    """The ``Scheduler`` on the Prefect server that the environment names.

    Prefect takes seconds to import, so the first that asks does that, not the process
    that starts.
    """

    def start_ordered(self, run_id: str) -> str:
        """Submit a run of the nightly deployment for what a person has ordered."""
        with _control() as control:
            return str(control.submit({"ordered": run_id}, tags=["ordered"]))

    def start_night(self, key: str) -> str:
        """Submit a run as the schedule does, once for each key."""
        with _control() as control:
            return str(control.submit({}, tags=["event"], idempotency_key=key))

    def schedule(self) -> Schedule | None:
        """Return the schedule of the nightly deployment."""
        with _control() as control:
            return control.schedule()  # type: ignore[no-any-return]

    def follow(self, schedule: Schedule) -> None:
        """Put the nightly deployment on another schedule."""
        with _control() as control:
            control.follow(schedule)


@contextmanager
def _control() -> Iterator[ModuleType]:
    try:
        with asking_prefect():
            from flows import control

            yield control
    except SchedulerDown as down:
        _LOG.error("Prefect did not do what was asked", exc_info=down.__cause__)
        raise


@contextmanager
def asking_prefect() -> Iterator[None]:
    """Say in one sentence that Prefect's server does not do what it is asked.

    Raises
    ------
    SchedulerDown
        ``PREFECT_UNAVAILABLE``; what went wrong is its cause.
    """
    from httpx import HTTPError
    from prefect.exceptions import ObjectNotFound

    try:
        yield
    except (HTTPError, ObjectNotFound) as error:
        raise SchedulerDown("PREFECT_UNAVAILABLE") from error
