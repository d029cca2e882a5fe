"""Two weeks of days and nights, on a clock that is told the time, drawn from a seed.

By day people hand files in, good and bad and twice, withdraw, roll back, release and
order experiments; at midnight the nightly run is started as the cron would. Calls are
struck, nights are killed, the services start anew each morning and each evening. For
three nights nobody is there to start one; then the late runs come all at once. In the
middle the clocks of the time zone are put back, and later a version takes over that
cannot read the models of the one before.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from tests.faults.gate import guarded
from tests.faults.strikes import Kind, Strike
from tests.faults.world import Clock, World, broken_promises
from tests.scheduling import FakeScheduler
from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.entities import (
    ColumnMapping,
    Experiment,
    Upload,
    UploadStatus,
)
from tripadvance_core.errors import TripAdvanceError
from tripadvance_core.learning import model as learned
from tripadvance_core.services.night import NightOrder, NightResult, NightState
from tripadvance_core.services.scheduler import Scheduler
from tripadvance_core.storage.objects import store_apart

ZONE = ZoneInfo("America/New_York")
FIRST_DAY = date(2026, 10, 25)
"""A week before its clocks are put back."""
DAYS = 14
NOBODY_THERE = range(4, 7)
UPGRADED_ON = 9
STRUCK = 0.3
MOST_STRIKES = 2
LEASE_SECONDS = 60.0
CALLS_OF_A_NIGHT, CALLS_OF_A_DEED = 150, 20
MOST_PARTITIONS = 30
TOO_LATE = {NightState.EARLIER_NIGHT, NightState.OUTSIDE_WINDOW}


@dataclass
class Day:
    """What one day and its night did, and what is stored after them."""

    number: int
    uploads: int = 0
    partitions: int = 0
    faults: int = 0
    master: int = 0
    stored: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


class Fortnight:
    """The installation, the people and the nights of one seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secrets
        self._world = World(
            folder,
            Clock(_at(0, time(8))),
            settings={"time_zone": ZONE.key, "lease_seconds": LEASE_SECONDS},
        )
        self._files = 0

    def days(self) -> Iterator[Day]:
        """Live one day after the other; each ends after its night."""
        for number in range(DAYS):
            day = Day(number)
            if number == UPGRADED_ON:
                self._upgrade()
            self._be_late(day)
            self._by_day(day)
            if number not in NOBODY_THERE:
                self._at_night(day)
            services = self._started()
            day.broken += self._broken(services)
            master = services.registry.master()
            day.master = master.number if master else 0
            day.stored = _stored(self._world.folder)
            yield day
        self._world.close()

    def _started(self) -> Services:
        self._world.close()
        return self._world.open()

    def _set(self, day: int, at: time) -> None:
        self._world.clock.now = max(self._world.clock.now, _at(day, at))

    # By day

    def _by_day(self, day: Day) -> None:
        self._set(day.number, time(9))
        services = self._started()
        for _ in range(self._random.randint(1, 4)):
            self._hand_in(services, day)
        deed = self._random.choice(
            [self._withdraw, self._roll_back, self._experiment, self._release]
        )
        self._attempt(day, lambda: deed(services))
        day.broken += [str(v) for v in services.invariants.violations()]

    def _hand_in(self, services: Services, day: Day) -> None:
        if self._random.random() < 0.2:
            services.uploads.ingest(
                b"nothing %d" % day.number, "n.csv", ColumnMapping(), owner="bia"
            )
            return
        if self._random.random() >= 0.2 or not self._files:
            self._files += 1
        rows, seed = 60 + 20 * (self._files % 7), self._files
        self._attempt(day, lambda: self._world.ingest_again(services, rows, seed))
        self._world.ingest_again(services, rows, seed)
        day.uploads += 1

    def _withdraw(self, services: Services) -> None:
        upload = self._one(services, UploadStatus.TRAINED)
        if upload is not None:
            services.uploads.withdraw(upload.id, by="ana", reason="drawn by lot")

    def _release(self, services: Services) -> None:
        upload = self._one(services, UploadStatus.HELD)
        if upload is not None:
            services.uploads.release(upload.id, by="ana", reason="drawn by lot")

    def _roll_back(self, services: Services) -> None:
        services.registry.rollback(reason="drawn by lot", by="ana")

    def _experiment(self, services: Services) -> None:
        upload = self._one(services, UploadStatus.TRAINED)
        if upload is None:
            return
        run = services.experiments.start(
            cast(Scheduler, FakeScheduler()), [upload.id], {}, Experiment(by="bia")
        )
        self._partition(services, ordered=run.id)

    def _one(self, services: Services, status: UploadStatus) -> Upload | None:
        found = services.uploads.page(1, status).items
        return self._random.choice(found) if found else None

    # At night

    def _at_night(self, day: Day) -> None:
        midnight = _at(day.number + 1, time(0))
        self._world.clock.now = midnight
        strikes = 0
        for _ in range(MOST_PARTITIONS):
            if strikes < MOST_STRIKES and self._random.random() < STRUCK:
                strikes += 1
                result = self._struck(day, midnight)
            else:
                result = self._partition(self._started(), scheduled_for=midnight)
            if result is None:
                self._world.clock.advance(LEASE_SECONDS + 1)
            elif result.trained:
                day.partitions += 1
            else:
                break
        else:
            day.broken.append("the night has no end")

    def _struck(self, day: Day, midnight: datetime) -> NightResult | None:
        """Run a partition that is struck once; None where it came to no end."""
        day.faults += 1
        kind = self._random.choice([Kind.FAILED, Kind.LOST_REPLY, Kind.KILLED])
        at = self._random.randint(1, CALLS_OF_A_NIGHT)

        def run() -> NightResult:
            with guarded(Strike(kind, at, lambda: None)):
                return self._partition(self._started(), scheduled_for=midnight)

        if kind is Kind.KILLED:
            self._world.close()
            _in_child(run)
            return None
        try:
            return run()
        except TripAdvanceError:
            return None

    def _be_late(self, day: Day) -> None:
        """Let the runs of the nights when nobody was there come late, as they do."""
        if day.number != NOBODY_THERE.stop:
            return
        self._set(day.number, time(8, 30))
        for missed in NOBODY_THERE:
            midnight = _at(missed + 1, time(0))
            state = self._partition(self._started(), scheduled_for=midnight).state
            if state not in TOO_LATE:
                day.broken.append(f"a run of {midnight} came late and ended {state}")

    def _partition(self, services: Services, **order: Any) -> NightResult:
        return services.night.run_partition(
            NightOrder(holder="fortnight", **order), services.training
        )

    # Around them

    def _attempt(self, day: Day, deed: Callable[[], None]) -> None:
        """Do something that may be struck, or that may be refused."""
        guard = Strike(Kind.FAILED, 0, lambda: None)
        if self._random.random() < STRUCK:
            day.faults += 1
            kind = self._random.choice([Kind.FAILED, Kind.LOST_REPLY])
            at = self._random.randint(1, CALLS_OF_A_DEED)
            guard = Strike(kind, at, lambda: None)
        try:
            with guarded(guard):
                deed()
        except TripAdvanceError:
            self._world.clock.advance(LEASE_SECONDS + 1)

    def _broken(self, services: Services) -> list[str]:
        if services.claims.unfinished() is not None:  # the next night goes on with it
            return [str(v) for v in services.invariants.violations()]
        return broken_promises(self._world, services)

    def _upgrade(self) -> None:
        """Have all models be those of a version that stored them in another form."""
        services = self._started()
        former = f'"format":{learned.FORMAT - 1}'.encode()
        for model in services.registry.versions():
            files = []
            for file in model.files:
                if file.name == "model.json":
                    content = services.objects.get(file.key)
                    aged = content.replace(
                        f'"format":{learned.FORMAT}'.encode(), former
                    )
                    folder = f"models/{model.id}/former"
                    file = store_apart(services.objects, folder, file.name, aged)
                files.append(file.model_dump(mode="json"))
            services.database.update("models", {"_id": model.id}, {"files": files})


def _at(day: int, at: time) -> datetime:
    local = datetime.combine(FIRST_DAY + timedelta(days=day), at, ZONE)
    return local.astimezone(UTC)


def _in_child(work: Callable[[], object]) -> None:
    """Do something in a process that is killed; the caller must have no threads."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def _stored(folder: Path) -> dict[str, int]:
    """Return the bytes that are stored, by what they are."""
    sizes: dict[str, int] = {}
    for file in (folder / "objects").rglob("*"):
        if file.is_file():
            kind = file.relative_to(folder / "objects").parts[0]
            sizes[kind] = sizes.get(kind, 0) + file.stat().st_size
    database = folder.glob("tripadvance.db*")
    sizes["database"] = sum(file.stat().st_size for file in database)
    return sizes


def as_json(days: list[Day]) -> str:
    """Write days for programs, one line."""
    return json.dumps([vars(day) for day in days])
