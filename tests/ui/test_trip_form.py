"""The trip that an address asks for."""

from datetime import date

import pytest

from tripadvance_core.errors import Refused
from ui.trip_form import TripForm, month_after, month_before

ASKED = {
    "from": " GRU ",
    "to": "Salvador",
    "date": "2026-12-24",
    "airline": "",
    "x.cabin": "Economy",
    "x.stops": "",
    "__theme": "dark",
}


def test_address_is_read_as_a_trip() -> None:
    trip = TripForm(ASKED).trip()
    assert (trip.start_city, trip.end_city) == ("GRU", "Salvador")
    assert (trip.date, trip.airline) == (date(2026, 12, 24), None)
    assert trip.further == {"cabin": "Economy"}


def test_day_may_be_written_as_people_write_it() -> None:
    form = TripForm({**ASKED, "date": "24/12/2026", "duration": "95.5"})
    assert form.trip().date == date(2026, 12, 24)
    assert form.trip().duration_minutes == 95.5


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("date", "", "DATE_MISSING"),
        ("date", "amanhã", "DATE_INVALID"),
        ("quoted", "32/12/2026", "DATE_INVALID"),
        ("duration", "2h", "DURATION_INVALID"),
        ("duration", "-5", "DURATION_INVALID"),
        ("duration", "inf", "DURATION_INVALID"),
        ("duration", "nan", "DURATION_INVALID"),
    ],
)
def test_field_that_cannot_be_read_is_refused(field: str, text: str, code: str) -> None:
    with pytest.raises(Refused, match=code):
        TripForm({**ASKED, field: text}).trip()


def test_form_without_both_cities_asks_for_nothing() -> None:
    assert TripForm(ASKED).is_filled
    assert not TripForm({**ASKED, "to": " "}).is_filled
    assert not TripForm({}).is_filled


def test_next_month_is_asked_for_unless_one_is_named() -> None:
    today = date(2026, 12, 31)
    assert TripForm({}).month(today) == date(2027, 1, 1)
    assert TripForm({"month": "2026-02"}).month(today) == date(2026, 2, 1)
    for text in ("2026-13", "February", "26-02-01"):
        with pytest.raises(Refused, match="MONTH_INVALID"):
            TripForm({"month": text}).month(today)


def test_months_follow_one_another_over_the_end_of_a_year() -> None:
    assert month_after(date(2026, 12, 31)) == date(2027, 1, 1)
    assert month_before(date(2027, 1, 31)) == date(2026, 12, 1)


def test_address_keeps_what_is_not_changed_and_nothing_of_gradios() -> None:
    address = TripForm(ASKED).address(date="2026-12-25", view="trip")
    assert address == (
        "/predict?from=GRU&to=Salvador&date=2026-12-25&x.cabin=Economy&view=trip"
    )


def test_field_can_be_taken_out_of_the_address() -> None:
    address = TripForm(ASKED).address_with({"date": None, "x.cabin": ""})
    assert address == "/predict?from=GRU&to=Salvador"
