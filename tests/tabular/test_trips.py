"""Trips that are asked one by one keep the rules of rows of a file."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from tripadvance_core.domain.trips import Trip
from tripadvance_core.errors import Refused
from tripadvance_core.tabular.trips import asked_by, columns_of_trips, require_valid

TODAY = date(2026, 11, 24)


def trip(**fields: Any) -> Trip:
    given = {"date": date(2026, 12, 24), "start_city": "Salvador", "end_city": "Recife"}
    return Trip(**(given | fields))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"start_city": "=1+1"}, "CITY_INVALID"),
        ({"end_city": " "}, "CITY_MISSING"),
        ({"end_city": "SALVADOR"}, "SAME_CITY"),
        ({"airline": "<b>"}, "AIRLINE_INVALID"),
        ({"date": date(1626, 12, 24)}, "DATE_RANGE"),
        ({"quote_date": date(2026, 12, 25)}, "QUOTE_AFTER_FLIGHT"),
        ({"duration_minutes": 1e6}, "DURATION_RANGE"),
    ],
)
def test_trip_is_refused_as_a_row_would_be(fields: Any, code: str) -> None:
    with pytest.raises(Refused, match=code) as refused:
        require_valid(trip(**fields))
    assert refused.value.sentence("pt-BR")


def test_trip_that_tells_no_more_than_it_must_is_valid() -> None:
    require_valid(trip())


def test_trip_that_does_not_say_when_it_asks_asks_today() -> None:
    asked = asked_by(TODAY, columns_of_trips([trip()]))
    assert asked["quote_date"].tolist() == [TODAY]
    without = {"date": np.array(["2026-12-24"], dtype="datetime64[s]")}
    assert asked_by(TODAY, without)["quote_date"].tolist() == [TODAY]


def test_trip_that_says_when_it_asks_is_believed() -> None:
    day = date(2026, 11, 1)
    asked = asked_by(TODAY, columns_of_trips([trip(quote_date=day), trip()]))
    assert asked["quote_date"].tolist() == [day, TODAY]


def test_flight_of_the_past_was_asked_for_on_its_own_day_at_the_latest() -> None:
    day = date(2025, 3, 25)
    asked = asked_by(TODAY, columns_of_trips([trip(date=day)]))
    assert asked["quote_date"].tolist() == [day]


def test_what_one_of_several_trips_does_not_tell_is_missing() -> None:
    both = columns_of_trips([trip(further={"class": "eco"}), trip(airline="Gol")])
    assert both["class"].tolist() == ["eco", None]
    assert both["airline"].tolist() == [None, "Gol"]
    assert np.isnan(both["duration_minutes"]).all()
