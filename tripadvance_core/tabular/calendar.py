"""What a day is to a traveller: weekday, holidays, school breaks."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import holidays
import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]

HOLIDAY_COUNTRY: Final = "BR"
FAR_FROM_HOLIDAY: Final = 10
"""Days beyond which a holiday no longer moves fares; distances end here."""

_MONDAY: Final = np.datetime64("1970-01-05", "D")
_EPOCH: Final = np.datetime64("2000-01-01", "D")
# The breaks of Brazilian schools, as (month, day) of their first and last days.
_SCHOOL_BREAKS: Final = (((12, 20), (12, 31)), ((1, 1), (1, 31)), ((7, 1), (7, 31)))


def day_number(days: Days) -> NDArray[np.float64]:
    """Return the days since 2000-01-01, NaN for a missing day, shape (n,)."""
    numbers = (days.astype("datetime64[D]") - _EPOCH).astype(np.float64)
    return np.where(np.isnat(days), np.nan, numbers)


def weekday(days: Days) -> NDArray[np.int64]:
    """Return 0 for Monday to 6 for Sunday, shape (n,)."""
    passed: NDArray[np.int64] = (days.astype("datetime64[D]") - _MONDAY).astype(
        np.int64
    )
    return passed % 7


def month(days: Days) -> NDArray[np.int64]:
    """Return 1 to 12, shape (n,)."""
    passed: NDArray[np.int64] = days.astype("datetime64[M]").astype(np.int64)
    return passed % 12 + 1


def day_of_month(days: Days) -> NDArray[np.int64]:
    """Return 1 to 31, shape (n,)."""
    return _days_since(days, "datetime64[M]") + 1


def day_of_year(days: Days) -> NDArray[np.int64]:
    """Return 1 to 366, shape (n,)."""
    return _days_since(days, "datetime64[Y]") + 1


def after_holiday(days: Days) -> NDArray[np.int64]:
    """Return the days since the last holiday, 0 on one, at most 10, shape (n,)."""
    known = _holidays_around(days)
    before = np.searchsorted(known, days.astype("datetime64[D]"), side="right") - 1
    passed: NDArray[np.int64] = (days.astype("datetime64[D]") - known[before]).astype(
        np.int64
    )
    return passed.clip(max=FAR_FROM_HOLIDAY)


def before_holiday(days: Days) -> NDArray[np.int64]:
    """Return the days until the next holiday, 0 on one, at most 10, shape (n,)."""
    known = _holidays_around(days)
    after = np.searchsorted(known, days.astype("datetime64[D]"), side="left")
    left: NDArray[np.int64] = (known[after] - days.astype("datetime64[D]")).astype(
        np.int64
    )
    return left.clip(max=FAR_FROM_HOLIDAY)


def school_break(days: Days) -> NDArray[np.int64]:
    """Return 1 where Brazilian schools are closed for weeks, else 0, shape (n,)."""
    written = month(days) * 100 + day_of_month(days)
    inside = [
        (written >= first[0] * 100 + first[1]) & (written <= last[0] * 100 + last[1])
        for first, last in _SCHOOL_BREAKS
    ]
    closed: NDArray[np.bool_] = np.any(inside, axis=0)
    return closed.astype(np.int64)


CYCLES: Final[dict[str, tuple[int, Callable[[Days], NDArray[np.int64]]]]] = {
    "date.weekday": (84, weekday),
    "date.day": (365, day_of_month),
    "date.after_holiday": (180, after_holiday),
    "date.before_holiday": (180, before_holiday),
    "date.month": (365, month),
    "date.yearday": (365, day_of_year),
    "date.school_break": (365, school_break),
}
"""Features of the calendar, and how many days of flights show what they do.

In a shorter history they are other names for the day itself: what the model seems to
learn of the 25th of a month is what it has seen on one single day.
"""


def _days_since(days: Days, start: str) -> NDArray[np.int64]:
    whole: Days = days.astype("datetime64[D]")
    passed: NDArray[np.int64] = (
        whole - whole.astype(start).astype("datetime64[D]")
    ).astype(np.int64)
    return passed


def _holidays_around(days: Days) -> Days:
    years = days.astype("datetime64[Y]").astype(np.int64) + 1970
    first, last = (int(years.min()), int(years.max())) if days.size else (2000, 2000)
    return _holidays_of(first - 1, last + 1)


@lru_cache(maxsize=64)
def _holidays_of(first_year: int, last_year: int) -> Days:
    """Return public and optional holidays (Carnival is one), sorted."""
    found = holidays.country_holidays(
        HOLIDAY_COUNTRY,
        years=range(first_year, last_year + 1),
        categories=("public", "optional"),
    )
    return np.array(sorted(found), dtype="datetime64[D]")
