"""Which model is MASTER: one at any time, moved by compare-and-swap."""

from collections.abc import Callable
from typing import Any

import pytest

from tripadvance_core.bootstrap import build_services
from tripadvance_core.domain.entities import MasterPointer, ModelRole
from tripadvance_core.errors import Conflict, Corrupted, NotFound, Unavailable
from tripadvance_core.storage.repository import Repositories


@pytest.fixture
def two_models(open_house: Callable[..., Any]) -> Any:
    """A house in which model 1 is MASTER and model 2 is not."""
    house = open_house(min_partition_bytes=1, min_gain=0.9)
    house.upload(rows=400)
    house.upload(rows=60)
    house.run_until_done()
    assert house.services.registry.master().number == 1
    return house


def flags(registry: Any) -> dict[int, bool]:
    return {version.number: version.MASTER for version in registry.versions()}


def test_promoted_model_is_the_only_master(two_models: Any) -> None:
    registry = two_models.services.registry
    registry.promote("v2", reason="better in May", by="ana")
    assert registry.master().number == 2
    assert flags(registry) == {1: False, 2: True}
    assert registry.history()[0].reason == "better in May"


def test_rollback_gives_master_back(two_models: Any) -> None:
    registry = two_models.services.registry
    registry.promote("2", reason="try", by="ana")
    registry.rollback(reason="no good", by="bia")
    assert registry.master().number == 1
    assert [p.by for p in registry.history()] == ["bia", "ana", "night"]


def test_rollback_that_was_cut_off_bars_the_model_at_the_next_start(
    two_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = two_models.services
    services.registry.promote("v2", reason="try", by="ana")

    def silent(_pointer: MasterPointer) -> str:
        raise Unavailable("DATABASE_UNAVAILABLE", address="x", problem="silent")

    monkeypatch.setattr(services.registry, "_read_back", silent)
    with pytest.raises(Unavailable):
        services.registry.rollback(reason="no good", by="bia")
    started = build_services(services.settings, services.clock)
    assert started.registry.master().number == 1
    assert started.registry.version("v2").barred == "no good"
    assert started.registry.version("v1").barred is None
    started.database.close()


def test_rollback_without_a_former_master_is_refused(two_models: Any) -> None:
    with pytest.raises(NotFound, match="NO_PREVIOUS_MASTER"):
        two_models.services.registry.rollback(reason="why not", by="ana")


def test_promoting_master_itself_is_refused(two_models: Any) -> None:
    with pytest.raises(Conflict, match="ALREADY_MASTER"):
        two_models.services.registry.promote("v1", reason="again", by="ana")


def test_unknown_model_is_refused(two_models: Any) -> None:
    with pytest.raises(NotFound, match="MODEL_NOT_FOUND"):
        two_models.services.registry.promote("v99", reason="?", by="ana")


def test_model_whose_file_changed_is_not_promoted(two_models: Any) -> None:
    services = two_models.services
    challenger = services.registry.version("v2")
    (file,) = (f for f in challenger.files if f.name == "model.ubj.zst")
    content = bytearray(services.objects.get(file.key))
    content[len(content) // 2] ^= 1
    services.objects.put(file.key, bytes(content))
    with pytest.raises(Corrupted, match="CHECKSUM_MISMATCH"):
        services.registry.promote("v2", reason="try", by="ana")
    assert services.registry.master().number == 1


def test_flags_and_history_are_repaired_from_the_pointer(two_models: Any) -> None:
    services = two_models.services
    services.database.update("models", {}, {"MASTER": False})
    services.database.delete("promotions", {})
    services.registry.repair()
    assert flags(services.registry) == {1: True, 2: False}
    assert len(services.registry.history()) == 1


def test_promotion_decided_on_an_older_master_is_refused(two_models: Any) -> None:
    registry = two_models.services.registry
    seen = registry.pointer().version
    registry.promote("v2", reason="first", by="ana", seen=seen)
    registry.promote("v1", reason="back", by="bia")
    with pytest.raises(Conflict, match="MASTER_CHANGED"):
        registry.promote("v2", reason="again", by="ana", seen=seen)
    assert registry.master().number == 1


def test_second_of_two_rollbacks_at_once_is_refused(two_models: Any) -> None:
    registry = two_models.services.registry
    registry.promote("v2", reason="try", by="ana")
    seen = registry.pointer().version
    registry.rollback(reason="no good", by="ana", seen=seen)
    with pytest.raises(Conflict, match="MASTER_CHANGED"):
        registry.rollback(reason="no good", by="bia", seen=seen)
    assert registry.master().number == 1


def test_reigns_follow_each_other_without_a_gap(two_models: Any) -> None:
    registry = two_models.services.registry
    registry.promote("v2", reason="try", by="ana")
    registry.rollback(reason="no good", by="ana")
    reigns = registry.reigns(1, 10).items
    assert [reign.model.number for reign in reigns] == [1, 2, 1]
    assert reigns[0].until is None
    assert [reign.until for reign in reigns[1:]] == [
        reign.switch.at for reign in reigns[:-1]
    ]
    assert registry.reigns(2, 2).items == reigns[2:]


def test_models_are_read_page_by_page_and_by_role(two_models: Any) -> None:
    registry = two_models.services.registry
    page = registry.page(1, 1)
    assert ([v.number for v in page.items], page.last) == ([2], 2)
    masters = registry.page(1, 10, ModelRole.MASTER)
    assert [v.number for v in masters.items] == [1]
    assert [v.number for v in registry.newest(1)] == [2]


def test_experiments_are_listed_by_themselves(two_models: Any) -> None:
    services = two_models.services
    second = services.registry.version("v2")
    assert services.registry.page(1, 10, experiments=True).items == ()
    Repositories(services.database).models.change(
        {"_id": second.id}, {"experiment": True}
    )
    found = services.registry.page(1, 10, experiments=True).items
    assert [version.number for version in found] == [2]
