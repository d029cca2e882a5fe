"""A night, without Prefect: the window, the claims, the steps and the decision."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tripadvance_core.domain.entities import RunStatus, UploadStatus
from tripadvance_core.errors import LeaseLost
from tripadvance_core.services.claims import LEASE, PartitionRequest
from tripadvance_core.services.night import NightState
from tripadvance_core.services.report import NightReport
from tripadvance_core.storage.leases import acquire


def statuses(house: Any) -> list[UploadStatus]:
    return [upload.status for upload in house.services.uploads.all()]


def test_first_night_makes_a_master_that_beats_the_baseline(house: Any) -> None:
    house.upload(rows=600)
    result = house.run()
    assert result.state is NightState.PROMOTE
    assert result.model is not None
    assert result.model.MASTER
    assert house.services.registry.master().id == result.model.id
    better, worse = result.model.metrics, result.model.baseline_metrics
    assert better.mean_absolute_percentage_error < worse.mean_absolute_percentage_error


def test_one_minute_before_six_starts(house: Any) -> None:
    house.upload()
    house.clock.set_local(5, 59)
    assert house.run().trained


def test_six_does_not_start(house: Any) -> None:
    house.upload()
    house.clock.set_local(6)
    assert house.run().state is NightState.OUTSIDE_WINDOW
    assert statuses(house) == [UploadStatus.PENDING]


def test_run_scheduled_at_midnight_and_started_at_nine_trains_nothing(
    house: Any,
) -> None:
    house.upload()
    house.clock.set_local(0)
    scheduled_for = house.clock()
    house.clock.set_local(9)
    result = house.run(scheduled_for=scheduled_for)
    assert result.state is NightState.OUTSIDE_WINDOW
    assert statuses(house) == [UploadStatus.PENDING]


def test_manual_run_trains_at_any_hour(house: Any) -> None:
    house.upload()
    house.clock.set_local(15)
    assert house.run(ignore_window=True).trained


def test_two_crons_at_once_train_once(house: Any) -> None:
    house.upload()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: house.run(), range(2)))
    assert sorted(r.state for r in results) == [
        NightState.NOT_ENOUGH,
        NightState.PROMOTE,
    ]
    assert len(house.services.registry.versions()) == 1
    assert statuses(house) == [UploadStatus.TRAINED]


def test_run_does_nothing_while_another_is_alive(
    open_house: Callable[..., Any],
) -> None:
    house = open_house(lease_seconds=1)
    house.upload()
    services = house.services
    later = house.clock() + timedelta(hours=1)
    assert acquire(services.database, LEASE, "another", later, 60)
    assert house.run().state is NightState.ALREADY_TRAINING


def test_too_little_claims_nothing_and_says_what_is_missing(
    open_house: Callable[..., Any],
) -> None:
    house = open_house(min_partition_bytes=1_000_000)
    size = house.upload().size_bytes
    result = house.run()
    assert result.state is NightState.NOT_ENOUGH
    assert result.choice is not None
    assert result.choice.missing_bytes == 1_000_000 - size
    assert statuses(house) == [UploadStatus.PENDING]


def test_chain_trains_every_file_once_and_ends(
    open_house: Callable[..., Any],
) -> None:
    house = open_house(min_partition_bytes=1)
    uploads = [house.upload(rows=60) for _ in range(5)]
    results = house.run_until_done()
    assert [result.run.upload_ids for result in results] == [
        (upload.id,) for upload in uploads
    ]
    assert [result.run.number for result in results] == [1, 2, 3, 4, 5]
    assert set(statuses(house)) == {UploadStatus.TRAINED}
    masters = [v for v in house.services.registry.versions() if v.MASTER]
    assert len(masters) == 1


def test_every_model_trains_on_the_whole_history(
    open_house: Callable[..., Any],
) -> None:
    house = open_house(min_partition_bytes=1)
    house.upload(rows=100)
    house.upload(rows=100)
    first, second = house.run_until_done()
    for result, rows in ((first, 100), (second, 200)):
        trained = result.run.steps["train"]
        assert trained["training_rows"] + trained["holdout_rows"] == rows
    assert second.model.upload_ids == tuple(
        upload.id for upload in house.services.uploads.all()
    )


def test_window_that_closes_during_training_puts_the_files_back(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    house.clock.set_local(5, 0)
    original = house.services.training.preprocess

    def slow_preprocess(run_id: str, token: str) -> None:
        original(run_id, token)
        house.clock.set_local(5, 59)
        house.clock.now += timedelta(seconds=45)

    monkeypatch.setattr(house.services.training, "preprocess", slow_preprocess)
    assert house.run().state is NightState.WINDOW_CLOSED
    assert statuses(house) == [UploadStatus.PENDING]
    assert house.services.registry.versions() == []

    monkeypatch.undo()
    house.clock.now += timedelta(days=1, hours=-3)
    result = house.run()
    assert result.trained
    assert result.run.attempts == 1


@pytest.mark.parametrize("step", ["preprocess", "train", "save", "promote"])
def test_next_run_finishes_what_a_failed_step_left(
    house: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    house.upload()

    def fails(*_args: object, **_options: object) -> None:
        raise OSError("the disk is on fire")

    with monkeypatch.context() as patch:
        patch.setattr(house.services.training, step, fails)
        with pytest.raises(OSError, match="on fire"):
            house.run()
    result = house.run()
    assert result.state is NightState.PROMOTE
    assert result.run.status is RunStatus.DONE
    assert result.run.attempts == 2
    assert statuses(house) == [UploadStatus.TRAINED]
    assert len(house.services.registry.versions()) == 1


def test_resumed_run_does_not_repeat_a_finished_step(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()

    def fails(*_args: object) -> None:
        raise OSError("the disk is on fire")

    with monkeypatch.context() as patch:
        patch.setattr(house.services.training, "save", fails)
        with pytest.raises(OSError, match="on fire"):
            house.run()
    left = house.services.claims.unfinished()
    result = house.run()
    for step in ("preprocess", "train"):
        assert result.run.steps[step] == left.steps[step]


def test_run_that_keeps_failing_is_set_aside_and_others_go_on(
    open_house: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = open_house(min_partition_bytes=1, max_attempts=2)
    house.upload()
    with monkeypatch.context() as patch:
        patch.setattr(house.services.training, "train", lambda *_a, **_o: 1 / 0)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                house.run()
    house.upload()
    assert house.run().trained
    assert statuses(house) == [UploadStatus.HELD, UploadStatus.TRAINED]


def test_challenger_is_held_when_master_moved_by_hand_meanwhile(
    open_house: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = open_house(
        min_partition_bytes=1,
        min_gain=0,
        promotion_confidence=0.51,
        min_groups=2,
        min_rows=2,
    )
    house.upload(rows=60)
    house.upload(rows=60)
    house.run_until_done()
    registry, training = house.services.registry, house.services.training
    scored_against = registry.master()
    other = next(v for v in registry.versions() if v.id != scored_against.id)
    original = training.promote

    def promote_after_somebody_else(run_id: str, token: str) -> None:
        registry.promote(other.id, reason="by hand", by="ana")
        original(run_id, token)

    monkeypatch.setattr(training, "promote", promote_after_somebody_else)
    house.upload(rows=600)
    result = house.run()
    assert result.model.decision.reason == "MASTER_CHANGED"
    assert result.state is NightState.HOLD
    assert registry.master().id == other.id
    assert NightReport(result, "pt-BR").facts()


def test_file_that_was_set_aside_may_be_handed_in_again(
    open_house: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = open_house(max_attempts=1)
    upload = house.upload()
    with monkeypatch.context() as patch:
        patch.setattr(house.services.training, "train", lambda *_a, **_o: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            house.run()
    assert house.run().state is NightState.NOT_ENOUGH
    assert statuses(house) == [UploadStatus.HELD]

    content = house.services.objects.get(upload.raw.key)
    house.services.uploads.ingest(content, "again.csv", upload.mapping, owner="ana")
    result = house.run()
    assert result.state is NightState.PROMOTE
    assert result.run.attempts == 1
    assert result.model.upload_ids == (upload.id,)


def test_holder_whose_run_was_taken_over_commits_nothing(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    services = house.services
    original = services.training.preprocess

    def overtaken(run_id: str, token: str) -> None:
        original(run_id, token)
        services.claims.claim("another token", PartitionRequest())

    monkeypatch.setattr(services.training, "preprocess", overtaken)
    with pytest.raises(LeaseLost):
        house.run()
    assert services.registry.versions() == []
    assert statuses(house) == [UploadStatus.CLAIMED]


def test_file_handed_in_again_after_training_gets_a_run_and_a_number_of_its_own(
    house: Any,
) -> None:
    services = house.services
    upload = house.upload()
    first = house.run().model
    services.uploads.withdraw(upload.id, by="ana", reason="wrong mapping")
    house.upload(rows=600)
    house.run()
    _, content = services.uploads.original(upload.id)
    house.clock.now += timedelta(minutes=1)
    services.uploads.ingest(content, "again.csv", upload.mapping, owner="ana")
    third = house.run().model
    assert [v.number for v in services.registry.versions()] == [3, 2, 1]
    assert third.run_id != first.run_id
    assert services.training.run(first.run_id).steps["train"]["model_id"] == first.id
