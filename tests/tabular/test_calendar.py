"""The calendar of a traveller, day by day."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.tabular import calendar


def days(*written: str) -> calendar.Days:
    return np.array(written, dtype="datetime64[s]")


@given(st.lists(st.dates(), min_size=1, max_size=5))
def test_parts_of_a_day_are_those_of_the_standard_library(dates: list[object]) -> None:
    array = np.array(dates, dtype="datetime64[D]")
    assert calendar.weekday(array).tolist() == [d.weekday() for d in dates]  # type: ignore[attr-defined]
    assert calendar.month(array).tolist() == [d.month for d in dates]  # type: ignore[attr-defined]
    assert calendar.day_of_month(array).tolist() == [d.day for d in dates]  # type: ignore[attr-defined]
    yeardays = [d.timetuple().tm_yday for d in dates]  # type: ignore[attr-defined]
    assert calendar.day_of_year(array).tolist() == yeardays


def test_day_number_counts_from_2000_and_a_missing_day_has_none() -> None:
    numbers = calendar.day_number(days("2000-01-01", "2000-03-01", "NaT"))
    assert numbers[:2].tolist() == [0, 60]
    assert np.isnan(numbers[2])


@pytest.mark.parametrize(
    ("day", "after", "before"),
    [
        ("2025-03-04", 0, 0),  # Carnival
        ("2025-03-06", 1, 10),
        ("2025-04-16", 10, 2),  # before Good Friday
        ("2024-12-31", 0, 0),
        ("2026-01-02", 1, 10),
    ],
)
def test_holidays_are_those_of_brazil(day: str, after: int, before: int) -> None:
    assert calendar.after_holiday(days(day)).tolist() == [after]
    assert calendar.before_holiday(days(day)).tolist() == [before]


def test_no_days_have_no_holidays() -> None:
    assert calendar.after_holiday(days()).shape == (0,)
    assert calendar.before_holiday(days()).shape == (0,)


def test_schools_are_closed_in_january_july_and_after_mid_december() -> None:
    some = days("2025-01-31", "2025-02-01", "2025-07-01", "2025-12-20", "2025-12-19")
    assert calendar.school_break(some).tolist() == [1, 0, 1, 1, 0]
