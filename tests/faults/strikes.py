"""Failing at call 1, 2, 3, … until a run ends clean, as SQLite tests itself.

One strike hits one call of one work. Then whoever does it sees an error, or is dead;
the installation is started again, people and nights do what they do, and everything
must be as if nothing had happened.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count, islice
from pathlib import Path
from typing import Any, Never

from tests.faults.gate import Call, guarded, unguarded
from tests.faults.works import Work, hand_in_refused
from tests.faults.world import LEASE_SECONDS, World, broken_promises, orphans, told
from tripadvance_core.errors import FileRefused, TripAdvanceError, Unavailable


class Kind(StrEnum):
    """How a call is struck."""

    FAILED = "failed"
    """Nothing is done, and it raises."""
    LOST_REPLY = "reply lost"
    """It is done, and raises."""
    OVERTAKEN = "overtaken"
    """The caller stands still past its lease, while another does all the work."""
    KILLED = "killed"
    """The process is killed by SIGKILL before the call."""


@dataclass
class Strike:
    """A guard that strikes call number ``at``, counted from 1; 0 strikes none."""

    kind: Kind
    at: int
    overtake: Callable[[], None]
    calls: int = 0
    where: str = ""

    def __call__(self, called: str, call: Call) -> Any:
        self.calls += 1
        if self.calls != self.at:
            return call()
        self.where = called
        match self.kind:
            case Kind.FAILED:
                raise _error_at(called)
            case Kind.LOST_REPLY:
                call()
                raise _error_at(called)
            case Kind.OVERTAKEN:
                with unguarded():
                    self.overtake()
                return call()
            case Kind.KILLED:
                _die()


def _error_at(called: str) -> TripAdvanceError:
    if called.startswith("confined."):
        return FileRefused("FILE_STOPS_READER")
    code = f"{called.partition('.')[0].upper()}_UNAVAILABLE"
    return Unavailable(code, address="here", problem="struck")


def _die() -> Never:
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit  # not reached


@dataclass
class Outcome:
    """What one strike did, and what it broke."""

    work: str
    kind: Kind
    at: int
    where: str
    error: str | None
    broken: list[str]
    orphans: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """Whether there was a call of that number."""
        return bool(self.where)

    def __str__(self) -> str:
        broken = "; ".join(self.broken) or "nothing broken"
        return f"{self.work}, call {self.at} {self.kind} ({self.where}): {broken}"


def prepared(work: Work, folder: Path) -> World:
    """Return the state from which a work starts, closed."""
    world = World(folder)
    work.prepare(world, world.open())
    world.close()
    return world


def strikes(
    work: Work,
    kinds: Iterable[Kind],
    folder: Path,
    *,
    first: int = 1,
    every: int = 1,
    most: int | None = None,
) -> Iterator[Outcome]:
    """Strike every so manieth call of a work until it ends without being struck.

    ``most`` bounds how often each kind strikes.
    """
    base = prepared(work, folder / "base")
    expected = strike(base, work, Kind.FAILED, 0, folder / "0").told
    for kind in kinds:
        for at in islice(count(first, every), most):
            outcome = strike(base, work, kind, at, folder / f"{kind.name}-{at}")
            if not outcome.reached:
                break
            outcome.broken += differences(expected, outcome.told)
            yield outcome


def strike(base: World, work: Work, kind: Kind, at: int, folder: Path) -> Outcome:
    """Strike one call on a copy of a world, and let everybody go on."""
    world = base.copied_to(folder)
    do = _do_in_child if kind is Kind.KILLED else _do
    outcome = do(world, work, kind, at)
    world.close()
    try:
        services = world.open()
        if outcome.error is not None:
            work.again(world, services)
        world.nights(services)
        if hand_in_refused(world, services):
            world.nights(services)
        outcome.broken += broken_promises(world, services)
        outcome.orphans = orphans(services)
        outcome.told = told(services)
    except Exception as error:  # noqa: BLE001 - told with the strike that led to it
        outcome.broken.append(f"afterwards: {type(error).__name__}: {error}")
    world.close()
    shutil.rmtree(folder)
    return outcome


def _do(world: World, work: Work, kind: Kind, at: int) -> Outcome:
    guard = Strike(kind, at, lambda: _overtake(world, work))
    error, broken = None, []
    try:
        with guarded(guard):
            work.do(world, world.open())
    except TripAdvanceError as refused:
        error = refused.code
    except Exception as bare:  # noqa: BLE001 - only coded errors are for people
        error = type(bare).__name__
        broken.append(f"raised {type(bare).__name__}: {bare}")
    return Outcome(work.name, kind, at, guard.where, error, broken)


def _do_in_child(world: World, work: Work, kind: Kind, at: int) -> Outcome:
    """Do the work in a process that is killed; OpenMP must have one thread alone."""
    found, told_by_child = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            outcome = _do(world, work, kind, at)
            os.write(told_by_child, (outcome.error or "done").encode())
        finally:
            os._exit(0)
    os.close(told_by_child)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(found) as pipe:
        answer = pipe.read()
    if os.WIFSIGNALED(status):
        return Outcome(work.name, kind, at, "killed", "KILLED", [])
    broken = [] if answer == "done" else [f"child raised {answer or 'something'}"]
    return Outcome(work.name, kind, at, "", None, broken)


def _overtake(world: World, work: Work) -> None:
    """Let another process do the work and all that waits, past the first one's lease."""
    world.clock.advance(LEASE_SECONDS + 1)
    other = World(world.folder, world.clock, world.acknowledged, world.settings)
    services = other.open()
    work.again(other, services)
    other.nights(services)
    other.close()


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Return what came out otherwise than without a fault."""
    return [
        f"{name} is {found[name]!r}, not {expected[name]!r}"
        for name in expected
        if name in found and found[name] != expected[name]
    ]
