"""What the status page is told."""

from datetime import timedelta
from typing import Any

from tripadvance_core.domain.entities import Experiment, RunStatus, UploadStatus
from tripadvance_core.services.claims import PartitionRequest
from tripadvance_core.services.overview import REIGNS_SHOWN
from tripadvance_core.storage.repository import Repositories


def overview(house: Any) -> Any:
    return house.services.overview.read()


def test_new_installation_has_nothing_yet(house: Any) -> None:
    seen = overview(house)
    assert seen.nothing_yet
    assert seen.master is None
    assert seen.last_run is None
    assert seen.waiting.uploads == ()
    assert seen.waiting.oldest_at is None
    assert seen.waiting.at_the_latest is None


def test_waiting_files_tell_what_is_missing_and_until_when(open_house: Any) -> None:
    house = open_house(min_partition_bytes=1_000_000, max_wait_days=2)
    first, second = house.upload(), house.upload()
    waiting = overview(house).waiting
    assert waiting.uploads == (first, second)
    assert waiting.size_bytes == first.size_bytes + second.size_bytes
    assert waiting.choice.missing_bytes == 1_000_000 - waiting.size_bytes
    assert waiting.oldest_at == first.uploaded_at
    assert waiting.at_the_latest == first.uploaded_at + timedelta(days=2)


def test_enough_waiting_files_are_next_nights_partition(house: Any) -> None:
    house.upload()
    waiting = overview(house).waiting
    assert waiting.choice.uploads == waiting.uploads
    assert waiting.choice.missing_bytes == 0


def test_night_shows_its_run_its_decision_and_the_new_master(house: Any) -> None:
    house.upload()
    house.run()
    seen = overview(house)
    assert not seen.nothing_yet
    assert seen.waiting.uploads == ()
    assert seen.last_run.run.status is RunStatus.DONE
    assert seen.last_run.model.decision.reason == "BASELINE_BEATEN"
    assert seen.master.model == seen.last_run.model
    assert seen.master.since == house.services.registry.pointer().at
    assert seen.trend == seen.reigns == (seen.master,)


def test_former_masters_follow_the_latest(house: Any) -> None:
    for _ in range(2):
        house.upload()
        house.run()
    registry = house.services.registry
    first, second = registry.versions()
    for _ in range(REIGNS_SHOWN):
        other = first if registry.master().id != first.id else second
        registry.promote(other.id, reason="MANUAL", by="ana")
    reigns = overview(house).reigns
    switches = registry.history()[:REIGNS_SHOWN]
    assert [reign.model.id for reign in reigns] == [s.model_id for s in switches]
    assert [reign.since for reign in reigns] == [s.at for s in switches]


def test_pointer_is_believed_where_history_lags_behind(house: Any) -> None:
    house.upload()
    house.run()
    house.services.database.delete("promotions", {})
    assert overview(house).master.model == house.services.registry.master()


def test_held_uploads_are_shown_latest_first(house: Any) -> None:
    uploads = [house.upload() for _ in range(2)]
    store = Repositories(house.services.database)
    held = {"status": UploadStatus.HELD, "reason": "TRAINING_FAILED_TOO_OFTEN"}
    store.uploads.change({}, held)
    assert [upload.id for upload in overview(house).held] == [
        upload.id for upload in reversed(uploads)
    ]


def test_run_under_way_has_no_model_yet(house: Any) -> None:
    house.upload()
    house.services.claims.claim("token", PartitionRequest())
    last = overview(house).last_run
    assert last.run.status is RunStatus.OPEN
    assert last.model is None


def test_held_challenger_waits_for_a_decision(open_house: Any) -> None:
    house = open_house(min_partition_bytes=1, min_gain=0.3)
    for _ in range(2):
        house.upload()
        house.run()
    held = house.services.registry.versions()[0]
    assert held.decision.outcome == "HOLD"
    assert overview(house).undecided == (held,)


def test_experiment_is_no_night(open_house: Any) -> None:
    house = open_house()
    house.upload()
    night = house.run().run
    Repositories(house.services.database).runs.add(
        night.model_copy(
            update={"id": "e", "number": 9, "experiment": Experiment(by="ana")}
        )
    )
    assert overview(house).last_run.run == night


def test_night_whose_process_is_gone_is_broken_until_it_is_taken_over(
    house: Any, monkeypatch: Any
) -> None:
    house.upload()
    house.services.claims.claim("of a dead process", PartitionRequest())
    assert overview(house).last_run.broken
    assert house.run().trained
    assert not overview(house).last_run.broken
