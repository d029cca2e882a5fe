"""Every column beyond the six, kept and typed."""

from typing import Any, Literal

import pandas as pd

from tripadvance_core.tabular.cells import Cell, Column, is_blank, is_number, written
from tripadvance_core.tabular.numbers import (
    DecimalMark,
    find_decimal_mark,
    number_in,
)
from tripadvance_core.tabular.texts import collapse

_EXACT_DIGITS = 15


def typed(column: Column) -> "pd.Series[Any]":
    """Return a column as numbers if every cell that is not blank is one, else as text.

    Returns
    -------
    Series
        n rows of float64 or of str; blank cells are missing.
    """
    mark = mark_of_numbers(column)
    if mark is None:
        return _spread(column, [_text(cell) for cell in column.distinct], "str")
    numbers = [number_in(cell, mark) for cell in column.distinct]
    return _spread(column, numbers, "float64")


def mark_of_numbers(column: Column) -> DecimalMark | None:
    """Return the decimal mark of a column of numbers; None if it is one of text.

    Numbers that fit two readings stay text, and so do codes: leading zeros, or more
    digits than a float holds.
    """
    filled = [cell for cell in column.distinct if not is_blank(cell)]
    mark = find_decimal_mark(column.texts)
    if mark is None or not filled:
        return None
    numbers = all(_is_quantity(c) and number_in(c, mark) is not None for c in filled)
    return mark if numbers else None


def _is_quantity(cell: Cell) -> bool:
    digits = written(cell).strip().lstrip("+-")
    leading_zero = digits.startswith("0") and digits[1:2].isdigit()
    too_long = digits.isdigit() and len(digits) > _EXACT_DIGITS
    return is_number(cell) or not (leading_zero or too_long)


def _text(cell: Cell) -> str | None:
    return None if is_blank(cell) else collapse(written(cell))


def _spread(
    column: Column, values: list[Any], dtype: Literal["str", "float64"]
) -> "pd.Series[Any]":
    distinct: pd.Series[Any] = pd.Series(values, dtype=dtype)
    return distinct.take(column.places.tolist()).reset_index(drop=True)
