"""Runs that are under way, stopped, and past."""

from typing import Any

import pytest

from tests.scheduling import FakeScheduler
from tripadvance_core.domain.entities import Experiment, RunStatus, UploadStatus
from tripadvance_core.errors import Conflict, NotFound
from tripadvance_core.services import progress
from tripadvance_core.services.claims import LEASE, PartitionRequest
from tripadvance_core.services.night import NightOrder, NightState
from tripadvance_core.storage.leases import acquire


def statuses(house: Any) -> list[UploadStatus]:
    return [upload.status for upload in house.services.uploads.all()]


def ordered(house: Any) -> Any:
    return house.services.experiments.start(
        FakeScheduler(), [house.upload().id], {}, Experiment(by="bia")
    )


def stop_in_training(house: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stop whatever trains at its first round; return what was seen then."""
    seen: list[Any] = []
    record = progress.RoundsRecorder.__call__

    def record_and_stop(self: Any, done: int, of: int) -> None:
        record(self, done, of)
        if not seen:
            seen.extend(house.services.runs.under_way())
            house.services.claims.stop(seen[0].run.id, by="ana")

    monkeypatch.setattr(progress, "RECORD_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(progress.RoundsRecorder, "__call__", record_and_stop)
    return seen


def test_run_under_way_tells_its_step_and_its_rounds(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    seen = stop_in_training(house, monkeypatch)
    house.run()
    (told,) = seen
    assert told.alive
    assert told.moves
    assert told.may_stop
    assert list(told.run.steps) == ["preprocess"]
    under_way = told.run.under_way
    assert (under_way.name, under_way.rounds_done) == ("train", 1)
    assert under_way.rounds > 1


def test_stopped_night_puts_its_files_back_and_ends_the_chain(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    stop_in_training(house, monkeypatch)
    result = house.run()
    assert (result.state, result.more) == (NightState.STOPPED_BY_HAND, False)
    assert (result.run.status, result.run.stopped_by) == (RunStatus.STOPPED, "ana")
    assert statuses(house) == [UploadStatus.PENDING]
    assert house.services.registry.versions() == []
    monkeypatch.undo()
    again = house.run()
    assert again.trained
    assert again.run.stopped_by is None


def test_stopped_experiment_makes_no_model(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ordered(house)
    stop_in_training(house, monkeypatch)
    order = NightOrder(holder="test", ordered=run.id)
    result = house.services.night.run_partition(order, house.services.training)
    assert result.state is NightState.STOPPED_BY_HAND
    assert house.services.registry.versions() == []


def test_order_that_is_stopped_before_it_begins_never_does(house: Any) -> None:
    run = ordered(house)
    (waiting,) = house.services.runs.under_way()
    assert (waiting.waits, waiting.moves, waiting.alive) == (True, True, False)
    stopped = house.services.claims.stop(run.id, by="ana")
    assert stopped.status is RunStatus.STOPPED
    order = NightOrder(holder="test", ordered=run.id)
    result = house.services.night.run_partition(order, house.services.training)
    assert result.state is NightState.STOPPED_BY_HAND
    assert house.services.runs.under_way() == []


def test_run_of_a_dead_process_is_stopped_at_once(house: Any) -> None:
    house.upload()
    run = house.services.claims.claim("of a dead process", PartitionRequest())
    (left,) = house.services.runs.under_way()
    assert not left.moves
    stopped = house.services.claims.stop(run.id, by="ana")
    assert stopped.status is RunStatus.STOPPED
    assert statuses(house) == [UploadStatus.PENDING]


def test_run_whose_lease_is_held_is_alive(house: Any) -> None:
    house.upload()
    services = house.services
    lease = acquire(services.database, LEASE, "test", house.clock(), 60)
    run = services.claims.claim(lease.token, PartitionRequest())
    assert services.claims.is_alive(run)
    services.claims.stop(run.id, by="ana")
    assert services.training.run(run.id).status is RunStatus.OPEN


def test_run_that_has_ended_is_not_stopped(house: Any) -> None:
    house.upload()
    run = house.run().run
    with pytest.raises(Conflict):
        house.services.claims.stop(run.id, by="ana")
    assert house.services.training.run(run.id) == run


def test_failure_of_a_night_is_written_down_until_it_is_taken_over(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    with monkeypatch.context() as patch:
        patch.setattr(house.services.training, "save", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            house.run()
    left = house.services.claims.unfinished()
    assert (left.status, left.failure) == (RunStatus.OPEN, "RUN_BROKEN")
    assert house.run().run.failure is None


def test_past_runs_are_paged_newest_first(open_house: Any) -> None:
    house = open_house(min_partition_bytes=1)
    for _ in range(3):
        house.upload(rows=60)
    house.run_until_done()
    ordered(house)
    runs = house.services.runs
    first, last = runs.page(1, 2), runs.page(2, 2)
    assert [told.run.number for told in first.items] == [3, 2]
    assert [told.run.number for told in last.items] == [1]
    assert (first.last, runs.page(99, 2)) == (2, last)
    assert first.items[0].model.number == 3
    assert [upload.name for upload in runs.report(3).uploads] == ["fares-3.csv"]


def test_report_of_an_unknown_run_is_not_found(house: Any) -> None:
    ordered(house)
    for number in (0, 1):
        with pytest.raises(NotFound):
            house.services.runs.report(number)
