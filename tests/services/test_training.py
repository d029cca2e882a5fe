"""The steps of a run: what a holder of the lease that was overtaken leaves alone."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tripadvance_core.domain.entities import StoredFile
from tripadvance_core.domain.promotion import Outcome
from tripadvance_core.errors import Conflict, Corrupted, LeaseLost, Unavailable
from tripadvance_core.services import training as training_module
from tripadvance_core.services.night import NightState
from tripadvance_core.storage.objects import load_file
from tripadvance_core.tabular.jobs import from_parquet


def test_what_a_former_holder_still_writes_takes_nothing_from_its_successor(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    services, registry = house.services, house.services.registry
    run = services.claims.claim("former", house.request())
    services.training.preprocess(run.id, "former")
    services.training.train(run.id, "former")
    master = registry.master

    def overtaken() -> Any:
        monkeypatch.setattr(registry, "master", master)
        assert house.run().trained
        return master()

    # By then its successor's model reigns, so that it would be scored beside itself.
    monkeypatch.setattr(registry, "master", overtaken)
    with pytest.raises(Conflict):
        services.training.save(run.id, "former")
    assert services.invariants.violations() == []


LENIENT: dict[str, Any] = {
    "min_partition_bytes": 1,
    "min_groups": 2,
    "min_rows": 2,
    "promotion_confidence": 0.9,
}


@pytest.fixture
def lenient(open_house: Callable[..., Any]) -> Any:
    """Give services with one MASTER, which a larger history beats."""
    house = open_house(**LENIENT)
    house.upload(rows=60)
    house.run()
    house.upload(rows=900)
    return house


def cut_off(*_args: Any, **_named: Any) -> None:
    raise Unavailable("DATABASE_UNAVAILABLE", address="x", problem="silent")


def test_night_that_is_taken_over_does_not_undo_what_a_person_chose(
    lenient: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = lenient.services.registry
    with monkeypatch.context() as patch:
        # MASTER moves, and then the database is gone.
        patch.setattr(registry, "_read_back", cut_off)
        with pytest.raises(Unavailable):
            lenient.run()
    assert registry.master().number == 2
    registry.promote("v1", reason="a person's choice", by="ana")
    assert lenient.run().state is NightState.PROMOTE
    assert registry.master().number == 1
    assert [switch.by for switch in registry.history()] == ["ana", "night", "night"]


def test_former_holder_does_not_overwrite_the_decision(
    lenient: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, registry = lenient.services, lenient.services.registry
    run = services.claims.claim("former", lenient.request())
    services.training.preprocess(run.id, "former")
    services.training.train(run.id, "former")
    services.training.save(run.id, "former")
    switch = registry.switch

    def overtaken(*args: Any, **named: Any) -> Any:
        monkeypatch.setattr(registry, "switch", switch)
        assert lenient.run().state is NightState.PROMOTE
        return switch(*args, **named)

    monkeypatch.setattr(registry, "switch", overtaken)
    with pytest.raises(LeaseLost):
        services.training.promote(run.id, "former")
    assert registry.version("v2").decision.outcome is Outcome.PROMOTE
    assert services.database.count("shadows", {"former": False}) == 0
    assert registry.pointer().version == 2


def test_step_whose_acknowledgement_was_lost_is_known_as_done(house: Any) -> None:
    house.upload()
    training = house.services.training
    run = house.services.claims.claim("holder", house.request())
    for step in (training.preprocess, training.train, training.save, training.promote):
        step(run.id, "holder")
    training.promote(run.id, "holder")
    assert len(house.services.registry.history()) == 1


def test_rounds_of_a_former_holder_are_not_told_as_its_successor_s(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    house.run()  # so that there is something to learn from without the claim
    house.upload()
    services = house.services
    run = services.claims.claim("former", house.request())
    services.training.preprocess(run.id, "former")
    recorder = training_module.RoundsRecorder

    def overtaken(*given: Any) -> Any:
        services.claims.claim("of a successor", house.request())
        store, _, *rest = given
        return recorder(store, services.training.run(run.id), *rest)

    monkeypatch.setattr(training_module, "RoundsRecorder", overtaken)
    with pytest.raises(LeaseLost):
        services.training.train(run.id, "former")
    assert services.training.run(run.id).under_way is None


def test_challenger_is_scored_by_what_it_said_while_it_was_made(house: Any) -> None:
    house.upload()
    result = house.run()
    services = house.services
    scores = from_parquet(load_file(services.objects, result.model.predictions))
    trained = result.run.steps["train"]
    judged_on = StoredFile.model_validate(trained["judged_on"])
    rows = from_parquet(load_file(services.objects, judged_on))
    model = services.registry.load(result.model)
    assert scores["challenger"].size > 0
    np.testing.assert_allclose(
        scores["challenger"], model.predict(rows)["predicted_price"], rtol=1e-6
    )


def test_stored_model_that_says_otherwise_is_not_registered(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    other = house.run().model
    house.upload(rows=900)
    services = house.services
    run = services.claims.claim("a night", house.request())
    services.training.preprocess(run.id, "a night")
    services.training.train(run.id, "a night")
    load_files = services.registry.load_files
    monkeypatch.setattr(
        services.registry, "load_files", lambda *_: load_files(other.id, other.files)
    )
    with pytest.raises(Corrupted, match="MODEL_SAYS_OTHERWISE"):
        services.training.save(run.id, "a night")
    assert [model.id for model in services.registry.versions()] == [other.id]


def test_same_rows_have_a_model_of_another_name_once_the_learner_has_changed(
    open_house: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained_from_nothing() -> str:
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        house = open_house(min_partition_bytes=1)
        house.upload(rows=60)
        return house.run().model.id

    name = trained_from_nothing()
    assert trained_from_nothing() == name
    monkeypatch.setattr(training_module, "LEARNER", training_module.LEARNER + 1)
    assert trained_from_nothing() != name
