"""Durations become minutes, in whatever form they are written."""

from datetime import date, time, timedelta

import pytest

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, Column
from tripadvance_core.tabular.durations import parse_durations


def parse(*cells: Cell, minutes_per_unit: int = 1) -> list[float | str]:
    """Return for each cell its minutes, or the code of its fault."""
    values, faults = parse_durations(Column.of(cells), "duration", minutes_per_unit)
    return [
        fault or value for value, fault in zip(values.tolist(), faults, strict=True)
    ]


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


def test_plain_numbers_count_what_the_header_says() -> None:
    assert parse("2.5", "02:50", minutes_per_unit=60) == [150, 170]


def test_decimal_mark_is_not_evaded_by_the_spelled_form() -> None:
    assert parse("1.5", "2.25") == [1.5, 2.25]
    with pytest.raises(FileRefused) as refused:
        parse("1.5", "2,25")
    assert refused.value.code == "NUMBER_AMBIGUOUS"
