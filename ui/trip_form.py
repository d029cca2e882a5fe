"""The trip that an address asks for, and addresses that ask for others."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from tripadvance_core.domain.trips import Told, Trip
from tripadvance_core.errors import Refused
from ui.places import PREDICT

FURTHER: Final = "x."
"""How the name of a further column begins in an address."""

MAX_TEXT: Final = 200
_DAY_FORMATS: Final = ("%Y-%m-%d", "%d/%m/%Y")
_MONTH_FORMAT: Final = "%Y-%m"
_OURS: Final = {
    *("view", "from", "to", "date", "airline", "duration", "quoted", "month", "vary")
}


@dataclass(frozen=True)
class TripForm:
    """What the form of a page holds; ``asked`` is the query of its address."""

    asked: Mapping[str, str]

    def text(self, name: str) -> str:
        """Return what stands in a field, as it was written."""
        return self.asked.get(name, "").strip()[:MAX_TEXT]

    @property
    def is_filled(self) -> bool:
        """Whether a price is asked for."""
        return bool(self.text("from") and self.text("to"))

    @property
    def further(self) -> dict[str, Told]:
        """The values of further columns that were given."""
        return {
            name.removeprefix(FURTHER): self.text(name)
            for name in self.asked
            if name.startswith(FURTHER) and self.text(name)
        }

    def trip(self, day: dt.date | None = None) -> Trip:
        """Return the trip.

        Parameters
        ----------
        day
            Flown on this day instead of that of the form.

        Raises
        ------
        Refused
            ``DATE_MISSING``, ``DATE_INVALID`` or ``DURATION_INVALID``.
        """
        return Trip(
            date=day or _day(self.text("date")),
            start_city=self.text("from"),
            end_city=self.text("to"),
            airline=self.text("airline") or None,
            duration_minutes=_minutes(self.text("duration")),
            quote_date=_day(self.text("quoted")) if self.text("quoted") else None,
            further=self.further,
        )

    def month(self, today: dt.date) -> dt.date:
        """Return the first day of the month that is asked for, next month by default.

        Raises
        ------
        Refused
            ``MONTH_INVALID``.
        """
        text = self.text("month")
        if not text:
            return month_after(today)
        try:
            return dt.datetime.strptime(text, _MONTH_FORMAT).date()  # noqa: DTZ007
        except ValueError as error:
            raise Refused("MONTH_INVALID", month=text) from error

    def address(self, **changes: Any) -> str:
        """Return the address of the page with some of its fields changed."""
        return self.address_with(changes)

    def address_with(self, changes: Mapping[str, Any]) -> str:
        """Return the same for names that are no words of Python's; None removes."""
        fields = {
            name: self.text(name)
            for name in self.asked
            if name in _OURS or name.startswith(FURTHER)
        }
        kept = {name: value for name, value in (fields | {**changes}).items() if value}
        # Whole, for Gradio's documents have "/" for their base.
        return f"{PREDICT.path}?{urlencode(kept)}"


def month_after(day: dt.date) -> dt.date:
    """Return the first day of the next month."""
    return (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)


def month_before(day: dt.date) -> dt.date:
    """Return the first day of the month before."""
    return (day.replace(day=1) - dt.timedelta(days=1)).replace(day=1)


def _day(text: str) -> dt.date:
    if not text:
        raise Refused("DATE_MISSING")
    for pattern in _DAY_FORMATS:
        try:
            return dt.datetime.strptime(text, pattern).date()  # noqa: DTZ007
        except ValueError:
            continue
    raise Refused("DATE_INVALID")


def _minutes(text: str) -> float | None:
    if not text:
        return None
    try:
        minutes = float(text)
    except ValueError as error:
        raise Refused("DURATION_INVALID") from error
    if not 0 < minutes < float("inf"):
        raise Refused("DURATION_INVALID")
    return minutes
