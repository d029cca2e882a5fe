import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tripadvance_core.domain.times import to_text
from tripadvance_core.errors import Unavailable
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.leases import acquire, kept_alive, release, renew

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JUST_BEFORE_THE_END = NOW + timedelta(seconds=59.999)
END = NOW + timedelta(seconds=60)


def test_lease_has_one_holder_until_it_runs_out(database: Database) -> None:
    assert acquire(database, "training", "first", NOW, 60)
    assert acquire(database, "training", "second", JUST_BEFORE_THE_END, 60) is None
    assert acquire(database, "training", "second", END, 60)


def test_leases_of_two_names_are_two(database: Database) -> None:
    assert acquire(database, "training", "first", NOW, 60)
    assert acquire(database, "cleaning", "second", NOW, 60)


def test_lease_is_free_once_released(database: Database) -> None:
    lease = acquire(database, "training", "first", NOW, 60)
    assert lease is not None
    release(database, lease)
    assert acquire(database, "training", "second", NOW, 60)


def test_every_hold_has_a_token_of_its_own(database: Database) -> None:
    first = acquire(database, "training", "same", NOW, 60)
    second = acquire(database, "training", "same", END, 60)
    assert first is not None
    assert second is not None
    assert first.token != second.token


def test_renewed_lease_lasts_its_full_time_again(database: Database) -> None:
    lease = acquire(database, "training", "first", NOW, 60)
    assert lease is not None
    assert renew(database, lease, JUST_BEFORE_THE_END)
    assert acquire(database, "training", "second", END, 60) is None
    later = JUST_BEFORE_THE_END + timedelta(seconds=60)
    assert acquire(database, "training", "second", later, 60)


def test_former_holder_can_neither_renew_nor_release(database: Database) -> None:
    former = acquire(database, "training", "first", NOW, 60)
    assert former is not None
    assert acquire(database, "training", "second", END, 60)
    assert not renew(database, former, END)
    release(database, former)
    assert acquire(database, "training", "third", END, 60) is None


def take_at_once(database: Database, now: datetime) -> int:
    """Let 16 reach for one lease together; return how many got it."""
    together = threading.Barrier(16)

    def take(worker: int) -> bool:
        together.wait()
        return acquire(database, "training", str(worker), now, 60) is not None

    with ThreadPoolExecutor(16) as pool:
        return sum(pool.map(take, range(16)))


def test_one_of_many_takes_a_lease_that_was_never_taken(database: Database) -> None:
    assert take_at_once(database, NOW) == 1


@pytest.mark.usefixtures("beyond_ferretdb")
def test_one_of_many_takes_a_lease_that_ran_out(database: Database) -> None:
    acquire(database, "training", "dead", NOW, 60)
    assert take_at_once(database, END) == 1


class Renewals:
    """A clock that is asked at each renewal, and tells when it was."""

    def __init__(self, *, moment: datetime) -> None:
        self._moment = moment
        self._asked = threading.Semaphore(0)

    def __call__(self) -> datetime:
        self._asked.release()
        return self._moment

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self._asked.acquire(timeout=30)


def test_lease_is_renewed_for_as_long_as_the_work_goes_on(database: Database) -> None:
    lease = acquire(database, "training", "first", NOW, 0.04)
    assert lease is not None
    renewals = Renewals(moment=END)
    with kept_alive(database, lease, renewals):
        renewals.wait_for(2)  # so that the first is done
    until = to_text(END + timedelta(seconds=0.04))
    held = {"_id": "training", "token": lease.token, "expires_at": until}
    assert database.count("leases", held) == 1


def test_renewing_ends_with_the_work(database: Database) -> None:
    lease = acquire(database, "training", "first", NOW, 0.04)
    assert lease is not None
    before = threading.active_count()
    with pytest.raises(RuntimeError), kept_alive(database, lease, lambda: NOW):
        raise RuntimeError
    assert threading.active_count() <= before


def test_lease_that_was_taken_over_is_left_alone(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    lease = acquire(database, "training", "first", NOW, 0.04)
    assert acquire(database, "training", "second", END, 60)
    assert lease is not None
    with kept_alive(database, lease, lambda: END):
        wait_until(lambda: "taken over" in caplog.text)
    assert database.count("leases", {"holder": "second"}) == 1


def test_silent_database_is_asked_again(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lease = acquire(database, "training", "first", NOW, 0.04)
    assert lease is not None
    update, asked = database.update, threading.Event()

    def fail_once(*args: object) -> int:
        if not asked.is_set():
            asked.set()
            raise Unavailable("DATABASE_UNAVAILABLE", address="x", problem="silent")
        return update(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "update", fail_once)
    until = to_text(END + timedelta(seconds=0.04))
    with kept_alive(database, lease, lambda: END):
        wait_until(lambda: database.count("leases", {"expires_at": until}) == 1)
    assert "was not renewed" in caplog.text


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens; the test's own time limit bounds it."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.01)
