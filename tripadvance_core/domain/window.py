"""The hours in which the night may work: pure arithmetic on moments."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Occurrence(NamedTuple):
    """One night's window, half-open: ``opens`` belongs to it, ``closes`` does not."""

    opens: datetime
    closes: datetime


@dataclass(frozen=True)
class Window:
    """Local wall-clock hours of one zone; equal hours mean the whole day.

    A window whose end is not after its start crosses midnight.
    """

    start: time
    end: time
    zone: ZoneInfo

    def occurrence_at(self, moment: datetime) -> Occurrence | None:
        """Return the window that holds ``moment`` (aware), in UTC, or None."""
        moment = moment.astimezone(UTC)
        local = moment.astimezone(self.zone)
        for days_ago in (0, 1):
            day = local.date() - timedelta(days=days_ago)
            last_day = day + timedelta(days=self.end <= self.start)
            opens = datetime.combine(day, self.start, self.zone).astimezone(UTC)
            closes = datetime.combine(last_day, self.end, self.zone).astimezone(UTC)
            if opens <= moment < closes:
                return Occurrence(opens, closes)
        return None


class Gate(StrEnum):
    """Why a run may start, or may not; each is a message code."""

    OPEN = "WINDOW_OPEN"
    IGNORED = "WINDOW_IGNORED"
    OUTSIDE = "OUTSIDE_WINDOW"
    EARLIER_NIGHT = "EARLIER_NIGHT"


class Admission(NamedTuple):
    """The answer to "may work start now?", and when it must end."""

    gate: Gate
    closes: datetime | None

    @property
    def admitted(self) -> bool:
        """Whether work may start."""
        return self.gate in (Gate.OPEN, Gate.IGNORED)


def admit(
    now: datetime,
    window: Window,
    *,
    scheduled_for: datetime | None = None,
    ignore_window: bool = False,
) -> Admission:
    """Decide whether a run may start now.

    The present moment decides, whatever the schedule says. A run that was scheduled
    longer ago than a window lasts belongs to an earlier night and is refused too, or
    a server that was down for three nights would start three chains at once.
    """
    if ignore_window:
        return Admission(Gate.IGNORED, None)
    occurrence = window.occurrence_at(now)
    if occurrence is None:
        return Admission(Gate.OUTSIDE, None)
    length = occurrence.closes - occurrence.opens
    if scheduled_for is not None and now - scheduled_for > length:
        return Admission(Gate.EARLIER_NIGHT, None)
    return Admission(Gate.OPEN, occurrence.closes)
