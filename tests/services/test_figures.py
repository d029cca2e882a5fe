"""The figures of an installation are those of its documents."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest


def test_figures_of_nothing(house: Any) -> None:
    figures = house.services.figures.read()
    assert set(figures.uploads.values()) == set(figures.runs.values()) == {0}
    assert figures.waiting_bytes == figures.undecided == figures.undelivered_alerts == 0
    assert figures.oldest_waiting_at is figures.night is figures.master is None


def test_figures_after_a_night_with_a_file_left(
    open_house: Callable[..., Any],
) -> None:
    house = open_house(alert_urls="json://127.0.0.1:9")
    house.upload(rows=600)
    result = house.run()
    left = house.upload(rows=20)
    figures = house.services.figures.read()
    assert (figures.uploads["trained"], figures.uploads["pending"]) == (1, 1)
    assert figures.waiting_bytes == left.size_bytes
    assert figures.oldest_waiting_at == left.uploaded_at
    assert figures.runs["done"] == 1
    assert (figures.night.number, figures.night.outcome) == (1, "PROMOTE")
    assert figures.night.finished_at == result.run.finished_at
    assert figures.master.number == 1
    error = result.model.metrics.mean_absolute_percentage_error
    assert figures.master.errors["MAPE"] == error
    assert figures.undelivered_alerts == 1


def test_failed_night_and_its_attempts_are_told(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    monkeypatch.setattr(house.services.training, "train", lambda *_a, **_o: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            house.run()
        house.clock.now += timedelta(minutes=1)
    night = house.services.figures.read().night
    assert (night.attempts, night.outcome, night.finished_at) == (2, "FAILED", None)


def test_challenger_that_is_held_is_an_open_decision(
    open_house: Callable[..., Any],
) -> None:
    house = open_house(min_partition_bytes=1, min_gain=0.9)
    house.upload(rows=400)
    house.upload(rows=60)
    house.run_until_done()
    assert house.services.figures.read().undecided == 1
