"""What a person orders: trained on chosen files alone, and nothing else is touched."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.scheduling import FakeScheduler
from tripadvance_core.domain.entities import Experiment, RunStatus, UploadStatus
from tripadvance_core.domain.promotion import Outcome
from tripadvance_core.errors import (
    Conflict,
    Corrupted,
    Refused,
    SchedulerDown,
    SettingRefused,
)
from tripadvance_core.services.claims import LEASE, PartitionRequest
from tripadvance_core.services.night import NightOrder, NightState
from tripadvance_core.storage.leases import acquire

LENIENT: dict[str, Any] = {
    "min_partition_bytes": 1,
    "min_groups": 2,
    "min_rows": 2,
    "promotion_confidence": 0.9,
}


@pytest.fixture
def lenient(open_house: Callable[..., Any]) -> Any:
    """Give services that promote on few rows, with one MASTER."""
    house = open_house(**LENIENT)
    house.upload(rows=60)
    house.run()
    return house


def order(house: Any, *uploads: Any, may: bool = False, **parameters: Any) -> Any:
    return house.services.experiments.start(
        FakeScheduler(),
        [upload.id for upload in uploads],
        parameters,
        Experiment(by="bia", note="a try", may_become_master=may),
    )


def carry_out(house: Any, run: Any) -> Any:
    return house.services.night.run_partition(
        NightOrder(holder="test", ordered=run.id), house.services.training
    )


def stored(house: Any) -> Any:
    """Return everything that an experiment must leave as it is."""
    services = house.services
    return (
        [upload.to_document() for upload in services.uploads.all()],
        services.registry.pointer(),
        services.database.find("shadows"),
    )


def test_experiment_leaves_files_and_master_as_they_are(lenient: Any) -> None:
    lenient.upload(rows=900)
    before = stored(lenient)
    run = order(lenient, *lenient.services.uploads.all())
    result = carry_out(lenient, run)
    assert stored(lenient) == before
    assert result.model.experiment
    assert result.run.status is RunStatus.DONE
    assert result.run.number == result.model.number == 2
    assert not result.more


def test_experiment_that_would_win_says_so_and_is_held(lenient: Any) -> None:
    run = order(lenient, lenient.upload(rows=900))
    decision = carry_out(lenient, run).model.decision
    assert (decision.outcome, decision.reason) == (Outcome.HOLD, "EXPERIMENT_ONLY")
    assert {gate.verdict for gate in decision.gates} == {Outcome.PROMOTE}


def test_no_night_promotes_an_experiment(lenient: Any) -> None:
    run = order(lenient, lenient.upload(rows=900))
    tried = carry_out(lenient, run).model
    lenient.run_until_done()
    master = lenient.services.registry.master()
    assert master.id != tried.id
    assert lenient.services.database.find("shadows", {"model_id": tried.id}) == []


def test_experiment_that_may_becomes_master_if_it_wins(lenient: Any) -> None:
    run = order(lenient, lenient.upload(rows=900), may=True)
    result = carry_out(lenient, run)
    pointer = lenient.services.registry.pointer()
    assert result.state is NightState.PROMOTE
    assert (pointer.model_id, pointer.by) == (result.model.id, "bia")
    waiting = lenient.services.uploads.waiting()
    assert [upload.id for upload in waiting] == list(run.upload_ids)


def test_experiment_learns_from_its_files_alone_with_its_parameters(
    lenient: Any,
) -> None:
    upload = lenient.upload(rows=200)
    run = order(lenient, upload, max_leaves=2, boosting_rounds=7)
    model = carry_out(lenient, run).model
    assert model.upload_ids == (upload.id,)
    assert model.training_rows < 200
    assert model.parameters["max_leaves"] == 2
    assert model.parameters["boosting_rounds"] == 7
    assert lenient.services.night_settings.current().max_leaves == 16


def test_experiment_is_scored_on_the_panels_of_a_night(lenient: Any) -> None:
    new = lenient.upload(rows=300)
    model = carry_out(lenient, order(lenient, new)).model
    assert [proof.name for proof in model.panels] == ["A", "B1"]
    trained = next(u for u in lenient.services.uploads.all() if u.id != new.id)
    again = carry_out(lenient, order(lenient, trained)).model
    assert [proof.name for proof in again.panels] == ["B1"]
    assert all(proof.overlap == 0 for proof in (*model.panels, *again.panels))


def test_same_files_and_parameters_are_still_a_model_of_their_own(
    lenient: Any,
) -> None:
    master = lenient.services.registry.master()
    run = order(lenient, *lenient.services.uploads.all())
    tried = carry_out(lenient, run).model
    assert tried.id != master.id
    assert lenient.services.registry.version(master.id).decision == master.decision


def test_night_goes_past_an_experiment_that_was_left(
    lenient: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = lenient.upload(rows=200)
    run = order(lenient, upload)
    lenient.services.claims.begin(run.id, "of a dead process", PartitionRequest())
    result = lenient.run()
    assert result.run.upload_ids == (upload.id,)
    assert result.run.experiment is None
    assert carry_out(lenient, run).run.attempts == 2


def test_experiment_outside_the_window_begins(lenient: Any) -> None:
    lenient.clock.set_local(15)
    assert carry_out(lenient, order(lenient, lenient.upload())).trained


def test_experiment_that_fails_ends_and_tells_why(
    lenient: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = lenient.upload()
    lenient.services.objects.put(upload.cleaned.key, b"damaged")
    run = order(lenient, upload)
    before = stored(lenient)
    with pytest.raises(Corrupted):
        carry_out(lenient, run)
    failed = lenient.services.training.run(run.id)
    assert (failed.status, failed.failure) == (RunStatus.FAILED, "CHECKSUM_MISMATCH")
    assert stored(lenient) == before
    assert carry_out(lenient, run).state is NightState.STOPPED_BY_HAND


def test_file_that_is_withdrawn_before_the_experiment_begins_ends_it(
    house: Any,
) -> None:
    upload, other = house.upload(), house.upload()
    run = order(house, upload, other)
    house.services.uploads.withdraw(upload.id, by="ana", reason="test fares")
    with pytest.raises(Conflict):
        carry_out(house, run)
    assert house.services.training.run(run.id).failure == "FILES_GONE"
    assert house.services.registry.versions() == []


def test_experiment_that_finds_another_training_is_told_to_be_ended(
    open_house: Callable[..., Any],
) -> None:
    house = open_house(lease_seconds=1)
    run = order(house, house.upload())
    services = house.services
    assert acquire(services.database, LEASE, "another", house.clock(), 60)
    assert carry_out(house, run).state is NightState.ALREADY_TRAINING
    ended = services.training.run(run.id)
    assert (ended.status, ended.failure) == (RunStatus.FAILED, "ALREADY_TRAINING")


def test_order_that_nobody_starts_leaves_nothing_behind(house: Any) -> None:
    upload = house.upload()
    with pytest.raises(SchedulerDown):
        house.services.experiments.start(
            FakeScheduler(down=True), [upload.id], {}, Experiment(by="bia")
        )
    assert house.services.training.runs() == []


def test_order_remembers_its_flow_run(house: Any) -> None:
    run = order(house, house.upload())
    assert run.flow_run_id == f"flow run of {run.id}"
    assert house.services.training.run(run.id) == run


def test_order_without_files_is_refused(house: Any) -> None:
    with pytest.raises(Refused):
        order(house)


@pytest.mark.parametrize("status", [UploadStatus.HELD, UploadStatus.WITHDRAWN])
def test_order_on_a_file_that_may_not_be_used_is_refused(
    house: Any, status: UploadStatus
) -> None:
    upload = house.upload()
    house.services.database.update(
        "uploaded_files", {"_id": upload.id}, {"status": status}
    )
    assert house.services.experiments.files(9) == []
    with pytest.raises(Conflict):
        order(house, upload)


def test_order_with_a_wrong_parameter_is_refused(house: Any) -> None:
    with pytest.raises(SettingRefused):
        order(house, house.upload(), max_leaves=70_000)
    assert house.services.training.runs() == []
