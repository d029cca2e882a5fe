"""Days are read as they are written, in the order day, month, year, or not at all."""

from datetime import date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, Column
from tripadvance_core.tabular.dates import parse_dates, parse_lead_days

days = st.dates(date(2000, 1, 1), date(2049, 12, 31))


def parse(*cells: Cell, **more: Any) -> list[date | str]:
    """Return for each cell its day, or the code of its fault."""
    values, faults = parse_dates(Column.of(cells), **more)
    return [fault or day for day, fault in zip(values.tolist(), faults, strict=True)]


@pytest.mark.parametrize(
    "cell",
    [
        "03/02/2025",
        "3/2/2025",
        "03.02.2025",
        "03-02-2025",
        " 03/02/25 ",
        "2025-02-03",
        "2025/02/03",
        "20250203",
        "2025-02-03 23:45:00",
        "2025-02-03T00:10:00-03:00",
        "03/02/2025 23:45",
        "3 de fevereiro de 2025",
        "03-fev-2025",
        "3 Feb 2025",
        "February 3, 2025",
        "Feb 3rd 2025",
        date(2025, 2, 3),
        datetime(2025, 2, 3, 23, 59),  # noqa: DTZ001 - cells have no zone
        45691,
        45691.99,
        20250203,
    ],
)
def test_the_third_of_february_is_found(cell: Cell) -> None:
    assert parse(cell) == [date(2025, 2, 3)]


def test_march_is_known_by_its_cedilla_and_first_by_its_ordinal() -> None:
    assert parse("1º de março de 2025") == [date(2025, 3, 1)]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (None, "DATE_MISSING"),
        ("  ", "DATE_MISSING"),
        ("18/12", "DATE_NO_YEAR"),
        ("25 mar", "DATE_NO_YEAR"),
        ("31/04/2025", "DATE_INVALID"),
        ("29/02/2023", "DATE_INVALID"),
        ("00/10/2025", "DATE_INVALID"),
        ("2025-13-01", "DATE_INVALID"),
        ("25-10-13", "DATE_INVALID"),
        ("3 foo 2025", "DATE_INVALID"),
        ("Total", "DATE_INVALID"),
        ("45691", "DATE_INVALID"),
        (True, "DATE_INVALID"),
        (time(1, 2), "DATE_INVALID"),
        (-5, "DATE_INVALID"),
        ("31/12/1999", "DATE_RANGE"),
        ("01/01/2050", "DATE_RANGE"),
        ("01/01/99", "DATE_RANGE"),
        (12, "DATE_RANGE"),
        ("#REF!", "CELL_ERROR"),
    ],
)
def test_what_is_no_day_is_told_why(cell: Cell, code: str) -> None:
    assert parse(cell) == [code]


def test_serials_count_from_the_first_day_of_the_workbook() -> None:
    assert parse(44229, epoch=date(1904, 1, 1)) == [date(2025, 2, 3)]


def test_one_day_beyond_the_twelfth_in_second_place_refuses_the_column() -> None:
    with pytest.raises(FileRefused) as refused:
        parse("02/01/2025", "04/17/2025", "03/03/2025")
    assert refused.value.code == "DATE_ORDER_CONFLICT"
    assert "04/17/2025" in refused.value.sentence("en")


def test_column_whose_halves_were_swapped_by_a_program_is_refused() -> None:
    with pytest.raises(FileRefused) as refused:
        parse(date(2025, 1, 2), date(2025, 7, 3), "13/02/2025", "25/12/2025")
    assert refused.value.code == "DATE_ORDER_CONFLICT"


def test_text_beside_dates_of_late_days_was_not_swapped() -> None:
    assert parse(date(2025, 7, 30), "13/02/2025")[1] == date(2025, 2, 13)


@pytest.mark.parametrize("written", ["{0:%d/%m/%Y}", "{0:%d.%m.%Y}", "{0:%Y-%m-%d}"])
@given(written_days=st.lists(days, min_size=1))
def test_days_are_read_back(written: str, written_days: list[date]) -> None:
    assert parse(*map(written.format, written_days)) == written_days


@given(st.lists(days, min_size=1))
def test_date_cells_are_read_back(written_days: list[date]) -> None:
    assert parse(*written_days) == written_days


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("3", date(2022, 2, 13)),
        (3, date(2022, 2, 13)),
        (3.0, date(2022, 2, 13)),
        (0, date(2022, 2, 10)),
        (-1, "DATE_INVALID"),
        (1.5, "DATE_INVALID"),
        (True, "DATE_INVALID"),
        ("", "DATE_MISSING"),
        (20000, "DATE_RANGE"),
    ],
)
def test_days_left_count_from_the_day_of_the_quotes(
    cell: Cell, found: date | str
) -> None:
    values, faults = parse_lead_days(Column.of([cell]), date(2022, 2, 10))
    assert (faults[0] or values.tolist()[0]) == found


def test_days_left_beyond_the_calendar_are_out_of_range() -> None:
    _, faults = parse_lead_days(Column.of([99999]), date(9999, 1, 1))
    assert faults.tolist() == ["DATE_RANGE"]
