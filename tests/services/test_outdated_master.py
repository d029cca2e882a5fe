"""After an upgrade: a MASTER that this version cannot ask is replaced, not in the way."""

from collections.abc import Callable
from typing import Any

import pytest

from tripadvance_core.domain.promotion import Outcome
from tripadvance_core.domain.trips import Trip
from tripadvance_core.errors import Outdated
from tripadvance_core.services.registry import reason_of
from tripadvance_core.storage.objects import store_file
from tripadvance_core.storage.repository import Repositories


def age(house: Any, number: int) -> None:
    """Make a stored model one of another version."""
    services = house.services
    model = services.registry.version(f"v{number}")
    (described,) = (file for file in model.files if file.name == "model.json")
    content = services.objects.get(described.key)
    assert b'"format":3' in content
    older = content.replace(b'"format":3', b'"format":2')
    aged = store_file(services.objects, described.key, older)
    files = [aged if file is described else file for file in model.files]
    services.database.update(
        "models",
        {"_id": model.id},
        {"files": [file.model_dump(mode="json") for file in files]},
    )


@pytest.fixture
def upgraded(open_house: Callable[..., Any]) -> Any:
    """Give the services of a new process, with a MASTER of another version."""
    house = open_house(min_partition_bytes=1)
    house.upload(rows=400)
    house.run()
    age(house, 1)
    return open_house(min_partition_bytes=1)


def test_outdated_master_gives_no_price_and_says_what_to_do(upgraded: Any) -> None:
    trip = Trip(date="2025-07-10", start_city="Salvador", end_city="Recife")
    with pytest.raises(Outdated, match="MODEL_OF_OTHER_VERSION") as told:
        upgraded.services.prediction.quote(trip)
    assert "A próxima noite treina outro" in told.value.sentence("pt-BR")


def test_night_replaces_an_outdated_master_that_the_baseline_is_worse_than(
    upgraded: Any,
) -> None:
    upgraded.upload(rows=500)
    result = upgraded.run()
    registry = upgraded.services.registry
    assert result.model.decision.outcome is Outcome.PROMOTE
    assert result.model.decision.reason == "OUTDATED_MASTER_REPLACED"
    assert (result.model.rival_id, registry.master().number) == (None, 2)
    switch = registry.history()[0]
    assert switch.previous_model_id == registry.version("v1").id
    assert "outra versão" in reason_of(switch, "pt-BR")

    # The nights after it do not stumble over the former MASTER either
    upgraded.upload(rows=100)
    assert upgraded.run().model.rival_id == registry.version("v2").id


def test_nobody_goes_back_to_an_outdated_master(upgraded: Any) -> None:
    upgraded.upload(rows=500)
    upgraded.run()
    registry = upgraded.services.registry
    with pytest.raises(Outdated):
        registry.rollback(reason="back", by="ana")
    assert registry.master().number == 2


def test_outdated_challenger_leaves_the_shadow(open_house: Callable[..., Any]) -> None:
    house = open_house(min_partition_bytes=1)
    for rows in (400, 60):
        house.upload(rows=rows)
        house.run()
    challenger = house.services.registry.version("v2")
    kept = Repositories(house.services.database).shadows
    (shadow,) = kept.select()
    assert (shadow.model_id, shadow.open) == (challenger.id, True)
    house.upload(rows=61)
    age(house, 2)
    upgraded = open_house(min_partition_bytes=1)
    assert upgraded.run().model.number == 3
    assert not kept.get(shadow.id).open
