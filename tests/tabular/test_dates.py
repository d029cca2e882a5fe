"""Days are read as they are written, in the order day, month, year, or not at all."""

from datetime import date, datetime, time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.domain.entities import DayOrder
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, Column, Parsed
from tripadvance_core.tabular.dates import (
    departures,
    find_day_order,
    months,
    parse_dates,
    parse_lead_days,
)

days = st.dates(date(2000, 1, 1), date(2049, 12, 31))


def outcomes(parsed: Parsed) -> list[date | str]:
    """Return for each cell its day, or the code of its fault."""
    pairs = zip(parsed.values.tolist(), parsed.faults, strict=True)
    return [fault or day for day, fault in pairs]


def parse(*cells: Cell, **more: Any) -> list[date | str]:
    return outcomes(parse_dates(Column.of(cells), **more))


def order_of(*cells: Cell, told: DayOrder | None = None) -> DayOrder:
    return find_day_order([Column.of(cells)], told)


def refusal(*cells: Cell, told: DayOrder | None = None) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        order_of(*cells, told=told)
    return refused.value


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


@pytest.mark.parametrize(
    "cells",
    [
        ["02/01/2025", "17/04/2025"],
        ["2025-02-03", "2 Feb 2025"],
        ["03/03/2025"],
        ["31/02/2025"],
        [date(2025, 2, 3), 45691],
        [],
    ],
)
def test_day_comes_first_where_nothing_speaks_against_it(cells: list[Cell]) -> None:
    assert order_of(*cells) == "day_first"


def test_days_up_to_the_twelfth_alone_are_asked_about() -> None:
    refused = refusal("03/09/2018", "04/05/2018")
    assert refused.code == "DATE_ORDER_AMBIGUOUS"
    assert "day 3 of month 9 or day 9 of month 3" in refused.sentence("en")
    assert "dia 3 do mês 9 ou o dia 9 do mês 3" in refused.sentence("pt-BR")


@pytest.mark.parametrize("told", ["day_first", "month_first"])
def test_owner_or_header_settle_the_order(told: DayOrder) -> None:
    assert order_of("03/09/2018", "04/05/2018", told=told) == told


def test_what_one_column_tells_holds_for_all() -> None:
    columns = [Column.of(["03/02/2025"]), Column.of(["25/01/2025"])]
    assert find_day_order(columns, None) == "day_first"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["02/01/2025", "04/17/2025"], "day_first"),
        (["17/04/2025"], "month_first"),
        (["17/04/2025", "04/17/2025"], None),
        (["02/01/2025", "04/17/2025"], None),
    ],
)
def test_day_against_what_is_told_refuses_the_column(
    cells: list[Cell], told: DayOrder | None
) -> None:
    refused = refusal(*cells, told=told)
    assert refused.code == "DATE_ORDER_CONFLICT"
    assert refused.details["example"] in cells


def test_text_is_read_in_the_order_found() -> None:
    assert parse("04/17/2025", "02/01/2025", order="month_first") == [
        date(2025, 4, 17),
        date(2025, 2, 1),
    ]


@pytest.mark.parametrize(
    ("text", "told"), [("13/02/2025", None), ("02/13/2025", "month_first")]
)
def test_column_whose_halves_were_swapped_by_a_program_is_refused(
    text: str, told: DayOrder | None
) -> None:
    refused = refusal(date(2025, 1, 2), date(2025, 7, 3), text, told=told)
    assert refused.code == "DATE_ORDER_CONFLICT"


def test_text_beside_dates_of_late_days_was_not_swapped() -> None:
    assert order_of(date(2025, 7, 30), "13/02/2025") == "day_first"


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
    quoted = np.array(["2022-02-10"], dtype="datetime64[D]")
    assert outcomes(departures(quoted, parse_lead_days(Column.of([cell])))) == [found]


def test_days_left_without_a_day_of_the_quote_are_no_date() -> None:
    quoted = np.array(["NaT"], dtype="datetime64[D]")
    found = outcomes(departures(quoted, parse_lead_days(Column.of([3]))))
    assert found == ["DATE_MISSING"]


@pytest.mark.parametrize(
    ("year", "month", "found"),
    [
        ("2025", "1", date(2025, 1, 1)),
        (2025.0, 12.0, date(2025, 12, 1)),
        (2025, 13, "DATE_INVALID"),
        (2025, "x", "DATE_INVALID"),
        (None, 1, "DATE_MISSING"),
        (2025, "", "DATE_MISSING"),
        (1999, 12, "DATE_RANGE"),
    ],
)
def test_month_counts_as_its_first_day(
    year: Cell, month: Cell, found: date | str
) -> None:
    assert outcomes(months(Column.of([year]), Column.of([month]))) == [found]
