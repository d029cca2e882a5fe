"""A night told to people."""

from collections.abc import Callable
from typing import Any

import pytest

from tripadvance_core.services.night import NightResult, NightState
from tripadvance_core.services.report import NightReport


@pytest.mark.parametrize(
    ("language", "headline"),
    [
        ("en", "The challenger is the new MASTER."),
        ("pt-BR", "O desafiante é o novo MASTER."),
    ],
)
def test_report_tells_what_was_kept_and_decided(
    house: Any, language: Any, headline: str
) -> None:
    house.upload(rows=300)
    report = NightReport(house.run(), language)
    assert report.headline == headline
    values = [value for _, value in report.facts()]
    assert "300" in values
    assert any("MAPE" in value and "R²" in value for value in values)


def test_markdown_links_to_the_model(house: Any) -> None:
    house.upload(rows=300)
    markdown = NightReport(house.run(), "en").markdown("http://127.0.0.1:7860/#v1")
    assert markdown.startswith("## The challenger is the new MASTER.")
    assert "(http://127.0.0.1:7860/#v1)" in markdown


def test_report_of_an_idle_night_says_how_much_is_missing(
    open_house: Callable[..., Any],
) -> None:
    house = open_house(min_partition_bytes=1_000_000)
    size = house.upload().size_bytes
    report = NightReport(house.run(), "en")
    missing = 1_000_000 - size
    assert f"{missing / 1000:.1f} kB" in report.headline


def test_report_of_an_empty_night_says_that_nothing_waits(house: Any) -> None:
    assert NightReport(house.run(), "en").headline == "Nothing waits, nothing done."


@pytest.mark.parametrize("state", list(NightState))
def test_every_end_of_a_night_has_a_headline(state: NightState, house: Any) -> None:
    result = NightResult(state)
    if state is NightState.NOT_ENOUGH:
        result = house.run()
    assert NightReport(result, "pt-BR").headline
