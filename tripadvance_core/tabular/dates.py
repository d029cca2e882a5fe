"""Days: real date cells, Excel serials, ISO text, and text in the order day, month.

No text is read by a guessed format. Text with the month first is refused as a whole
column, for a day up to the 12th would be swapped in silence.
"""

import re
from datetime import date, datetime, timedelta
from typing import Final

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, Column, Fault, Parsed, is_number
from tripadvance_core.tabular.texts import fold

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2049

EXCEL_EPOCH = date(1899, 12, 30)
"""Day 0 of the serials of Excel, for all days from March 1900 on."""

_TIME = (
    r"(?:[t ]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
    r" ?(?:z|[ap]m|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_DAY_FIRST = re.compile(
    r"(?P<day>[0-9]{1,2})(?P<mark>[/.-])(?P<month>[0-9]{1,2})(?P=mark)"
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


def parse_dates(column: Column, epoch: date = EXCEL_EPOCH) -> Parsed:
    """Parse a column into days, ``datetime64[D]``.

    Parameters
    ----------
    epoch
        Day 0 of numbers that are not formatted as dates.

    Raises
    ------
    FileRefused
        ``DATE_ORDER_CONFLICT`` where text is written month first, or where a program
        has taken the days up to the 12th for months.
    """
    _check_order(column)
    return column.parse(
        "DATE_MISSING",
        lambda cell: _day_of(cell, epoch),
        filler=None,
        dtype="datetime64[D]",
    )


def parse_lead_days(column: Column, quote_date: date) -> Parsed:
    """Parse the days left to departure, counted from the day of the quotes, into days.

    Returns
    -------
    Parsed
        ``datetime64[D]``, the quote date plus the days left.
    """

    def day_of(cell: Cell) -> date | Fault:
        text = str(cell).strip().removesuffix(".0")
        if isinstance(cell, bool) or not re.fullmatch(r"[0-9]{1,5}", text):
            return Fault("DATE_INVALID")
        try:
            return _within_range(quote_date + timedelta(days=int(text)))
        except OverflowError:
            return Fault("DATE_RANGE")

    return column.parse("DATE_MISSING", day_of, filler=None, dtype="datetime64[D]")


def _check_order(column: Column) -> None:
    day_first = [match for text in column.texts if (match := _match_day_first(text))]
    for match in day_first:
        if int(match["day"]) <= 12 < int(match["month"]) <= 31:
            raise FileRefused("DATE_ORDER_CONFLICT", example=match[0])
    real = [cell for cell in column.distinct if isinstance(cell, date)]
    if day_first and real and _halves_were_swapped(day_first, real):
        raise FileRefused("DATE_ORDER_CONFLICT", example=day_first[0][0])


def _halves_were_swapped(text: list[re.Match[str]], real: list[date]) -> bool:
    """Whether a program that puts the month first opened a day-first file.

    It makes dates of the days up to the 12th, with day and month exchanged, and
    leaves the others as text.
    """
    return all(int(m["day"]) > 12 for m in text) and all(d.day <= 12 for d in real)


def _match_day_first(text: str) -> re.Match[str] | None:
    return _DAY_FIRST.fullmatch(fold(text))


def _day_of(cell: Cell, epoch: date) -> date | Fault:
    if isinstance(cell, datetime):
        return _within_range(cell.date())
    if isinstance(cell, date):
        return _within_range(cell)
    if is_number(cell):
        return _day_of_number(cell, epoch)
    if isinstance(cell, str):
        return _day_of_text(fold(cell))
    return Fault("DATE_INVALID")


def _day_of_number(number: float, epoch: date) -> date | Fault:
    if 19000101 <= number <= 21001231:
        return _day_of_text(str(int(number)))
    if 0 < number < 100_000:
        return _within_range(epoch + timedelta(days=int(number)))
    return Fault("DATE_INVALID")


def _day_of_text(text: str) -> date | Fault:
    numeric = _DAY_FIRST.fullmatch(text) or _ISO.fullmatch(text)
    if numeric:
        if len(numeric["year"]) == 2 and numeric["mark"] == "-":
            # 25-10-13 may begin with its year or with its day.
            return Fault("DATE_INVALID")
        return _real_day(numeric["year"], int(numeric["month"]), numeric["day"])
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
