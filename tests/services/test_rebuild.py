"""MASTER can be had without a file that was withdrawn after it was trained on."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.scheduling import FakeScheduler
from tripadvance_core.domain.entities import Rebuild, RunStatus
from tripadvance_core.errors import Conflict, NotFound, SchedulerDown
from tripadvance_core.services.claims import LEASE
from tripadvance_core.services.night import NightOrder, NightState
from tripadvance_core.storage.leases import acquire


def order(house: Any) -> Rebuild:
    ordered: Rebuild = house.services.registry.rebuild_of_master(
        reason="test fares slipped in", by="ana"
    )
    return ordered


def crown_the_last(house: Any) -> Any:
    """Make the newest model MASTER, whatever was decided on it."""
    registry = house.services.registry
    newest = registry.versions()[0]
    if not newest.MASTER:
        registry.promote(newest.id, reason="for the test", by="ana")
    return registry.master()


def test_rebuilt_model_takes_the_place_of_master(house: Any) -> None:
    registry = house.services.registry
    house.upload(rows=300)
    house.run()
    second = house.upload(rows=600)
    house.run()
    tainted = crown_the_last(house)
    house.services.uploads.withdraw(second.id, by="ana", reason="test fares")
    result = house.run(rebuild=order(house), ignore_window=True)
    assert result.state is NightState.PROMOTE
    master = registry.master()
    assert master.id == result.model.id != tainted.id
    assert second.id not in master.upload_ids
    assert (registry.pointer().by, registry.pointer().reason) == (
        "ana",
        "test fares slipped in",
    )
    with pytest.raises(Conflict, match="NOTHING_WITHDRAWN"):
        order(house)


def test_rebuild_leaves_what_waits_alone(house: Any) -> None:
    house.upload(rows=300)
    second = house.upload(rows=300)
    house.run()
    house.run()
    crown_the_last(house)
    house.services.uploads.withdraw(second.id, by="ana", reason="test fares")
    waiting = house.upload(rows=50)
    result = house.run(rebuild=order(house), ignore_window=True)
    assert waiting.id not in result.model.upload_ids
    assert [upload.id for upload in house.services.uploads.waiting()] == [waiting.id]


def test_unfinished_rebuild_is_taken_over_by_the_next_night(house: Any) -> None:
    services = house.services
    house.upload(rows=300)
    house.run()
    second = house.upload(rows=300)
    house.run()
    crown_the_last(house)
    services.uploads.withdraw(second.id, by="ana", reason="test fares")
    services.claims.claim("of a dead process", house.request(), order(house))
    result = house.run()
    assert result.run.rebuild is not None
    assert result.run.attempts == 2
    assert second.id not in services.registry.master().upload_ids


def test_master_without_withdrawn_files_is_not_rebuilt(house: Any) -> None:
    with pytest.raises(NotFound, match="NO_MASTER"):
        order(house)
    house.upload(rows=300)
    house.run()
    with pytest.raises(Conflict, match="NOTHING_WITHDRAWN"):
        order(house)


def test_master_of_withdrawn_files_alone_cannot_be_rebuilt(house: Any) -> None:
    upload = house.upload(rows=300)
    house.run()
    house.services.uploads.withdraw(upload.id, by="ana", reason="test fares")
    with pytest.raises(Conflict, match="NOTHING_LEFT"):
        order(house)


def test_file_withdrawn_while_a_model_learns_from_it_is_marked(house: Any) -> None:
    services = house.services
    first = house.upload(rows=300)
    house.run()
    house.upload(rows=300)
    run = services.claims.claim("a token", house.request())

    def withdrawn_meanwhile(done: int, _of: int) -> None:
        if done == 1:
            services.uploads.withdraw(first.id, by="ana", reason="test fares")

    services.training.preprocess(run.id, "a token")
    services.training.train(run.id, "a token", on_round=withdrawn_meanwhile)
    services.training.save(run.id, "a token")
    newest = services.registry.versions()[0]
    assert newest.run_id == run.id
    assert newest.withdrawn_upload_ids == (first.id,)


def test_ordered_rebuild_waits_behind_an_unfinished_run(house: Any) -> None:
    services = house.services
    house.upload(rows=300)
    house.run()
    second = house.upload(rows=300)
    house.run()
    crown_the_last(house)
    services.uploads.withdraw(second.id, by="ana", reason="test fares")
    ordered = order(house)
    house.upload(rows=300)
    services.claims.claim("of a dead process", house.request())
    finished = house.run(rebuild=ordered, ignore_window=True)
    assert finished.run.rebuild is None
    assert finished.more
    rebuilt = house.run(rebuild=ordered, ignore_window=True)
    assert rebuilt.run.rebuild == ordered
    assert not rebuilt.more


@pytest.fixture
def tainted(open_house: Callable[..., Any]) -> Any:
    """Give services whose MASTER has learned from a file that was withdrawn."""
    house = open_house(lease_seconds=1)
    house.upload(rows=300)
    house.run()
    second = house.upload(rows=300)
    house.run()
    crown_the_last(house)
    house.services.uploads.withdraw(second.id, by="ana", reason="test fares")
    return house


def ordered_now(house: Any, scheduler: Any) -> Any:
    return house.services.rebuilds.start(scheduler, reason="slipped in", by="ana")


def carry_out(house: Any, run: Any) -> Any:
    return house.services.night.run_partition(
        NightOrder(holder="test", ordered=run.id), house.services.training
    )


def test_rebuild_that_is_ordered_begins_at_any_hour_and_alone(tainted: Any) -> None:
    registry = tainted.services.registry
    former = registry.master()
    waiting = tainted.upload(rows=50)
    scheduler = FakeScheduler()
    run = ordered_now(tainted, scheduler)
    assert scheduler.started == [run.id]
    tainted.clock.set_local(12)
    result = carry_out(tainted, run)
    assert (result.state, result.more) == (NightState.PROMOTE, False)
    assert result.run.number > 0
    assert registry.pointer().by == "ana"
    assert set(former.withdrawn_upload_ids).isdisjoint(registry.master().upload_ids)
    assert [upload.id for upload in tainted.services.uploads.waiting()] == [waiting.id]


def test_one_rebuild_is_ordered_at_a_time(tainted: Any) -> None:
    run = ordered_now(tainted, FakeScheduler())
    with pytest.raises(Conflict, match="REBUILD_ORDERED"):
        ordered_now(tainted, FakeScheduler())
    tainted.services.claims.stop(run.id, by="ana")
    assert ordered_now(tainted, FakeScheduler()).id != run.id


def test_rebuild_that_nobody_can_start_is_not_ordered(tainted: Any) -> None:
    before = tainted.services.training.runs()
    with pytest.raises(SchedulerDown):
        ordered_now(tainted, FakeScheduler(down=True))
    assert tainted.services.training.runs() == before


def test_ordered_rebuild_that_is_turned_away_ends(tainted: Any) -> None:
    services = tainted.services
    run = ordered_now(tainted, FakeScheduler())
    held = acquire(services.database, LEASE, "another", services.clock(), 3600)
    assert held is not None
    assert carry_out(tainted, run).state is NightState.ALREADY_TRAINING
    assert services.training.run(run.id).status is RunStatus.FAILED


def test_ordered_rebuild_of_a_dead_process_is_finished_at_night(tainted: Any) -> None:
    services = tainted.services
    run = ordered_now(tainted, FakeScheduler())
    assert services.claims.begin(run.id, "of a dead process", tainted.request())
    result = tainted.run()
    assert (result.run.id, result.run.attempts) == (run.id, 2)
    assert result.state is NightState.PROMOTE
