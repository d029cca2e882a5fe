"""Durations: minutes as numbers, ``02:50``, ``2h 50m``, ISO 8601, Excel times."""

import re
from datetime import time, timedelta
from typing import Final

import numpy as np

from tripadvance_core.domain.entities import DecimalMark, DurationUnit
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, Column, Fault, Parsed
from tripadvance_core.tabular.numbers import number_in
from tripadvance_core.tabular.texts import fold

MAX_MINUTES: Final = 4320

USUAL_MINUTES: Final = 30
"""Half of the flights of a file that counts in minutes last longer than this."""

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


def duration_unit(
    column: Column, header: str, mark: DecimalMark, told: DurationUnit | None
) -> DurationUnit:
    """Return what the plain numbers of a column count.

    Parameters
    ----------
    header
        The column's header in the file, for the refusal.
    mark
        The decimal mark of the column.
    told
        What the owner of the file or the header says.

    Raises
    ------
    FileRefused
        ``DURATION_UNIT_AMBIGUOUS`` where the numbers may be hours.
    """
    distinct = [number_in(cell, mark) for cell in column.distinct]
    numbers = np.array(distinct, dtype=np.float64)[column.places]
    possible = numbers[numbers > 0]
    if told or not len(possible):
        return told or "minutes"
    usual, longest = np.median(possible), np.max(possible)
    if usual < USUAL_MINUTES and longest * 60 <= MAX_MINUTES:
        raise FileRefused(
            "DURATION_UNIT_AMBIGUOUS",
            column=header,
            example=f"{usual:g}",
            in_minutes=f"{usual:g}",
            in_hours=f"{usual * 60:g}",
        )
    return "minutes"


def parse_durations(column: Column, unit: DurationUnit, mark: DecimalMark) -> Parsed:
    """Parse a column into minutes, ``float64``.

    Parameters
    ----------
    unit
        What a plain number counts.
    mark
        The decimal mark of plain numbers.
    """
    minutes_per_unit = _MINUTES_IN[unit]

    def minutes_of(cell: Cell) -> float | Fault:
        number = number_in(cell, mark)
        minutes = minutes_in(cell) if number is None else number * minutes_per_unit
        if minutes is None:
            return Fault("DURATION_INVALID")
        return minutes if 0 < minutes <= MAX_MINUTES else Fault("DURATION_RANGE")

    return column.parse("DURATION_MISSING", minutes_of, filler=np.nan, dtype=np.float64)


def minutes_in(cell: Cell) -> float | None:
    """Return the minutes that a cell spells out or shows as a time; else None.

    >>> minutes_in("2h 50m"), minutes_in("02:50"), minutes_in("170")
    (170.0, 170.0, None)
    """
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
