"""Durations become minutes, in whatever form they are written."""

from datetime import date, time, timedelta

import pytest

from tripadvance_core.domain.entities import DurationUnit
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, Column
from tripadvance_core.tabular.durations import duration_unit, parse_durations


def parse(*cells: Cell, unit: DurationUnit = "minutes") -> list[float | str]:
    """Return for each cell its minutes, or the code of its fault."""
    parsed = parse_durations(Column.of(cells), unit, ".")
    pairs = zip(parsed.values.tolist(), parsed.faults, strict=True)
    return [fault or value for value, fault in pairs]


def unit_of(*cells: Cell, told: DurationUnit | None = None) -> DurationUnit:
    return duration_unit(Column.of(cells), "duration", ".", told)


@pytest.mark.parametrize(
    ("cell", "minutes"),
    [
        (170, 170),
        (170.5, 170.5),
        ("170", 170),
        ("02:50", 170),
        ("28:00", 1680),
        ("02:50:30", 170.5),
        ("2h 50m", 170),
        ("2h50", 170),
        ("2h", 120),
        ("50 min", 50),
        ("2 horas e 50 minutos", 170),
        ("2 hours 50 minutes", 170),
        ("1d 2h", 1560),
        ("1,5 h", 90),
        ("PT30H", 1800),
        ("PT30H15M", 1815),
        ("P1DT6H15M", 1815),
        (time(2, 50), 170),
        (timedelta(days=1, hours=4), 1680),
        (4320, 4320),
    ],
)
def test_duration_is_minutes(cell: Cell, minutes: float) -> None:
    assert parse(cell) == [minutes]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (None, "DURATION_MISSING"),
        ("long", "DURATION_INVALID"),
        ("02:75", "DURATION_INVALID"),
        ("PT", "DURATION_INVALID"),
        ("h", "DURATION_INVALID"),
        (True, "DURATION_INVALID"),
        (date(2025, 1, 1), "DURATION_INVALID"),
        (0, "DURATION_RANGE"),
        (-5, "DURATION_RANGE"),
        (4321, "DURATION_RANGE"),
        ("00:00", "DURATION_RANGE"),
        ("#N/A", "CELL_ERROR"),
    ],
)
def test_what_is_no_duration_is_told_why(cell: Cell, code: str) -> None:
    assert parse(cell) == [code]


def test_plain_numbers_count_what_is_told() -> None:
    assert parse("2.5", "02:50", unit="hours") == [150, 170]


@pytest.mark.parametrize(
    "cells",
    [[80, 95, 170], [45, 50, 55], [5, 10, 15, 4000], ["02:50"], [None, "2h"], [-1]],
)
def test_numbers_that_cannot_be_hours_are_minutes(cells: list[Cell]) -> None:
    assert unit_of(*cells) == "minutes"


@pytest.mark.parametrize("cells", [["2.17", "2.33", "26.5"], [1, 2, 14], [22, 25, 28]])
def test_numbers_that_may_be_hours_are_asked_about(cells: list[Cell]) -> None:
    with pytest.raises(FileRefused) as refused:
        unit_of(*cells)
    assert refused.value.code == "DURATION_UNIT_AMBIGUOUS"


def test_question_shows_both_readings() -> None:
    with pytest.raises(FileRefused) as refused:
        unit_of(2.5)
    details = refused.value.details
    assert (details["in_minutes"], details["in_hours"]) == ("2.5", "150")


@pytest.mark.parametrize("told", ["minutes", "hours"])
def test_owner_or_header_settle_what_numbers_count(told: DurationUnit) -> None:
    assert unit_of(22, 25, 28, told=told) == told
