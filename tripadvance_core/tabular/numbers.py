"""Numbers written as text: ``1,234.56``, ``1.234,56`` or ``1 234,56``.

One text may fit two readings (``1.037``), so the decimal mark is decided from a whole
column; a column that fits both, or neither, is not guessed.
"""

import math
import re
from collections.abc import Iterable
from typing import Literal

from tripadvance_core.errors import FileRefused

DecimalMark = Literal[".", ","]

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


def decimal_mark(texts: Iterable[str], column: str) -> DecimalMark:
    """Decide the decimal mark of a column; texts that are no numbers have no say.

    Raises
    ------
    FileRefused
        ``NUMBER_AMBIGUOUS`` where both marks fit and mean different numbers, or where
        no one mark fits all numbers.
    """
    fits: dict[DecimalMark, bool] = {".": True, ",": True}
    doubtful: str | None = None
    for text in texts:
        point, comma = read_number(text, "."), read_number(text, ",")
        if point == comma:
            continue
        doubtful = text
        fits["."] &= point is not None
        fits[","] &= comma is not None
    if doubtful is None or fits["."] and not fits[","]:
        return "."
    if fits[","] and not fits["."]:
        return ","
    raise FileRefused("NUMBER_AMBIGUOUS", column=column, example=doubtful)
