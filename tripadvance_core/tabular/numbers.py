"""Numbers written as text: ``1,234.56``, ``1.234,56`` or ``1 234,56``.

One text may fit two readings (``1.037``), so the decimal mark is decided from a whole
column; a column that fits both, or neither, is not guessed.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Literal

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, is_number

DecimalMark = Literal[".", ","]
DECIMAL_MARKS: tuple[DecimalMark, ...] = (".", ",")

_SPACES = " \u00a0\u2009\u202f"


def _pattern(mark: str, group: str) -> re.Pattern[str]:
    grouped = rf"[1-9][0-9]{{0,2}}([{group}'’{_SPACES}])[0-9]{{3}}(?:\1[0-9]{{3}})*"
    return re.compile(
        rf"[+-]?(?:[0-9]+|{grouped})(?:{re.escape(mark)}[0-9]+)?(?:[eE][+-]?[0-9]+)?"
    )


_PATTERNS: dict[DecimalMark, re.Pattern[str]] = {
    ".": _pattern(".", ","),
    ",": _pattern(",", "."),
}


def read_number(text: str, mark: DecimalMark) -> float | None:
    """Read a number with a given decimal mark; None where it is no finite number.

    >>> read_number("1.234,56", ",")
    1234.56
    """
    if not _PATTERNS[mark].fullmatch(text):
        return None
    digits = "".join(c for c in text if c in "0123456789+-eE" or c == mark)
    number = float(digits.replace(mark, "."))
    return number if math.isfinite(number) else None


def number_in(cell: Cell, mark: DecimalMark) -> float | None:
    """Return the number that a cell is, or that its text is."""
    if isinstance(cell, str):
        return read_number(cell.strip(), mark)
    return float(cell) if is_number(cell) else None


def find_decimal_mark(texts: Iterable[str]) -> DecimalMark | None:
    """Return the decimal mark of a column; texts that are no numbers have no say.

    None where both marks fit and mean different numbers, or no one mark fits all.
    """
    readings = [r for text in texts if (r := _readings(text))[0] != r[1]]
    by_point = all(point is not None for point, _ in readings)
    by_comma = all(comma is not None for _, comma in readings)
    if not readings:
        return "."
    if by_point == by_comma:
        return None
    return "." if by_point else ","


def decimal_mark(texts: Sequence[str], column: str) -> DecimalMark:
    """Return the decimal mark of a column of the file; see ``find_decimal_mark``.

    Raises
    ------
    FileRefused
        ``NUMBER_AMBIGUOUS`` where the mark cannot be told.
    """
    mark = find_decimal_mark(texts)
    if mark is None:
        example = next(t for t in texts if _readings(t)[0] != _readings(t)[1])
        by_point, by_comma = map(_shown, _readings(example))
        raise FileRefused(
            "NUMBER_AMBIGUOUS",
            column=column,
            example=example,
            by_point=by_point,
            by_comma=by_comma,
        )
    return mark


def _shown(reading: float | None) -> str:
    """Write a reading without any mark that could be misread in its turn."""
    return "–" if reading is None else f"{reading:.10g}"


def _readings(text: str) -> tuple[float | None, float | None]:
    return read_number(text, "."), read_number(text, ",")
