"""Days: real date cells, Excel serials, ISO text, and text in the order day, month.

No text is read by a guessed format. That the day comes first is shown by one day beyond
the 12th in the column, or said by its header or its owner; that the month comes first
must be said, for whoever expects the day would be misread in silence.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tripadvance_core.domain.entities import DayOrder
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import (
    Cell,
    Column,
    Fault,
    Parsed,
    given,
    is_number,
    written,
)
from tripadvance_core.tabular.texts import fold

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2049

EXCEL_EPOCH = date(1899, 12, 30)
"""Day 0 of the serials of Excel, for all days from March 1900 on."""

_TIME = (
    r"(?:[t ]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
    r" ?(?:z|[ap]m|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_TWO_NUMBERS = re.compile(
    r"(?P<first>[0-9]{1,2})(?P<mark>[/.-])(?P<second>[0-9]{1,2})(?P=mark)"
    r"(?P<year>[0-9]{4}|[0-9]{2})" + _TIME
)
_ISO = re.compile(
    r"(?P<year>[0-9]{4})(?P<mark>[/.-]?)(?P<month>[0-9]{2})(?P=mark)(?P<day>[0-9]{2})"
    + _TIME
)
_DAY_AND_NAME = re.compile(
    r"(?P<day>[0-9]{1,2})º?(?: de |[ /.-])(?P<name>[a-z]{3,9})\.?"
    r"(?:(?: de |, ?|[ /.-])(?P<year>[0-9]{4}|[0-9]{2}))?"
)
_NAME_AND_DAY = re.compile(
    r"(?P<name>[a-z]{3,9})\.? (?P<day>[0-9]{1,2})(?:st|nd|rd|th)?(?:, ?| )"
    r"(?P<year>[0-9]{4})"
)
_NO_YEAR = re.compile(r"[0-9]{1,2}[/.-][0-9]{1,2}")

_MONTH_NAMES = (
    ("janeiro", "january"),
    ("fevereiro", "february"),
    ("marco", "march"),
    ("abril", "april"),
    ("maio", "may"),
    ("junho", "june"),
    ("julho", "july"),
    ("agosto", "august"),
    ("setembro", "september"),
    ("outubro", "october"),
    ("novembro", "november"),
    ("dezembro", "december"),
)


def find_day_order(columns: Sequence[Column], told: DayOrder | None) -> DayOrder:
    """Return the order of day and month in the text of the date columns of a file.

    Parameters
    ----------
    columns
        Columns that one program has written in one order.
    told
        What the owner of the file or a header says.

    Raises
    ------
    FileRefused
        ``DATE_ORDER_CONFLICT`` where text contradicts that, or puts the month first and
        nobody has said so, or where a program has taken days for months;
        ``DATE_ORDER_AMBIGUOUS`` where nothing tells.
    """
    texts = [text for column in columns for text in column.texts]
    written = [match for text in texts if (match := _match_two_numbers(text))]
    proofs = {order: match for match in written if (order := _order_shown_by(match))}
    for order, match in proofs.items():
        if order != (told or "day_first"):
            raise FileRefused("DATE_ORDER_CONFLICT", example=match[0])
    real = [c for column in columns for c in column.distinct if isinstance(c, date)]
    if written and real and _halves_were_swapped(written, real):
        raise FileRefused("DATE_ORDER_CONFLICT", example=written[0][0])
    open_to_both = [m for m in written if int(m["first"]) != int(m["second"])]
    if told is None and not proofs and open_to_both:
        raise _ambiguous(open_to_both[0])
    return told or "day_first"


def parse_dates(
    column: Column, order: DayOrder = "day_first", epoch: date = EXCEL_EPOCH
) -> Parsed:
    """Parse a column into days, ``datetime64[D]``.

    Parameters
    ----------
    order
        What comes first in text such as 03/02/2025.
    epoch
        Day 0 of numbers that are not formatted as dates.
    """
    return column.parse(
        "DATE_MISSING",
        lambda cell: _day_of(cell, order, epoch),
        filler=None,
        dtype="datetime64[D]",
    )


def parse_lead_days(column: Column) -> Parsed:
    """Parse the days left to departure, ``timedelta64[D]``."""

    def days_in(cell: Cell) -> timedelta | Fault:
        text = str(cell).strip().removesuffix(".0")
        if isinstance(cell, bool) or not re.fullmatch(r"[0-9]{1,5}", text):
            return Fault("DATE_INVALID")
        return timedelta(days=int(text))

    return column.parse("DATE_MISSING", days_in, filler=None, dtype="timedelta64[D]")


def departures(quoted: NDArray[np.datetime64], lead: Parsed) -> Parsed:
    """Return the days of departure: when a price was seen, and the days left then.

    Parameters
    ----------
    quoted
        ``datetime64[D]``, shape (n,), NaT where it is not known.
    """
    values = quoted + lead.values
    faults = lead.faults
    faults[np.isnat(quoted)] = "DATE_MISSING"
    return _row_by_row(values, faults)


def months(years: Column, months: Column) -> Parsed:
    """Return the first day of each month, ``datetime64[D]``."""
    year = years.parse("DATE_MISSING", _whole(1, 9999), filler=1, dtype=np.int64)
    month = months.parse("DATE_MISSING", _whole(1, 12), filler=1, dtype=np.int64)
    since_1970 = (year.values - 1970) * 12 + month.values - 1
    values = since_1970.astype("datetime64[M]").astype("datetime64[D]")
    return _row_by_row(values, np.where(year.faulty, year.faults, month.faults))


def _whole(least: int, most: int) -> Callable[[Cell], int | Fault]:
    def whole_in(cell: Cell) -> int | Fault:
        text = written(cell).strip()
        if not re.fullmatch(r"[0-9]{1,4}", text) or not least <= int(text) <= most:
            return Fault("DATE_INVALID")
        return int(text)

    return whole_in


def _row_by_row(values: NDArray[np.datetime64], faults: NDArray[np.object_]) -> Parsed:
    years = values.astype("datetime64[Y]").astype(np.int64) + 1970
    outside = (years < FIRST_YEAR) | (years > LAST_YEAR)
    new = outside & ~given(faults)
    return Parsed(values, np.where(new, "DATE_RANGE", faults), np.arange(len(values)))


def _match_two_numbers(text: str) -> re.Match[str] | None:
    """Match a date that begins with day and month, in whichever order."""
    match = _TWO_NUMBERS.fullmatch(fold(text))
    return match if match and not _may_begin_with_year(match) else None


def _may_begin_with_year(match: re.Match[str]) -> bool:
    """Whether it is like 25-10-13, which may begin with its year or with its day."""
    return len(match["year"]) == 2 and match["mark"] == "-"


def _order_shown_by(match: re.Match[str]) -> DayOrder | None:
    first, second = int(match["first"]), int(match["second"])
    if second <= 12 < first <= 31:
        return "day_first"
    return "month_first" if first <= 12 < second <= 31 else None


def _halves_were_swapped(written: Iterable[re.Match[str]], real: list[date]) -> bool:
    """Whether a program that puts the month elsewhere opened the file.

    It makes dates of the days up to the 12th, with day and month exchanged, and
    leaves the others as text.
    """
    return all(map(_order_shown_by, written)) and all(day.day <= 12 for day in real)


def _ambiguous(match: re.Match[str]) -> FileRefused:
    return FileRefused(
        "DATE_ORDER_AMBIGUOUS",
        example=match[0],
        first=int(match["first"]),
        second=int(match["second"]),
    )


def _day_of(cell: Cell, order: DayOrder, epoch: date) -> date | Fault:
    if isinstance(cell, datetime):
        return _within_range(cell.date())
    if isinstance(cell, date):
        return _within_range(cell)
    if is_number(cell):
        return _day_of_number(cell, order, epoch)
    if isinstance(cell, str):
        return _day_of_text(fold(cell), order)
    return Fault("DATE_INVALID")


def _day_of_number(number: float, order: DayOrder, epoch: date) -> date | Fault:
    if 19000101 <= number <= 21001231:
        return _day_of_text(str(int(number)), order)
    if 0 < number < 100_000:
        return _within_range(epoch + timedelta(days=int(number)))
    return Fault("DATE_INVALID")


def _day_of_text(text: str, order: DayOrder) -> date | Fault:
    numeric = _TWO_NUMBERS.fullmatch(text)
    if numeric:
        if _may_begin_with_year(numeric):
            return Fault("DATE_INVALID")
        first, second = numeric["first"], numeric["second"]
        day, month = (first, second) if order == "day_first" else (second, first)
        return _real_day(numeric["year"], int(month), day)
    iso = _ISO.fullmatch(text)
    if iso:
        return _real_day(iso["year"], int(iso["month"]), iso["day"])
    if _NO_YEAR.fullmatch(text):
        return Fault("DATE_NO_YEAR")
    named = _DAY_AND_NAME.fullmatch(text) or _NAME_AND_DAY.fullmatch(text)
    month = _month_of(named["name"]) if named else None
    if named is None or month is None:
        return Fault("DATE_INVALID")
    if named["year"] is None:
        return Fault("DATE_NO_YEAR")
    return _real_day(named["year"], month, named["day"])


def _month_of(name: str) -> int | None:
    """Return the month of a name, in full or by three letters or more."""
    for month, names in enumerate(_MONTH_NAMES, start=1):
        if any(full.startswith(name) for full in names):
            return month
    return None


def _real_day(year: str, month: int, day: str) -> date | Fault:
    try:
        return _within_range(date(_full_year(year), month, int(day)))
    except ValueError:
        return Fault("DATE_INVALID")


def _full_year(year: str) -> int:
    if len(year) == 4:
        return int(year)
    return int(year) + (2000 if int(year) <= LAST_YEAR % 100 else 1900)


def _within_range(day: date) -> date | Fault:
    if FIRST_YEAR <= day.year <= LAST_YEAR:
        return day
    return Fault("DATE_RANGE")
