"""Every column beyond the known ones, kept and typed."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain.entities import DayOrder, DecimalMark
from tripadvance_core.tabular.cells import (
    Cell,
    Column,
    categories,
    given,
    is_blank,
    is_number,
    written,
)
from tripadvance_core.tabular.dates import parse_dates
from tripadvance_core.tabular.durations import minutes_in
from tripadvance_core.tabular.formulas import from_inert_text
from tripadvance_core.tabular.numbers import find_decimal_mark, number_in
from tripadvance_core.tabular.texts import collapse

_EXACT_DIGITS = 15
# As long as dd/mm/yyyy; longer text has a time that a day would lose.
_LONGEST_DAY = 10


def typed(
    column: Column,
    order: DayOrder = "day_first",
    declared: DecimalMark | None = None,
) -> "pd.Series[Any]":
    """Return a column as what every cell that is not blank is, else as text.

    Parameters
    ----------
    order
        What comes first in text such as 03/02/2025.
    declared
        The decimal mark that the owner of the file has named, where it is open.

    Returns
    -------
    Series
        n rows: numbers (float64), days (datetime64[s]), times and durations (float64,
        minutes) or text (categories); blank cells are missing.
    """
    mark = mark_of_numbers(column, declared)
    if mark is not None:
        return _floats(column, [number_in(cell, mark) for cell in column.distinct])
    days = find_days(column, order)
    if days is not None:
        return pd.Series(days[column.places].astype("datetime64[s]"))
    filled = [cell for cell in column.distinct if not is_blank(cell)]
    if filled and all(minutes_in(cell) is not None for cell in filled):
        minutes = [None if is_blank(c) else minutes_in(c) for c in column.distinct]
        return _floats(column, minutes)
    texts = [_text(cell) for cell in column.distinct]
    return pd.Series(categories(texts, column.places))


def mark_of_numbers(
    column: Column, declared: DecimalMark | None = None
) -> DecimalMark | None:
    """Return the decimal mark of a column of numbers; None if it is none.

    Numbers that fit two readings stay text, and so do codes: leading zeros, or more
    digits than a float holds.
    """
    filled = [cell for cell in column.distinct if not is_blank(cell)]
    mark = find_decimal_mark(column.texts) or declared
    if mark is None or not filled:
        return None
    numbers = all(_is_quantity(c) and number_in(c, mark) is not None for c in filled)
    return mark if numbers else None


def find_days(column: Column, order: DayOrder) -> NDArray[np.datetime64] | None:
    """Return the days of the k distinct cells of a column of days, NaT for blanks.

    None where a cell is no day, or holds a time that a day would lose.
    """
    filled = [cell for cell in column.distinct if not is_blank(cell)]
    if not filled or not _is_day(filled[0], order):
        return None
    if any(len(text) > _LONGEST_DAY for text in column.texts):
        return None
    parsed = parse_dates(column, order)
    blank = np.array([is_blank(cell) for cell in column.distinct], dtype=np.bool_)
    return None if (given(parsed.reasons) & ~blank).any() else parsed.meanings


def _is_day(cell: Cell, order: DayOrder) -> bool:
    return parse_dates(Column.of([cell]), order).reasons[0] is None


def _floats(column: Column, values: list[float | None]) -> "pd.Series[Any]":
    return pd.Series(np.array(values, dtype=np.float64)[column.places])


def _is_quantity(cell: Cell) -> bool:
    if is_number(cell):
        return True
    digits = written(cell).strip().lstrip("+-")
    leading_zero = digits.startswith("0") and digits[1:2].isdigit()
    too_long = digits.isdigit() and len(digits) > _EXACT_DIGITS
    return not (leading_zero or too_long)


def _text(cell: Cell) -> str | None:
    return None if is_blank(cell) else collapse(from_inert_text(written(cell)))
