"""Columns beyond the six are numbers if all their cells are, else text."""

from datetime import date, time

import pandas as pd
import pytest

from tripadvance_core.tabular.cells import Cell, Column
from tripadvance_core.tabular.further import typed


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1", "", "2.5"], [1.0, None, 2.5]),
        (["1,5", "2,25"], [1.5, 2.25]),
        ([1, 2.5, None], [1.0, 2.5, None]),
        (["0", "0.5"], [0.0, 0.5]),
    ],
)
def test_column_of_numbers_is_numeric(
    cells: list[Cell], numbers: list[float | None]
) -> None:
    column = typed(Column.of(cells))
    assert column.dtype == "float64"
    assert [None if v != v else v for v in column.tolist()] == numbers


@pytest.mark.parametrize(
    ("cells", "texts"),
    [
        (["1", "nine"], ["1", "nine"]),
        (["NA", " a  b "], ["NA", "a b"]),
        (["007", "12"], ["007", "12"]),
        (["1.037"], ["1.037"]),
        (["12345678901234567"], ["12345678901234567"]),
        ([True, 1], ["TRUE", "1"]),
        (["03/02/2025", "soon"], ["03/02/2025", "soon"]),
        (["2025-02-03 23:45"], ["2025-02-03 23:45"]),
        (["10:35", "late"], ["10:35", "late"]),
    ],
)
def test_any_other_column_is_text(cells: list[Cell], texts: list[str]) -> None:
    column = typed(Column.of(cells))
    assert column.dtype == "category"
    assert column.tolist() == texts


@pytest.mark.parametrize("cells", [[date(2025, 2, 3), None], ["03/02/2025", " "]])
def test_column_of_days_holds_moments(cells: list[Cell]) -> None:
    column = typed(Column.of(cells))
    assert column.dtype == "datetime64[s]"
    assert column.tolist() == [pd.Timestamp("2025-02-03"), pd.NaT]


def test_days_of_the_column_are_in_the_order_of_the_file() -> None:
    column = typed(Column.of(["03/02/2025"]), "month_first")
    assert column.tolist() == [pd.Timestamp("2025-03-02")]


@pytest.mark.parametrize("cells", [["10:35", "2h 5m"], [time(10, 35), "125 min"]])
def test_column_of_times_counts_minutes(cells: list[Cell]) -> None:
    assert typed(Column.of(cells)).tolist() == [635, 125]


def test_declared_decimal_mark_settles_what_is_open() -> None:
    assert typed(Column.of(["1.037"]), declared=",").tolist() == [1037]


def test_column_of_blanks_is_missing() -> None:
    assert typed(Column.of([None, " "])).isna().all()
