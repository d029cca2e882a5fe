"""A partition is the lease holder's, and a claim without the lease is taken back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tripadvance_core.bootstrap import Services, build_services
from tripadvance_core.domain.entities import RunStatus, UploadStatus
from tripadvance_core.errors import LeaseLost
from tripadvance_core.services.night import NightOrder
from tripadvance_core.storage.repository import Repository

LEASE_SECONDS = 3600


@pytest.fixture
def house(open_house: Callable[..., Any]) -> Any:
    return open_house(min_partition_bytes=1, lease_seconds=LEASE_SECONDS)


def stand_still_before(
    act: str, house: Any, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]
) -> None:
    """Let the lease of the next caller run out before one of its acts."""
    claims = house.services.claims
    acts = getattr(claims, act)

    def late(*args: Any, **named: Any) -> Any:
        monkeypatch.setattr(claims, act, acts)
        house.clock.now += timedelta(seconds=LEASE_SECONDS + 1)
        meanwhile()
        return acts(*args, **named)

    monkeypatch.setattr(claims, act, late)


def another(house: Any) -> Services:
    return build_services(house.services.settings, house.clock)


def test_partition_that_another_has_trained_meanwhile_is_not_begun_again(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    other = another(house)

    def trained_by_another() -> None:
        assert other.night.run_partition(NightOrder("other"), other.training).trained

    stand_still_before("_open", house, monkeypatch, trained_by_another)
    with pytest.raises(LeaseLost):
        house.run()
    (run,) = [run for run in other.training.runs() if run.number]
    assert run.status is RunStatus.DONE
    assert set(run.steps) == {"preprocess", "train", "save", "promote"}
    assert other.invariants.violations() == []
    other.database.close()


def test_partition_opened_without_the_lease_is_taken_back(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = house.upload()
    other = another(house)

    def more_claimed_by_another() -> None:
        house.upload()
        order = NightOrder("other", request=house.request(first.size_bytes + 1))
        assert len(other.night.run_partition(order, other.training).run.upload_ids) == 2

    stand_still_before("_open", house, monkeypatch, more_claimed_by_another)
    with pytest.raises(LeaseLost):
        house.run()
    statuses = {run.status for run in other.training.runs()}
    assert statuses == {RunStatus.DONE, RunStatus.RELEASED}
    assert {u.status for u in other.uploads.all()} == {UploadStatus.TRAINED}
    assert len(other.registry.versions()) == 1
    assert other.invariants.violations() == []
    other.database.close()


def test_files_claimed_without_the_lease_wait_again(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = house.upload()
    database = house.services.database

    def lease_taken() -> None:
        database.update("leases", {"_id": "training"}, {"token": "of another"})

    stand_still_before("_claim_uploads", house, monkeypatch, lease_taken)
    with pytest.raises(LeaseLost):
        house.run()
    assert [u.id for u in house.services.uploads.waiting()] == [upload.id]
    house.clock.now += timedelta(seconds=LEASE_SECONDS + 1)
    result = house.run()
    assert result.trained
    assert result.run.number == 1


def test_run_taken_over_without_the_lease_stays_open_for_the_next(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    database, training = house.services.database, house.services.training
    begun = house.services.claims.claim("of a dead process", house.request())
    training.preprocess(begun.id, "of a dead process")
    training.train(begun.id, "of a dead process")

    def lease_taken() -> None:
        database.update("leases", {"_id": "training"}, {"token": "of another"})

    stand_still_before("_take_over", house, monkeypatch, lease_taken)
    with pytest.raises(LeaseLost):
        house.run()
    house.clock.now += timedelta(seconds=LEASE_SECONDS + 1)
    result = house.run()
    assert (result.run.number, result.run.attempts) == (1, 3)
    assert house.services.invariants.violations() == []


def test_claim_of_a_former_holder_takes_nothing_from_its_successor(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = house.upload()
    other = another(house)
    house.services.claims.claim("of a dead process", house.request())

    def taken_over() -> None:
        other.claims.claim("of a successor", house.request())

    stand_still_before("_claim_uploads", house, monkeypatch, taken_over)
    with pytest.raises(LeaseLost):
        house.run()
    assert other.uploads.find(upload.id).claim.token == "of a successor"
    other.database.close()


def test_run_that_has_ended_meanwhile_is_not_taken_over(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = house.upload()
    services = house.services
    begun = services.claims.claim("of a dead process", house.request())
    stand_still_before(
        "_own_number", house, monkeypatch, lambda: stopped(services, begun.id)
    )
    with pytest.raises(LeaseLost):
        services.claims.claim("of a successor", house.request())
    assert [waits.id for waits in services.uploads.waiting()] == [upload.id]
    assert services.invariants.violations() == []


def stopped(services: Services, run_id: str) -> None:
    services.claims.stop(run_id, by="ana")


def test_run_that_is_set_aside_is_saved_by_no_former_holder(
    open_house: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = open_house(max_attempts=1)
    upload = house.upload()
    services = house.services
    run = services.claims.claim("former", house.request())
    services.training.preprocess(run.id, "former")
    services.training.train(run.id, "former")

    def save_while_it_is_set_aside(_repository: object, *args: Any) -> int:
        changed = change(_repository, *args)
        if args[1].get("status") is UploadStatus.HELD:
            monkeypatch.setattr(Repository, "change", change)
            with pytest.raises(LeaseLost):
                services.training.save(run.id, "former")
        return changed

    change = Repository.change
    monkeypatch.setattr(Repository, "change", save_while_it_is_set_aside)
    services.claims.claim("of a successor", house.request())
    assert services.uploads.find(upload.id).status is UploadStatus.HELD
    assert "save" not in services.training.run(run.id).steps
    assert services.invariants.violations() == []
