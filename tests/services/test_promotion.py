"""Challengers against MASTER, night after night: panels, shadows, probation."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tripadvance_core.domain.entities import StoredFile
from tripadvance_core.domain.panels import digest
from tripadvance_core.domain.promotion import Outcome
from tripadvance_core.errors import Conflict, Corrupted
from tripadvance_core.services.night import NightState
from tripadvance_core.services.panels import load_hashes, store_hashes
from tripadvance_core.services.report import NightReport
from tripadvance_core.tabular.jobs import from_parquet, to_parquet

LENIENT: dict[str, Any] = {
    "min_partition_bytes": 1,
    "min_groups": 2,
    "min_rows": 2,
    "promotion_confidence": 0.9,
}


@pytest.fixture
def lenient(open_house: Callable[..., Any]) -> Any:
    """Give services that promote on few rows."""
    return open_house(**LENIENT)


def night(house: Any, rows: int) -> Any:
    house.upload(rows=rows)
    result = house.run()
    house.clock.now += timedelta(days=1)
    return result


def store(house: Any) -> Any:
    return house.services.promoter._store


def scores_of(house: Any, model: Any) -> Any:
    return from_parquet(house.services.objects.get(model.predictions.key))


def plant(house: Any, model: Any, hashes: Any) -> None:
    """Let a model have trained on further rows."""
    objects = house.services.objects
    trained = load_hashes(objects, model.trained_on)
    planted = store_hashes(
        objects, "planted", "hashes", np.concatenate([trained, hashes])
    )
    house.services.database.update(
        "models", {"_id": model.id}, {"trained_on": planted.model_dump(mode="json")}
    )


def test_better_challenger_takes_the_place_of_a_small_master(lenient: Any) -> None:
    night(lenient, 60)
    result = night(lenient, 900)
    assert result.state is NightState.PROMOTE
    assert result.model.decision.reason == "MASTER_BEATEN"
    names = [gate.name for gate in result.model.decision.gates]
    assert len(names) == len(set(names)) == 10


def test_panels_are_proven_and_never_trained_on(lenient: Any) -> None:
    night(lenient, 200)
    model = night(lenient, 200).model
    scores = scores_of(lenient, model)
    trained = load_hashes(lenient.services.objects, model.trained_on)
    assert trained.size > 300
    for proof in model.panels:
        rows = scores[scores["panel"] == proof.name[0]]["row_hash"].to_numpy(np.uint64)
        assert (proof.rows, proof.digest) == (rows.size, digest(rows))
        assert proof.overlap == 0
        assert not np.isin(rows, trained).any()
    assert [proof.name for proof in model.panels] == ["A", "B1"]


def test_panel_a_is_of_the_new_files_and_panel_b_of_the_earlier(lenient: Any) -> None:
    night(lenient, 200)
    night(lenient, 200)
    model = lenient.services.registry.versions()[0]
    scores = scores_of(lenient, model)
    uploads = lenient.services.uploads.all()
    rows = [
        set(from_parquet(lenient.services.objects.get(u.cleaned.key))["row_hash"])
        for u in uploads
    ]
    for panel, known in (("B", rows[0]), ("A", rows[1])):
        assert set(scores[scores["panel"] == panel]["row_hash"]) <= known


def test_standing_panel_stays_until_it_is_outgrown_and_counts_its_uses(
    lenient: Any,
) -> None:
    for _ in range(5):
        night(lenient, 100)
    models = lenient.services.registry.versions()[::-1]
    proofs = [model.panels[-1] for model in models[1:]]
    assert [(proof.name, proof.uses) for proof in proofs][:2] == [("B1", 1), ("B2", 1)]
    assert proofs[2].name == "B2"
    assert (proofs[1].digest, proofs[2].uses) == (proofs[2].digest, 2)
    assert proofs[3].name == "B3"


@pytest.mark.parametrize("planted_in", ["challenger", "master"])
def test_planted_overlap_stops_the_comparison(
    lenient: Any, monkeypatch: pytest.MonkeyPatch, planted_in: str
) -> None:
    training = lenient.services.training
    master = night(lenient, 60).model
    original = training.save

    def save_after_planting(run_id: str, token: str) -> None:
        run = training.run(run_id)
        rows = scores_of(lenient, master)["row_hash"].to_numpy(np.uint64)[:1]
        if planted_in == "master":
            plant(lenient, master, rows)
        else:
            found = StoredFile.model_validate(run.steps["train"]["trained_on"])
            hashes = load_hashes(lenient.services.objects, found)
            planted = store_hashes(
                lenient.services.objects,
                "planted",
                "hashes",
                np.concatenate([hashes, rows]),
            )
            lenient.services.database.update(
                "training_runs",
                {"_id": run_id},
                {"steps.train.trained_on": planted.model_dump(mode="json")},
            )
        original(run_id, token)

    monkeypatch.setattr(training, "save", save_after_planting)
    result = night(lenient, 900)
    assert result.model.decision.reason == "PANEL_OVERLAP"
    assert lenient.services.registry.master().id == master.id


def test_record_is_recomputed_to_the_same_bytes(lenient: Any) -> None:
    for rows in (60, 60, 900):
        night(lenient, rows)
    records = store(lenient).decisions.select()
    assert len(records) >= 3
    for record in records:
        again = lenient.services.promoter.recompute(record)
        assert again.model_dump_json() == record.decision.model_dump_json()


def test_record_on_changed_predictions_is_not_recomputed(lenient: Any) -> None:
    model = night(lenient, 200).model
    changed = scores_of(lenient, model).assign(challenger=1.0)
    lenient.services.objects.put(model.predictions.key, to_parquet(changed))
    (record,) = store(lenient).decisions.select()
    with pytest.raises(Corrupted, match="CHECKSUM_MISMATCH"):
        lenient.services.promoter.recompute(record)


def test_held_challenger_is_compared_again_with_the_rows_of_later_nights(
    open_house: Callable[..., Any],
) -> None:
    house = open_house(**(LENIENT | {"min_gain": 0.9, "promotion_looks": 3}))
    night(house, 300)
    held = night(house, 300).model
    assert held.decision.outcome is Outcome.HOLD
    looks = []
    for _ in range(3):
        result = night(house, 100)
        told = dict(NightReport(result, "en").facts())
        for name, look in result.run.steps["promote"]["shadows"].items():
            assert told[f"Compared again: {name}"].startswith(look["outcome"])
        looks = house.services.registry.decisions(held.id)
    decisions = [record.decision for record in looks]
    assert [decision.look for decision in decisions] == [1, 2, 3]
    assert decisions[0].rows < decisions[1].rows < decisions[2].rows
    assert [d.outcome for d in decisions][-1] is Outcome.REJECT
    assert decisions[-1].reason in ("LOOKS_SPENT", "CHALLENGER_WORSE")
    assert all(proof.overlap == 0 for proof in decisions[-1].panels)


@pytest.fixture
def on_probation(lenient: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a house whose good MASTER was replaced by a bad one, as if by a night.

    The challengers of the nights to come are held, so that only the former MASTER can
    win.
    """
    registry, promoter = lenient.services.registry, lenient.services.promoter
    night(lenient, 60)
    good = night(lenient, 900).model
    bad = registry.version("v1")
    registry.switch(bad, replacing=good.id, reason="MASTER_BEATEN", by="night")
    held = good.decision.model_copy(update={"outcome": Outcome.HOLD})
    monkeypatch.setattr(promoter, "decide_on", lambda _version, _run: held)
    return lenient


def test_successor_that_is_worse_loses_its_place_on_probation(
    on_probation: Any,
) -> None:
    registry = on_probation.services.registry
    good, bad = registry.version("v2"), registry.version("v1")
    for _ in range(3):
        night(on_probation, 300)
    switch = registry.history()[0]
    assert registry.master().id == good.id
    assert (switch.reason, switch.by) == ("PROBATION_LOST", "night")
    assert registry.version("v1").barred == "PROBATION_LOST"
    record = store(on_probation).decisions.get(switch.decision_id)
    assert record.rival_id == bad.id
    assert record.decision.outcome is Outcome.PROMOTE
    again = on_probation.services.promoter.recompute(record)
    assert again.model_dump_json() == record.decision.model_dump_json()


def test_probation_ends(on_probation: Any) -> None:
    on_probation.clock.now += timedelta(days=7)
    for _ in range(3):
        night(on_probation, 300)
    assert on_probation.services.registry.master().number == 1


def test_master_that_a_person_chose_is_on_no_probation(lenient: Any) -> None:
    registry = lenient.services.registry
    night(lenient, 60)
    good = night(lenient, 900).model
    bad = next(v for v in registry.versions() if v.id != good.id)
    registry.promote(bad.id, reason="a person's choice", by="ana")
    night(lenient, 60)
    assert [s for s in store(lenient).shadows.select() if s.former] == []


def test_rolled_back_version_is_not_promoted_again_by_itself(lenient: Any) -> None:
    registry = lenient.services.registry
    night(lenient, 60)
    better = night(lenient, 900).model
    registry.rollback(reason="strange prices", by="ana")
    former = registry.master()
    with pytest.raises(Conflict, match="MODEL_BARRED"):
        registry.switch(better, replacing=former.id, reason="x", by="night")
    registry.promote(better.id, reason="they were right", by="ana")
    assert registry.version(better.id).barred is None
