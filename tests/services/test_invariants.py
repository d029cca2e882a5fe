"""A sound installation breaks no rule; each way to break one is told by its code."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.services.test_rebuild import order
from tripadvance_core.bootstrap import build_services
from tripadvance_core.domain.entities import Experiment
from tripadvance_core.messages import LANGUAGES
from tripadvance_core.services.invariants import Violation


@pytest.fixture
def trained(lived_in_house: Any) -> Any:
    """Two nights, MASTER, a waiting file and a refused one."""
    return lived_in_house


def broken(house: Any) -> list[Violation]:
    found: list[Violation] = house.services.invariants.violations()
    for violation in found:
        for language in LANGUAGES:
            assert ", ".join(violation.ids) in violation.sentence(language)
    return found


def problems(house: Any) -> list[tuple[str, str]]:
    return [(violation.code, violation.problem) for violation in broken(house)]


def first(house: Any, collection: str, **where: Any) -> dict[str, Any]:
    document: dict[str, Any] = house.services.database.find(collection, where)[0]
    return document


def change(house: Any, collection: str, where: dict[str, Any], **fields: Any) -> None:
    assert house.services.database.update(collection, where, fields)


def test_new_installation_breaks_no_rule(house: Any) -> None:
    assert broken(house) == []


def test_trained_installation_breaks_no_rule(trained: Any) -> None:
    assert broken(trained) == []


def test_run_under_way_breaks_no_rule(trained: Any) -> None:
    services = trained.services
    run = services.claims.claim("token", trained.request())
    for step in ("preprocess", "train", "save", "promote"):
        assert broken(trained) == []
        getattr(services.training, step)(run.id, "token")
    assert broken(trained) == []


def test_take_over_that_was_cut_off_breaks_no_rule(trained: Any) -> None:
    services = trained.services
    run = services.claims.claim("of a dead process", trained.request())
    change(trained, "training_runs", {"_id": run.id}, token="of another")
    assert broken(trained) == []
    services.claims.stop(run.id, by="ana")
    assert broken(trained) == []
    assert len(services.uploads.waiting()) == 1


def test_rebuild_and_experiment_break_no_rule(trained: Any) -> None:
    services = trained.services
    learned = services.registry.master().upload_ids
    services.uploads.withdraw(learned[-1], by="ana", reason="test fares")
    trained.run(rebuild=order(trained), ignore_window=True)
    assert broken(trained) == []

    class OwnScheduler:
        def start_ordered(self, run_id: str) -> str:
            return run_id

    run = services.experiments.start(
        OwnScheduler(), [learned[0]], {}, Experiment(by="ana")
    )
    assert broken(trained) == []
    trained.run(ordered=run.id)
    assert broken(trained) == []


def test_withdrawn_file_that_is_handed_in_again_may_be_trained_on_again(
    trained: Any,
) -> None:
    services = trained.services
    upload_id = services.registry.master().upload_ids[0]
    services.uploads.withdraw(upload_id, by="ana", reason="wrong mapping")
    assert broken(trained) == []
    upload, content = services.uploads.original(upload_id)
    trained.clock.now += timedelta(minutes=1)
    services.uploads.ingest(content, upload.name, upload.mapping, owner="ana")
    assert broken(trained) == []
    trained.run_until_done()
    assert services.uploads.find(upload_id).status == "trained"
    assert broken(trained) == []


def test_switches_by_hand_break_no_rule(trained: Any) -> None:
    registry = trained.services.registry
    registry.rollback(reason="no good", by="ana")
    registry.promote("v2", reason="after all", by="ana")
    assert broken(trained) == []


def test_former_master_that_was_put_back_breaks_no_rule(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = trained.services.registry
    former = registry.rival()[0]
    reads = iter([True, False])
    monkeypatch.setattr(
        "tripadvance_core.services.registry.answers", lambda _: next(reads)
    )
    other = next(v for v in registry.versions() if v.id != former.id)
    with pytest.raises(Exception, match="MODEL_UNSAFE"):
        registry.promote(other.id, reason="try", by="ana")
    assert registry.history()[0].reason == "SWITCH_FAILED"
    assert broken(trained) == []


# I1


@pytest.mark.parametrize("kind", ["raw", "cleaned"])
def test_lost_file_breaks_the_first_rule(trained: Any, kind: str) -> None:
    upload = trained.services.uploads.all()[0]
    key = getattr(upload, kind).key
    trained.services.objects.delete(key)
    assert broken(trained) == [Violation("I1", "UPLOAD_FILE_LOST", (upload.id, key))]


@pytest.mark.parametrize("kind", ["raw", "cleaned"])
def test_changed_file_breaks_the_first_rule(trained: Any, kind: str) -> None:
    upload = trained.services.uploads.all()[1]
    key = getattr(upload, kind).key
    content = trained.services.objects.get(key)
    trained.services.objects.put(key, content[:-1] + bytes([content[-1] ^ 1]))
    assert broken(trained) == [Violation("I1", "UPLOAD_FILE_CHANGED", (upload.id, key))]


def test_wrong_size_breaks_the_first_rule(trained: Any) -> None:
    change(trained, "uploaded_files", {"status": "pending"}, **{"raw.size_bytes": 1})
    assert problems(trained) == [("I1", "UPLOAD_FILE_CHANGED")]


# I2


def test_unknown_status_breaks_the_second_rule(trained: Any) -> None:
    change(trained, "uploaded_files", {"status": "pending"}, status="lost")
    assert problems(trained) == [("I2", "UPLOAD_UNREADABLE")]


def test_waiting_file_without_rows_breaks_the_second_rule(trained: Any) -> None:
    change(trained, "uploaded_files", {"status": "pending"}, cleaned=None)
    assert problems(trained) == [("I2", "UPLOAD_WITHOUT_ROWS")]


def claimed(house: Any) -> Any:
    return house.services.claims.claim("token", house.request())


def test_claimed_file_without_claim_breaks_the_second_rule(trained: Any) -> None:
    change(trained, "uploaded_files", {"status": "pending"}, status="claimed")
    assert problems(trained) == [("I2", "CLAIM_AND_STATUS_DIFFER")]


def test_claim_on_a_waiting_file_breaks_the_second_rule(trained: Any) -> None:
    claimed(trained)
    change(trained, "uploaded_files", {"status": "claimed"}, status="pending")
    assert problems(trained) == [("I2", "CLAIM_AND_STATUS_DIFFER")]


def test_claim_of_a_lost_run_breaks_the_second_rule(trained: Any) -> None:
    run = claimed(trained)
    trained.services.database.delete("training_runs", {"_id": run.id})
    assert problems(trained) == [("I2", "CLAIM_OF_NO_RUN")]


def test_claim_of_an_ended_run_breaks_the_second_rule(trained: Any) -> None:
    run = claimed(trained)
    change(trained, "training_runs", {"_id": run.id}, status="stopped")
    assert problems(trained) == [("I2", "CLAIM_OF_ENDED_RUN")]


def test_claim_of_a_run_without_the_file_breaks_the_second_rule(trained: Any) -> None:
    run = claimed(trained)
    change(trained, "training_runs", {"_id": run.id}, upload_ids=[])
    assert problems(trained) == [("I2", "CLAIM_NOT_IN_RUN")]


def test_file_trained_by_no_run_breaks_the_second_rule(trained: Any) -> None:
    change(
        trained,
        "uploaded_files",
        {"status": "pending"},
        status="trained",
        trained_in="",
    )
    assert problems(trained) == [("I2", "TRAINED_IN_NO_RUN")]


def test_file_trained_by_a_run_without_it_breaks_the_second_rule(trained: Any) -> None:
    run = first(trained, "training_runs", number=1)
    change(
        trained,
        "uploaded_files",
        {"status": "pending"},
        status="trained",
        trained_in=run["_id"],
    )
    assert problems(trained) == [("I2", "TRAINED_IN_NO_RUN")]


# I3


def test_lost_pointer_breaks_the_third_rule(trained: Any) -> None:
    trained.services.database.delete("pointers", {})
    found = broken(trained)
    assert {v.problem for v in found} == {"SWITCH_BEYOND_POINTER", "MASTER_FLAG_WRONG"}
    assert {v.code for v in found} == {"I3"}
    assert not any(v.mended_at_start for v in found)


def test_pointer_to_no_model_breaks_the_third_rule(trained: Any) -> None:
    master = trained.services.registry.master()
    trained.services.database.delete("models", {"_id": master.id})
    assert problems(trained) == [("I3", "MASTER_WITHOUT_MODEL")]


def test_kill_after_the_pointer_moved_is_mended_at_start(trained: Any) -> None:
    """The state that a kill leaves between the pointer and what is derived from it."""
    services = trained.services
    former = services.registry.pointer()
    flags = services.database.find("models")
    other = next(v for v in services.registry.versions() if v.id != former.model_id)
    services.registry.promote(other.id, reason="try", by="ana")
    version = services.registry.pointer().version
    services.database.delete("promotions", {"version": version})
    for model in flags:
        services.database.put("models", model)
    found = broken(trained)
    assert sorted(v.problem for v in found) == [
        "MASTER_FLAG_WRONG",
        "MASTER_FLAG_WRONG",
        "SWITCH_NOT_RECORDED",
    ]
    assert all(v.mended_at_start for v in found)
    build_services(services.settings, trained.clock).database.close()
    assert broken(trained) == []


def test_role_that_start_does_not_mend_is_told_as_such(trained: Any) -> None:
    change(trained, "models", {"MASTER": False}, role="MASTER")
    (violation,) = broken(trained)
    assert (violation.problem, violation.mended_at_start) == (
        "MASTER_FLAG_WRONG",
        False,
    )


def test_second_flag_breaks_the_third_rule_and_is_mended(trained: Any) -> None:
    change(trained, "models", {}, MASTER=True, role="MASTER")
    (violation,) = broken(trained)
    assert violation.mended_at_start
    trained.services.registry.repair()
    assert broken(trained) == []


def switch_until(registry: Any, version: int) -> None:
    while registry.pointer().version < version:
        reigning = registry.master().id
        other = next(v for v in registry.versions() if v.id != reigning)
        registry.promote(other.id, reason="again", by="ana")


@pytest.mark.parametrize(
    ("version", "changed", "problem"),
    [
        (1, {"previous_model_id": "another"}, "SWITCH_DOES_NOT_FOLLOW"),
        (2, {"previous_model_id": "another"}, "SWITCH_DOES_NOT_FOLLOW"),
        (2, {"at": "2020-01-01T00:00:00.000000Z"}, "SWITCH_DOES_NOT_FOLLOW"),
        (3, {"reason": "another"}, "SWITCH_OF_OTHER_POINTER"),
    ],
    ids=str,
)
def test_history_that_disagrees_breaks_the_third_rule(
    trained: Any, version: int, changed: dict[str, Any], problem: str
) -> None:
    registry = trained.services.registry
    switch_until(registry, 3)
    assert broken(trained) == []
    change(trained, "promotions", {"version": version}, **changed)
    assert ("I3", problem) in problems(trained)


def test_switch_that_was_lost_long_ago_is_not_mended(trained: Any) -> None:
    registry = trained.services.registry
    switch_until(registry, 2)
    trained.services.database.delete("promotions", {"version": 1})
    (violation,) = broken(trained)
    assert violation == Violation("I3", "SWITCH_NOT_RECORDED", ("1",))


# I4


def test_changed_model_breaks_the_fourth_rule(trained: Any) -> None:
    master = trained.services.registry.master()
    for file in (*master.files, master.predictions, master.trained_on):
        content = trained.services.objects.get(file.key)
        trained.services.objects.put(file.key, content + b"!")
        expected = Violation("I4", "MASTER_FILE_CHANGED", (master.id, file.key))
        assert broken(trained) == [expected]
        trained.services.objects.delete(file.key)
        assert problems(trained) == [("I4", "MASTER_FILE_LOST")]
        trained.services.objects.put(file.key, content)
    assert broken(trained) == []


def test_seal_of_another_secret_breaks_the_fourth_rule(
    trained: Any, open_house: Callable[..., Any]
) -> None:
    other = open_house(min_partition_bytes=1, secret="another secret")
    assert problems(other) == [("I4", "MASTER_SEAL_BROKEN")]
    assert broken(open_house(min_partition_bytes=1)) == []


# I5


def test_file_that_two_nights_learned_from_breaks_the_fifth_rule(trained: Any) -> None:
    earlier = first(trained, "training_runs", number=1)
    later = first(trained, "training_runs", number=2)
    both = earlier["upload_ids"] + later["upload_ids"]
    learned = {"steps.train.new_upload_ids": both}
    change(trained, "training_runs", {"_id": later["_id"]}, **learned)
    (violation,) = broken(trained)
    assert (violation.code, violation.problem) == ("I5", "UPLOAD_TRAINED_TWICE")
    assert violation.ids == (
        earlier["upload_ids"][0],
        *sorted([earlier["_id"], later["_id"]]),
    )


def test_trained_file_that_waits_again_breaks_the_fifth_rule(trained: Any) -> None:
    upload = first(trained, "uploaded_files", status="trained")
    change(trained, "uploaded_files", {"_id": upload["_id"]}, status="pending")
    assert problems(trained) == [("I5", "TRAINED_UPLOAD_WAITS")]


def test_model_without_its_run_breaks_the_fifth_rule(trained: Any) -> None:
    change(trained, "models", {"number": 1}, run_id="none")
    assert problems(trained) == [("I5", "MODEL_WITHOUT_RUN")]


def test_number_given_twice_breaks_the_fifth_rule(trained: Any) -> None:
    change(trained, "training_runs", {"number": 2}, number=1)
    change(trained, "models", {"number": 2}, number=1)
    assert problems(trained) == [
        ("I5", "RUN_NUMBER_TWICE"),
        ("I5", "MODEL_NUMBER_TWICE"),
    ]


def test_what_is_on_its_way_is_not_told(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night that commits between two reads looks broken once, and only once."""
    services = trained.services
    run = claimed(trained)
    read = services.invariants._store.runs.select

    def select_as_the_night_goes_on() -> Any:
        services.claims.release(run.id, "token")
        return read()

    monkeypatch.setattr(
        services.invariants._store.runs, "select", select_as_the_night_goes_on
    )
    assert broken(trained) == []
