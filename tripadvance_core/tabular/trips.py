"""Trips that people ask for one by one, held to the rules of the intake."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tripadvance_core.domain.holdout import canonical_name
from tripadvance_core.domain.trips import Trip
from tripadvance_core.errors import Refused
from tripadvance_core.tabular.cells import Column
from tripadvance_core.tabular.dates import FIRST_YEAR, LAST_YEAR
from tripadvance_core.tabular.durations import MAX_MINUTES
from tripadvance_core.tabular.features import DURATION, QUOTE_DATE, Columns
from tripadvance_core.tabular.names import MAX_LENGTH, parse_airlines, parse_cities


def require_valid(trip: Trip) -> None:
    """Check a trip as a row of a file would be.

    Raises
    ------
    Refused
        With the code that a row of a file would be refused with.
    """
    _require_name(parse_cities, trip.start_city)
    _require_name(parse_cities, trip.end_city)
    if trip.airline is not None:
        _require_name(parse_airlines, trip.airline)
    if canonical_name(trip.start_city) == canonical_name(trip.end_city):
        raise Refused("SAME_CITY")
    for day in (trip.date, trip.quote_date or trip.date):
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise Refused("DATE_RANGE", first_year=FIRST_YEAR, last_year=LAST_YEAR)
    if trip.quote_date is not None and trip.quote_date > trip.date:
        raise Refused("QUOTE_AFTER_FLIGHT")
    if trip.duration_minutes is not None and trip.duration_minutes > MAX_MINUTES:
        raise Refused("DURATION_RANGE", max_minutes=MAX_MINUTES)


def columns_of_trips(trips: Sequence[Trip]) -> dict[str, NDArray[Any]]:
    """Return n trips as columns of shape (n,); what they do not tell is missing."""
    further = dict.fromkeys(name for trip in trips for name in trip.further)
    return {
        "date": _days([trip.date for trip in trips]),
        "start_city": _texts([trip.start_city for trip in trips]),
        "end_city": _texts([trip.end_city for trip in trips]),
        "airline": _texts([trip.airline for trip in trips]),
        DURATION: np.array([trip.duration_minutes for trip in trips], np.float64),
        QUOTE_DATE: _days([trip.quote_date for trip in trips]),
        **{
            name: _texts([trip.further.get(name) for trip in trips]) for name in further
        },
    }


def asked_by(today: date, columns: Columns) -> dict[str, NDArray[Any]]:
    """Return n rows of which those that do not say when they ask, ask today.

    A flight of the past was asked for on its own day at the latest.
    """
    days = columns["date"].astype("datetime64[D]")
    at_the_latest = np.minimum(days, np.datetime64(today, "D"))
    if QUOTE_DATE not in columns:
        return {**columns, QUOTE_DATE: at_the_latest}
    asked = columns[QUOTE_DATE].astype("datetime64[D]")
    return {**columns, QUOTE_DATE: np.where(np.isnat(asked), at_the_latest, asked)}


def _require_name(parse: Any, name: str) -> None:
    code = parse(Column((name,), np.zeros(1, dtype=np.intp))).faults[0]
    if code is not None:
        raise Refused(code, max_length=MAX_LENGTH)


def _days(days: Sequence[date | None]) -> NDArray[np.datetime64]:
    return np.array(days, dtype="datetime64[D]")


def _texts(values: Sequence[Any]) -> NDArray[np.object_]:
    return np.array(values, dtype=object)
