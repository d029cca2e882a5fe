"""When work may start: half-open, in the window's own zone, whatever the schedule."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.domain.window import Gate, Window, admit

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NIGHT = Window(time(0), time(6), SAO_PAULO)


def local(hour: int, minute: int = 0, *, day: int = 24) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=SAO_PAULO)


@pytest.mark.parametrize(
    ("hour", "minute", "gate"),
    [
        (0, 0, Gate.OPEN),
        (5, 59, Gate.OPEN),
        (6, 0, Gate.OUTSIDE),
        (9, 0, Gate.OUTSIDE),
        (23, 59, Gate.OUTSIDE),
    ],
)
def test_window_is_half_open(hour: int, minute: int, gate: Gate) -> None:
    assert admit(local(hour, minute), NIGHT).gate is gate


def test_window_is_reckoned_in_its_own_zone() -> None:
    three_utc = datetime(2026, 11, 24, 3, tzinfo=UTC)
    assert NIGHT.occurrence_at(three_utc) is not None
    assert NIGHT.occurrence_at(three_utc - timedelta(seconds=1)) is None


def test_run_scheduled_at_midnight_and_started_at_nine_is_outside() -> None:
    assert admit(local(9), NIGHT, scheduled_for=local(0)).gate is Gate.OUTSIDE


def test_run_of_an_earlier_night_is_refused_inside_the_next_window() -> None:
    late = admit(local(1), NIGHT, scheduled_for=local(0, day=22))
    assert late.gate is Gate.EARLIER_NIGHT


def test_run_that_starts_late_in_its_own_night_is_admitted() -> None:
    assert admit(local(5, 30), NIGHT, scheduled_for=local(0)).admitted


def test_manual_run_ignores_the_window_and_has_no_end() -> None:
    admission = admit(local(15), NIGHT, ignore_window=True)
    assert admission.gate is Gate.IGNORED
    assert admission.closes is None


def test_window_may_cross_midnight() -> None:
    window = Window(time(22), time(4), SAO_PAULO)
    evening, morning = local(23), local(3, 59, day=25)
    assert window.occurrence_at(evening) == window.occurrence_at(morning)
    assert window.occurrence_at(local(4, day=25)) is None


def test_equal_hours_mean_the_whole_day() -> None:
    window = Window(time(12), time(12), SAO_PAULO)
    assert window.occurrence_at(local(11, 59)) is not None
    assert window.occurrence_at(local(12)) is not None


@given(
    moment=st.datetimes(
        min_value=datetime(2017, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(2027, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    start=st.integers(0, 23),
    end=st.integers(0, 23),
    zone=st.sampled_from(["America/Sao_Paulo", "America/New_York", "Asia/Kolkata"]),
)
def test_a_moment_lies_within_the_occurrence_that_holds_it(
    moment: datetime, start: int, end: int, zone: str
) -> None:
    """Daylight saving too: Brazil's until 2019 began at midnight."""
    window = Window(time(start), time(end), ZoneInfo(zone))
    occurrence = window.occurrence_at(moment)
    if occurrence is None:
        return
    assert occurrence.opens <= moment < occurrence.closes
    assert window.occurrence_at(occurrence.closes) != occurrence
    assert window.occurrence_at(occurrence.opens) == occurrence
