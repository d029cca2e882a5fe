"""Columns beyond the six are numbers if all their cells are, else text."""

from datetime import date

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
        ([date(2025, 2, 3)], ["2025-02-03"]),
    ],
)
def test_any_other_column_is_text(cells: list[Cell], texts: list[str]) -> None:
    column = typed(Column.of(cells))
    assert column.dtype == "str"
    assert column.tolist() == texts


def test_column_of_blanks_is_missing() -> None:
    assert typed(Column.of([None, " "])).isna().all()
