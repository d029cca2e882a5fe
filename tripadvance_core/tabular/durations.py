"""Durations: minutes as numbers, ``02:50``, ``2h 50m``, ISO 8601, Excel times."""

import re
from datetime import time, timedelta
from typing import Final

import numpy as np

from tripadvance_core.tabular.cells import Cell, Column, Fault, Parsed
from tripadvance_core.tabular.numbers import decimal_mark, number_in
from tripadvance_core.tabular.texts import fold

MAX_MINUTES: Final = 4320

_COUNT = r"[0-9]+(?:[.,][0-9]+)?"
_FORMS = (
    # 02:50 and 28:00:30
    re.compile(
        r"(?P<hours>[0-9]{1,2}):(?P<minutes>[0-5][0-9])(?::(?P<seconds>[0-5][0-9]))?"
    ),
    # ISO 8601: PT30H15M
    re.compile(
        rf"p(?:(?P<days>{_COUNT})d)?(?:t(?:(?P<hours>{_COUNT})h)?"
        rf"(?:(?P<minutes>{_COUNT})m)?(?:(?P<seconds>{_COUNT})s)?)?"
    ),
    # 1d 4h 50min, 2 horas e 50 minutos
    re.compile(
        rf"(?:(?P<days>{_COUNT}) ?d(?:ays?|ias?)?)?(?:,| e)? ?"
        rf"(?:(?P<hours>{_COUNT}) ?h(?:(?:ou)?rs?|oras?)?)?(?:,| e)? ?"
        rf"(?:(?P<minutes>{_COUNT}) ?m(?:in(?:ut[eo])?s?)?\.?)?"
    ),
    # 2h50
    re.compile(r"(?P<hours>[0-9]{1,2}) ?h ?(?P<minutes>[0-5][0-9])"),
)
_MINUTES_IN = {"days": 1440, "hours": 60, "minutes": 1, "seconds": 1 / 60}


def parse_durations(column: Column, header: str, minutes_per_unit: int) -> Parsed:
    """Parse a column into minutes, ``float64``.

    Parameters
    ----------
    header
        The column's header in the file, for the refusal.
    minutes_per_unit
        What a plain number counts: 1 for minutes, 60 for hours.

    Raises
    ------
    FileRefused
        ``NUMBER_AMBIGUOUS``, see ``numbers.decimal_mark``.
    """
    mark = decimal_mark(column.texts, header)

    def minutes_of(cell: Cell) -> float | Fault:
        number = number_in(cell, mark)
        minutes = _minutes(cell) if number is None else number * minutes_per_unit
        if minutes is None:
            return Fault("DURATION_INVALID")
        return minutes if 0 < minutes <= MAX_MINUTES else Fault("DURATION_RANGE")

    return column.parse("DURATION_MISSING", minutes_of, filler=np.nan, dtype=np.float64)


def _minutes(cell: Cell) -> float | None:
    if isinstance(cell, time):
        return cell.hour * 60 + cell.minute + cell.second / 60
    if isinstance(cell, timedelta):
        return cell.total_seconds() / 60
    return _minutes_of_text(fold(cell)) if isinstance(cell, str) else None


def _minutes_of_text(text: str) -> float | None:
    match = next((m for form in _FORMS if (m := form.fullmatch(text))), None)
    if match is None:
        return None
    parts = {unit: count for unit, count in match.groupdict().items() if count}
    if not parts:
        return None
    return sum(
        float(count.replace(",", ".")) * _MINUTES_IN[unit]
        for unit, count in parts.items()
    )
