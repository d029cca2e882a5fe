"""Runners and people beside each other, in a schedule that a seed gives again exactly.

One thread an actor, and one baton: an actor runs until its next call of the database
or the object store, and there the seed decides who goes on, what fails, who is killed,
and who stands still while its lease runs out. So says FoundationDB's way of testing.
"""

import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Semaphore, Thread
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from tests.faults.gate import Call, guarded, unguarded
from tests.faults.world import World, broken_promises
from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.entities import UploadStatus
from tripadvance_core.domain.times import Clock
from tripadvance_core.errors import TripAdvanceError, Unavailable
from tripadvance_core.services import night, progress, sweeper
from tripadvance_core.services.night import NightState
from tripadvance_core.storage import leases
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.leases import Lease, renew

RUNNERS, PEOPLE, UPLOADS, CHANGES = 2, 2, 2, 2
LEASE_SECONDS = 30.0
FAIL, LOSE_REPLY, KILL, STAND_STILL = 0.003, 0.003, 0.003, 0.003
"""How likely each fault is at one call."""
MOST_CALLS_ASIDE = 150
"""Most calls of the others while one stands still."""
MOST_CALLS_BETWEEN = 300
"""Most calls of the others between two deeds of a person."""
MOST_LIVES = 12
MOST_NIGHTS = 30
LOOK_EVERY = 40
"""Calls between two looks at the invariants."""


Deed = Callable[[World, Services, random.Random], None]


class Killed(BaseException):
    """The process is gone: nothing that it would still do has any effect."""


@dataclass
class Schedule:
    """What was played, and what it broke."""

    seed: int
    trace: list[str] = field(default_factory=list)
    faults: int = 0
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"seed {self.seed}: {'; '.join(self.broken) or 'nothing broken'}"


@dataclass
class Actor:
    """A process, or a person at one; it begins anew after it was killed."""

    name: str
    life: Callable[["Actor"], None]
    baton: Semaphore = field(default_factory=lambda: Semaphore(0))
    dead: bool = False
    ended: bool = False
    aside: int = 0
    leases: list[tuple[Database, Lease]] = field(default_factory=list)


def play(seed: int, folder: Path) -> Schedule:
    """Play the schedule of a seed in a folder; the caller has put the gates up."""
    stage = _Stage(seed, folder)
    with stage.set_up():
        stage.play()
        stage.finish()
    return stage.schedule


class _Stage:
    def __init__(self, seed: int, folder: Path) -> None:
        self.schedule = Schedule(seed)
        self._random = random.Random(seed)  # noqa: S311 - no secrets
        self._world = World(folder, settings={"lease_seconds": LEASE_SECONDS})
        self._main = Semaphore(0)
        self._actors = [
            *(Actor(f"runner {n}", self._nights) for n in range(RUNNERS)),
            *(Actor(f"person {n}", self._day_of(n)) for n in range(PEOPLE)),
        ]
        self._on_turn = self._actors[0]
        self._people_at_work = PEOPLE

    @contextmanager
    def set_up(self) -> Iterator[None]:
        """Let time, leases and secrets of the services be the schedule's own."""
        clock = self._world.clock
        time = SimpleNamespace(
            monotonic=lambda: clock.now.timestamp(), sleep=self._pass_time
        )
        drawn = random.Random(self.schedule.seed)  # noqa: S311 - no secrets
        hexadecimal = lambda size=16: drawn.randbytes(size).hex()  # noqa: E731
        with (
            patch.object(leases, "time", time),
            patch.object(progress, "time", time),
            patch.object(night, "kept_alive", self._kept_alive),
            patch.object(sweeper, "kept_alive", self._kept_alive),
            patch.object(secrets, "token_hex", hexadecimal),
        ):
            yield

    def play(self) -> None:
        self._observer = self._world.open()
        threads = [
            Thread(target=self._live, args=(actor,), daemon=True)
            for actor in self._actors
        ]
        for thread in threads:
            thread.start()
        calls = 0
        while living := [actor for actor in self._actors if not actor.ended]:
            for actor in living:
                actor.aside = max(0, actor.aside - 1)
            ready = [actor for actor in living if not actor.aside]
            actor = self._on_turn = self._random.choice(ready or living)
            actor.baton.release()
            self._main.acquire()
            calls += 1
            if calls % LOOK_EVERY == 0:
                self._look()
        for thread in threads:
            thread.join()

    def finish(self) -> None:
        """Start everything again, let the nights end their work, and look."""
        self._world.close()
        try:
            services = self._world.open()
            self._world.nights(services)
            self.schedule.broken += broken_promises(self._world, services)
        except Exception as error:  # noqa: BLE001 - told with the seed
            told = f"afterwards: {type(error).__name__}: {error}"
            self.schedule.broken.append(told)
        self._world.close()

    def _live(self, actor: Actor) -> None:
        """Live until the work is done, in as many lives as that takes."""
        actor.baton.acquire()
        for _ in range(MOST_LIVES):
            actor.dead = False
            try:
                with guarded(lambda called, call: self._meet(actor, called, call)):
                    actor.life(actor)
                break
            except Killed:
                actor.leases.clear()
            except TripAdvanceError as refused:  # while it started
                self._note(actor, f"ended by {refused.code}")
            except Exception as bare:  # noqa: BLE001 - only coded errors are for people
                told = f"{actor.name} raised {type(bare).__name__}: {bare}"
                self.schedule.broken.append(told)
        actor.ended = True
        self._main.release()

    def _meet(self, actor: Actor, called: str, call: Call) -> Any:
        """Give the baton back before a call; meet the call's fate when it returns."""
        if actor.dead:
            raise Killed
        self._main.release()
        actor.baton.acquire()
        fate = self._fate(called)
        self._note(actor, f"{called} {fate}".strip())
        match fate:
            case "killed":
                actor.dead = True
                raise Killed
            case "failed":
                raise _silent()
            case "reply lost":
                call()
                raise _silent()
            case "stands still":
                self._stand_still(actor)
                return self._meet(actor, called, call)
        return call()

    def _fate(self, called: str) -> str:
        if called.startswith("confined."):
            return ""
        drawn = self._random.random()
        for fate, likely in (
            ("failed", FAIL),
            ("reply lost", LOSE_REPLY),
            ("killed", KILL),
            ("stands still", STAND_STILL),
        ):
            if drawn < likely:
                self.schedule.faults += 1
                return fate
            drawn -= likely
        return ""

    def _stand_still(self, actor: Actor) -> None:
        actor.aside = self._random.randrange(1, MOST_CALLS_ASIDE)
        self._pass_time(LEASE_SECONDS + 1)

    def _pass_time(self, seconds: float) -> None:
        """Let the clock go on; whoever does not stand still renews its leases."""
        self._world.clock.advance(seconds)
        with unguarded():
            for actor in self._actors:
                if not actor.aside:
                    for database, lease in actor.leases:
                        renew(database, lease, self._world.clock.now)

    @contextmanager
    def _kept_alive(
        self, database: Database, lease: Lease, _clock: Clock
    ) -> Iterator[None]:
        actor = self._on_turn
        actor.leases.append((database, lease))
        try:
            yield
        finally:
            actor.leases.clear()

    def _nights(self, actor: Actor) -> None:
        """Run nights until people are done and nothing waits any more."""
        services = self._world.open()
        for _ in range(MOST_NIGHTS):
            try:
                state = self._world.night(services).state
            except TripAdvanceError as error:
                self._note(actor, f"night ended by {error.code}")
                continue
            self._note(actor, f"night ended: {state}")
            if state is NightState.NOT_ENOUGH and not self._people_at_work:
                return

    def _day_of(self, number: int) -> Callable[[Actor], None]:
        """Let a person do some things, each until it is answered."""
        drawn = random.Random(f"{self.schedule.seed} {number}")  # noqa: S311 - no secrets
        uploads = [(drawn.randrange(50, 120), 10 * number + n) for n in range(UPLOADS)]
        deeds: list[Deed] = [partial(_hand_in, file=file) for file in uploads]
        deeds += drawn.choices([_withdraw, _promote, _roll_back, _release], k=CHANGES)
        drawn.shuffle(deeds)

        def day(actor: Actor) -> None:
            services = self._world.open()
            while deeds:
                actor.aside = drawn.randrange(MOST_CALLS_BETWEEN)
                services.database.ping()
                try:
                    deeds[0](self._world, services, drawn)
                except Unavailable:
                    continue  # and try again
                except TripAdvanceError as refused:
                    self._note(actor, f"was told {refused.code}")
                deeds.pop(0)
            self._people_at_work -= 1

        return day

    def _note(self, actor: Actor, what: str) -> None:
        self.schedule.trace.append(f"{actor.name}: {what}")

    def _look(self) -> None:
        """Look at what must be so at every instant, and tell of each breach once."""
        for found in self._observer.invariants.violations():
            told = f"meanwhile {found.code} {found.problem} {found.ids}"
            if not found.mended_at_start and told not in self.schedule.broken:
                self.schedule.broken.append(told)


def _silent() -> Unavailable:
    return Unavailable("DATABASE_UNAVAILABLE", address="here", problem="struck")


def _hand_in(
    world: World, services: Services, _drawn: random.Random, file: tuple[int, int]
) -> None:
    world.ingest_again(services, *file)


def _withdraw(world: World, services: Services, drawn: random.Random) -> None:
    uploads = services.uploads.all()
    if uploads:
        upload = drawn.choice(uploads)
        services.uploads.withdraw(upload.id, by="ana", reason="test fares")


def _release(world: World, services: Services, drawn: random.Random) -> None:
    for upload in services.uploads.all():
        if upload.status is UploadStatus.HELD:
            services.uploads.release(upload.id, by="ana", reason="they are real")


def _promote(world: World, services: Services, drawn: random.Random) -> None:
    versions = services.registry.versions()
    if versions:
        name = drawn.choice(versions).id
        services.registry.promote(name, reason="by hand", by="ana")


def _roll_back(world: World, services: Services, drawn: random.Random) -> None:
    services.registry.rollback(reason="by hand", by="ana")
