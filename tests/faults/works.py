"""What people and nights do, each from a state of its own, struck at any call."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from tests.faults.world import World
from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.entities import Experiment, RunStatus
from tripadvance_core.errors import Conflict
from tripadvance_core.services.scheduler import Scheduler
from tripadvance_core.storage.repository import Repositories

Act = Callable[[World, Services], None]


@dataclass(frozen=True)
class Work:
    """Something that is struck.

    ``again`` is what whoever did it does once more after an error: people see one.
    Nights come back by themselves.
    """

    name: str
    prepare: Act
    do: Act
    again: Act


FIRST, SECOND, THIRD, NEW = (120, 1), (300, 2), (200, 3), (150, 4)
"""Files: rows and seed."""
FILES = {f"fares-{file[1]}.csv": file for file in (FIRST, SECOND, THIRD, NEW)}


class _ForTheFlow:
    """Stands for Prefect, which would start an experiment; here the work does."""

    def start_ordered(self, run_id: str) -> str:
        return f"flow run of {run_id}"


def _trained(world: World, services: Services, *files: tuple[int, int]) -> None:
    for file in files:
        world.ingest(services, *file)
        world.night(services)


def _nothing(_world: World, _services: Services) -> None:
    """Leave it to the next night."""


def _run_night(world: World, services: Services) -> None:
    world.night(services)


# An upload, beside a MASTER whose history it is compared with.
def _one_master(world: World, services: Services) -> None:
    _trained(world, services, FIRST)


def _upload(world: World, services: Services) -> None:
    world.ingest(services, *NEW)


def _upload_again(world: World, services: Services) -> None:
    world.ingest_again(services, *NEW)


# The first night of all, and one with a MASTER and its predecessor in shadow.
def _one_file(world: World, services: Services) -> None:
    world.ingest(services, *FIRST)


def _two_masters_and_a_file(world: World, services: Services) -> None:
    _trained(world, services, FIRST, SECOND)
    world.ingest(services, *THIRD)


# Switches by hand.
def _two_masters(world: World, services: Services) -> None:
    _trained(world, services, FIRST, SECOND)


def _promote_first(world: World, services: Services) -> None:
    services.registry.promote("v1", reason="by hand", by="ana")


def _promote_first_again(world: World, services: Services) -> None:
    with suppress(Conflict):  # it reigns already
        _promote_first(world, services)


def _roll_back(world: World, services: Services) -> None:
    # As the page does: with the version of the pointer that the person has seen.
    services.registry.rollback(reason="by hand", by="ana", seen=2)


def _roll_back_again(world: World, services: Services) -> None:
    with suppress(Conflict):  # it has been done
        _roll_back(world, services)


# A file that MASTER has learned from is withdrawn, and MASTER made without it.
def _withdraw_second(world: World, services: Services) -> None:
    (second,) = (u for u in services.uploads.all() if u.name == "fares-2.csv")
    services.uploads.withdraw(second.id, by="ana", reason="test fares")


def _withdraw_second_again(world: World, services: Services) -> None:
    with suppress(Conflict):
        _withdraw_second(world, services)


def _withdrawn(world: World, services: Services) -> None:
    _trained(world, services, FIRST, SECOND)
    _withdraw_second(world, services)


def _rebuild(world: World, services: Services) -> None:
    order = services.registry.rebuild_of_master(reason="test fares", by="ana")
    world.night(services, rebuild=order)


def _rebuild_again(world: World, services: Services) -> None:
    """Order it once more, where no night has taken the order over."""
    world.nights(services)
    with suppress(Conflict):  # nothing is withdrawn any more
        _rebuild(world, services)


# An experiment that may not become MASTER.
def _ordered(world: World, services: Services) -> None:
    _trained(world, services, FIRST, SECOND)
    services.experiments.start(
        cast(Scheduler, _ForTheFlow()),
        [upload.id for upload in services.uploads.all()],
        {"max_leaves": 8},
        Experiment(by="bia", note="a try", may_become_master=False),
    )


def _experiment(world: World, services: Services) -> None:
    (run,) = (run for run in services.training.runs() if run.experiment is not None)
    world.night(services, ordered=run.id)


def _experiment_again(world: World, services: Services) -> None:
    """Start a run that was killed once more, as the local runner does."""
    runs = Repositories(services.database).runs.select({"status": RunStatus.OPEN})
    if any(run.experiment is not None for run in runs):
        world.clock.advance(services.settings.lease_seconds + 1)
        _experiment(world, services)


WORKS = {
    work.name: work
    for work in (
        Work("upload", _one_master, _upload, _upload_again),
        Work("first night", _one_file, _run_night, _nothing),
        Work("night", _two_masters_and_a_file, _run_night, _nothing),
        Work("promotion", _two_masters, _promote_first, _promote_first_again),
        Work("rollback", _two_masters, _roll_back, _roll_back_again),
        Work("withdrawal", _two_masters, _withdraw_second, _withdraw_second_again),
        Work("rebuild", _withdrawn, _rebuild, _rebuild_again),
        Work("experiment", _ordered, _experiment, _experiment_again),
    )
}


def hand_in_refused(world: World, services: Services) -> bool:
    """Hand in again what was refused only because its reader was killed."""
    refused = [u for u in services.uploads.all() if u.reason == "FILE_STOPS_READER"]
    for upload in refused:
        world.ingest_again(services, *FILES[upload.name])
    return bool(refused)
