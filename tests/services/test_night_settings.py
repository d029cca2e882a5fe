"""Which settings a night follows, who may have set them, and what is refused."""

from datetime import time
from typing import Any

import pytest

from tripadvance_core.domain.entities import TrainingRun
from tripadvance_core.domain.night_settings import NightSettings
from tripadvance_core.errors import Conflict, Refused, SettingRefused
from tripadvance_core.services.night import NightState


def store(house: Any, replacing: int | None = None, **changes: Any) -> Any:
    night = house.services.night_settings
    number = night.in_force().number if replacing is None else replacing
    values = night.current().model_dump() | changes
    return night.store(values, replacing=number, by="ana", reason="for the test")


def test_installation_decides_until_somebody_stores_a_version(open_house: Any) -> None:
    house = open_house(min_gain=0.02)
    night = house.services.night_settings
    assert night.current() == NightSettings.of(house.services.settings)
    assert (night.in_force().number, night.current().min_gain) == (0, 0.02)
    assert "min_gain" in night.configured
    assert "cron" not in night.configured


def test_stored_version_wins_over_the_installation(open_house: Any) -> None:
    house = open_house(min_gain=0.02)
    stored = store(house, min_gain=0.05, window_start="22:30")
    current = house.services.night_settings.current()
    assert (current.min_gain, current.window_start) == (0.05, time(22, 30))
    assert (stored.number, stored.by, stored.reason) == (1, "ana", "for the test")


def test_old_versions_stay_and_can_be_put_in_force_again(house: Any) -> None:
    night = house.services.night_settings
    store(house, max_leaves=3)
    store(house, max_leaves=5)
    old = night.version(1)
    assert old.values.max_leaves == 3
    store(house, **old.values.model_dump())
    assert night.current() == old.values
    assert [version.number for version in night.versions()] == [3, 2, 1]
    assert night.version(0).values == NightSettings.of(house.services.settings)
    assert night.version(9) is None


def test_of_two_who_store_at_once_one_is_told(house: Any) -> None:
    store(house, replacing=0, max_leaves=3)
    with pytest.raises(Conflict) as conflict:
        store(house, replacing=0, max_leaves=5)
    assert conflict.value.code == "NIGHT_SETTINGS_CHANGED"
    assert house.services.night_settings.current().max_leaves == 3


def test_version_that_changes_nothing_is_not_stored(house: Any) -> None:
    with pytest.raises(Conflict, match="Nothing changed"):
        store(house)
    assert house.services.night_settings.versions() == []


def test_reason_is_asked_for(house: Any) -> None:
    night = house.services.night_settings
    with pytest.raises(Refused) as refusal:
        night.store(night.current().model_dump(), replacing=0, by="ana", reason=" ")
    assert refusal.value.code == "NIGHT_REASON_MISSING"


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("window_start", "25:00", "NIGHT_NOT_A_TIME"),
        ("window_end", "6", "NIGHT_NOT_A_TIME"),
        ("window_end", "", "NIGHT_NOT_A_TIME"),
        ("time_zone", "Brasília", "NIGHT_NOT_A_ZONE"),
        ("cron", "at midnight", "NIGHT_NOT_A_CRON"),
        ("min_partition_bytes", 0, "NIGHT_AT_LEAST"),
        ("min_partition_bytes", 10**30, "NIGHT_AT_MOST"),
        ("min_partition_bytes", 1.5, "NIGHT_NOT_WHOLE"),
        ("max_wait_days", None, "NIGHT_NOT_A_NUMBER"),
        ("max_wait_days", float("inf"), "NIGHT_AT_MOST"),
        ("promotion_metric", "R2", "NIGHT_NOT_A_METRIC"),
        ("min_gain", 1, "NIGHT_LESS_THAN"),
        ("min_gain", float("nan"), "NIGHT_LESS_THAN"),
        ("boosting_rounds", "many", "NIGHT_NOT_WHOLE"),
        ("learning_rate", 0, "NIGHT_MORE_THAN"),
        ("max_leaves", 65_537, "NIGHT_AT_MOST"),
        ("history_rows", 10, "NIGHT_AT_LEAST"),
    ],
)
def test_wrong_value_is_refused_by_its_name(
    house: Any, setting: str, value: Any, code: str
) -> None:
    with pytest.raises(SettingRefused) as refusal:
        store(house, **{setting: value})
    assert refusal.value.details["setting"] == setting
    assert refusal.value.code == code
    assert refusal.value.sentence("pt-BR") != refusal.value.sentence("en")
    assert house.services.night_settings.versions() == []


def test_window_that_is_set_decides_on_the_next_run(house: Any) -> None:
    house.upload()
    house.clock.set_local(15)
    assert house.run().state is NightState.OUTSIDE_WINDOW
    store(house, window_start="14:00", window_end="16:00")
    assert house.run().trained


def test_minimum_that_is_set_decides_what_is_enough(house: Any) -> None:
    house.upload()
    store(house, min_partition_bytes=10**9)
    assert house.run().state is NightState.NOT_ENOUGH
    assert house.services.overview.read().waiting.choice.missing_bytes > 10**8


def test_run_keeps_the_settings_that_it_began_with(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(house, max_leaves=3, promotion_metric="MAE", min_gain=0.2)
    house.upload()
    with monkeypatch.context() as patch:
        patch.setattr(house.services.training, "preprocess", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            house.run()
    store(house, max_leaves=4, promotion_metric="RMSE", min_gain=0.0)
    result = house.run()
    assert (result.run.settings_version, result.run.settings.max_leaves) == (1, 3)
    assert result.model.parameters["max_leaves"] == 3
    policy = result.model.decision.policy
    assert (policy.metric, policy.min_gain) == ("MAE", 0.2)


def test_history_that_is_set_caps_what_is_learned(house: Any) -> None:
    store(house, history_rows=1000)
    house.upload(rows=1500)
    result = house.run()
    assert result.model.training_rows == 1000


def test_run_of_before_settings_were_kept_follows_those_in_force(house: Any) -> None:
    house.upload()
    run = house.run().run
    document = run.to_document()
    for name in ("settings", "settings_version", "experiment", "under_way"):
        document.pop(name)
    old = TrainingRun.from_document(document)
    night = house.services.night_settings
    assert night.of_run(old) == night.current()
