"""What a night does with a search: its budget, its find, where the next one begins."""

from collections.abc import Callable
from typing import Any

import pytest

from tripadvance_core.domain.entities import Experiment
from tripadvance_core.learning import tuning
from tripadvance_core.learning.tuning import Tuned
from tripadvance_core.storage.repository import Repositories

FOUND = Tuned(
    learning_rate=0.1,
    colsample_bynode=0.7,
    max_leaves=12,
    leaf=2.0,
    error=0.1,
    error_of_settings=0.2,
    tries=9,
    seconds=60,
)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Stand in for the search, which takes as long as it is given; tell what it got."""
    got: list[dict[str, Any]] = []

    def tune(rows: Any, parameters: Any, **asked: Any) -> Tuned:
        got.append(asked)
        return FOUND.model_copy(update={"max_leaves": 12 + len(got)})

    monkeypatch.setattr(tuning, "tune", tune)
    return got


def test_model_is_trained_with_what_was_found(
    open_house: Callable[..., Any], searches: list[dict[str, Any]]
) -> None:
    house = open_house(tuning_minutes=10)
    house.upload()
    result = house.run()
    assert result.model.parameters["max_leaves"] == 13
    assert result.model.parameters["leaf"] == 2.0
    assert result.run.steps["train"]["tuned"]["tries"] == 9
    assert searches[0]["former"] is None


def test_next_night_begins_with_what_the_last_one_found(
    open_house: Callable[..., Any], searches: list[dict[str, Any]]
) -> None:
    house = open_house(tuning_minutes=10)
    for _ in range(3):
        house.upload()
        house.run()
    assert [s["former"] and s["former"].max_leaves for s in searches] == [None, 13, 14]


def test_night_does_not_begin_with_what_an_experiment_found(
    open_house: Callable[..., Any], searches: list[dict[str, Any]]
) -> None:
    house = open_house(tuning_minutes=10)
    house.upload()
    night = house.run().run
    night.steps["train"]["tuned"]["max_leaves"] = 99
    as_experiment = {"id": "e", "number": 2, "experiment": Experiment(by="ana")}
    runs = Repositories(house.services.database).runs
    runs.add(night.model_copy(update=as_experiment))
    house.upload()
    house.run()
    assert searches[-1]["former"].max_leaves == 13


@pytest.mark.parametrize(("minute", "seconds"), [(0, 1_800), (50, 300)])
def test_search_leaves_half_of_the_time_to_the_training(
    open_house: Callable[..., Any],
    searches: list[dict[str, Any]],
    minute: int,
    seconds: float,
) -> None:
    house = open_house(tuning_minutes=60)
    house.upload()
    house.clock.set_local(5, minute)
    house.run()
    assert searches[0]["seconds"] == pytest.approx(seconds, abs=20)


def test_night_does_not_search_unless_it_is_told_to(
    house: Any, searches: list[dict[str, Any]]
) -> None:
    house.upload()
    house.run()
    assert not searches
