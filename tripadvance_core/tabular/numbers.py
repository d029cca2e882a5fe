"""Numbers written as text: ``1,234.56``, ``1.234,56`` or ``1 234,56``.

One text may fit two readings (``1.037``), so the decimal mark is decided from a whole
column; a column that fits both, or neither, is not guessed.
"""

import math
import re
from collections.abc import Iterable, Sequence

from tripadvance_core.domain.entities import DecimalMark
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, is_number

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


# Most texts are plain numbers, which at most one mark can end: three digits behind it
# might be a group, and are left to the patterns above.
_PLAIN = re.compile(r"[+-]?[0-9]+(?:([.,])(?:[0-9]{1,2}|[0-9]{4,}))?")


def is_plain_number(text: str) -> bool:
    """Whether a text is digits with at most one mark, and fits one reading at most."""
    return _PLAIN.fullmatch(text) is not None


def read_number(text: str, mark: DecimalMark) -> float | None:
    """Read a number with a given decimal mark; None where it is no finite number.

    >>> read_number("1.234,56", ",")
    1234.56
    """
    plain = _PLAIN.fullmatch(text)
    if plain and plain[1] in (None, mark):
        return float(text.replace(mark, "."))
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
    fits = {_marks_that_fit(text) for text in texts} - {""}
    fitting = [mark for mark in DECIMAL_MARKS if all(mark in fit for fit in fits)]
    if not fits:
        return "."
    return fitting[0] if len(fitting) == 1 else None


def decimal_mark(
    texts: Sequence[str], column: str, declared: DecimalMark | None = None
) -> DecimalMark:
    """Return the decimal mark of a column of the file; see ``find_decimal_mark``.

    Parameters
    ----------
    texts
        The distinct texts of the column.
    column
        Its header in the file, for the refusal.
    declared
        The mark that the owner of the file has named, for columns that do not tell.

    Raises
    ------
    FileRefused
        ``NUMBER_AMBIGUOUS`` where the mark cannot be told.
    """
    mark = find_decimal_mark(texts) or declared
    if mark is None:
        example = max(texts, key=lambda text: len(_marks_that_fit(text)))
        by_point, by_comma = map(_shown, _readings(example))
        raise FileRefused(
            "NUMBER_AMBIGUOUS",
            column=column,
            example=example,
            by_point=by_point,
            by_comma=by_comma,
        )
    return mark


def _marks_that_fit(text: str) -> str:
    """Return the marks by which a text is a number, if it matters by which.

    >>> _marks_that_fit("1.037"), _marks_that_fit("1.5"), _marks_that_fit("12")
    ('.,', '.', '')
    """
    plain = _PLAIN.fullmatch(text)
    if plain:
        return plain[1] or ""
    by_point, by_comma = _readings(text)
    if by_point == by_comma:
        return ""
    return ("." if by_point is not None else "") + ("," if by_comma is not None else "")


def _shown(reading: float | None) -> str:
    """Write a reading without any mark that could be misread in its turn."""
    return "–" if reading is None else f"{reading:.10g}"


def _readings(text: str) -> tuple[float | None, float | None]:
    return read_number(text, "."), read_number(text, ",")
