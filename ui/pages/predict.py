"""Prices: one trip, a month of a route, a spreadsheet, and how programs ask."""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.trips import (
    Calendar,
    Quote,
    Variant,
    Vocabulary,
)
from tripadvance_core.errors import NotFound, Refused
from tripadvance_core.services.prediction import AIRLINE, DATE, MOST_TRIPS
from tripadvance_core.tabular.features import LEAD_DAYS
from ui.desk import Desk, Reader
from ui.pages.predict_sheet import SheetSection
from ui.parts import html
from ui.trip_form import FURTHER, TripForm, month_after, month_before

TRIP: Final = "trip"
CALENDAR: Final = "calendar"
SHEET: Final = "sheet"
API: Final = "api"
VIEWS: Final = (TRIP, CALENDAR, SHEET, API)

MONTHS_OFFERED: Final = 18
FEW_CHOICES: Final = 30
"""So many values fit into a list; more are offered while one types."""

_DAYS_AHEAD: Final = 30
_DAYS_OF_WEEK: Final = 7


def build(desk: Desk) -> None:
    """Add the page."""
    services = desk.services
    page = _Page(services)
    desk.fill(html("prices"), page.show)
    with gr.Column(visible=False, elem_id="prices-sheet") as section:
        SheetSection(desk)

    def show_section(reader: Reader) -> gr.Column:
        has_master = services.registry.pointer() is not None
        return gr.Column(visible=has_master and _view(reader) == SHEET)

    desk.load(show_section, section)


def _view(reader: Reader) -> str:
    asked = reader.query.get("view", TRIP)
    return asked if asked in VIEWS else TRIP


class _Page:
    """What the parts of the page show."""

    def __init__(self, services: Services) -> None:
        self._prediction = services.prediction
        self._settings = services.settings
        self._clock = services.clock
        self._views: Mapping[str, Callable[[Reader, Vocabulary], str]] = {
            TRIP: self._trip,
            CALENDAR: self._calendar,
            SHEET: self._sheet,
            API: self._api,
        }

    def show(self, reader: Reader) -> str:
        """Write the part that the address asks for."""
        try:
            known = self._prediction.vocabulary()
        except NotFound:
            return reader.render("predict/no_master.html")
        return self._views[_view(reader)](reader, known)

    def _trip(self, reader: Reader, known: Vocabulary) -> str:
        form = TripForm(reader.query)
        answered: dict[str, Any] = {"quote": None, "refusal": None}
        if form.is_filled:
            try:
                answered |= self._answered(reader, form, known)
            except Refused as refusal:
                answered["refusal"] = reader.words.error(refusal)
        return reader.render(
            "predict/trip.html",
            **self._frame(form, known, TRIP),
            **answered,
            usual_day=self._today + dt.timedelta(days=_DAYS_AHEAD),
        )

    def _answered(
        self, reader: Reader, form: TripForm, known: Vocabulary
    ) -> dict[str, Any]:
        trip = form.trip()
        quote = self._prediction.quote(trip)
        fields = _varied_fields(known)
        field = form.text("vary") if form.text("vary") in fields else DATE
        variants = self._prediction.variants(trip, field).variants
        return {
            "quote": quote,
            "range": _Range.of(quote),
            "most": max((abs(reason.amount) for reason in quote.reasons), default=1.0),
            "further_told": _further_of(quote),
            "fields": fields,
            "field": field,
            "variants": [_Choice.of(form, field, one, reader) for one in variants],
            "dearest": max(one.priced.price for one in variants),
        }

    def _calendar(self, reader: Reader, known: Vocabulary) -> str:
        form = TripForm(reader.query)
        month = month_after(self._today)
        calendar, refusal = None, None
        try:
            month = form.month(self._today)
            if form.is_filled:
                calendar = self._prediction.calendar(form.trip(month), month)
        except Refused as error:
            refusal = reader.words.error(error)
        return reader.render(
            "predict/calendar.html",
            **self._frame(form, known, CALENDAR),
            month=month,
            months=_months(self._today, month),
            before=month_before(month),
            after=month_after(month),
            calendar=calendar,
            weeks=_weeks(calendar, reader) if calendar else [],
            refusal=refusal,
        )

    def _sheet(self, reader: Reader, known: Vocabulary) -> str:
        return reader.render(
            "predict/sheet.html", **self._frame(TripForm({}), known, SHEET)
        )

    def _api(self, reader: Reader, known: Vocabulary) -> str:
        return reader.render(
            "predict/api.html",
            **self._frame(TripForm({}), known, API),
            url=self._settings.address_for_people,
            examples=_examples(known, self._today + dt.timedelta(days=_DAYS_AHEAD)),
            most_trips=MOST_TRIPS,
            mcp=self._settings.mcp,
        )

    def _frame(self, form: TripForm, known: Vocabulary, view: str) -> dict[str, Any]:
        return {
            "form": form,
            "known": known,
            "view": view,
            "views": VIEWS,
            "further_prefix": FURTHER,
            "few": FEW_CHOICES,
        }

    @property
    def _today(self) -> dt.date:
        return self._clock().astimezone(self._settings.zone).date()


@dataclass(frozen=True)
class _Range:
    """Where the ends of the ranges and of what is usual lie, in per cent of the bar."""

    places: Mapping[str, float]

    @classmethod
    def of(cls, quote: Quote) -> "_Range | None":
        """Place the ends on one scale; None where no range is known."""
        priced, usual = quote.priced, quote.usual
        ends = {
            name: getattr(priced, name)
            for name in ("low_95", "low", "price", "high", "high_95")
        }
        if priced.low is None or priced.high is None:
            return None
        if usual is not None:
            ends |= {"usual_low": usual.low, "usual_high": usual.high}
        known = {name: end for name, end in ends.items() if end is not None}
        first, last = min(known.values()), max(known.values())
        return cls(
            {
                name: round(100 * (end - first) / ((last - first) or 1), 2)
                for name, end in known.items()
            }
        )


@dataclass(frozen=True)
class _Choice:
    """Another value of one field: how it is written, its price, where it leads."""

    name: str
    variant: Variant
    address: str

    @classmethod
    def of(
        cls, form: TripForm, field: str, variant: Variant, reader: Reader
    ) -> "_Choice":
        name, changes = _as_choice(field, variant, reader)
        address = form.address_with({"view": TRIP, "vary": field, **changes})
        return cls(name, variant, address)


def _as_choice(
    field: str, variant: Variant, reader: Reader
) -> tuple[str, dict[str, Any]]:
    """Return how a value is written, and the fields of the form that ask for it."""
    value, trip = variant.value, variant.priced.trip
    if field == DATE:
        weekday = reader.words.weekday(trip.date)
        written = f"{reader.words.day(trip.date)}, {weekday}"
        return written, {"date": trip.date.isoformat()}
    if field == LEAD_DAYS and trip.quote_date is not None:
        written = reader.say(
            "PRICES_DAYS_BEFORE", days=(trip.date - trip.quote_date).days
        )
        return written, {"quoted": trip.quote_date.isoformat()}
    name = AIRLINE if field == AIRLINE else f"{FURTHER}{field}"
    return str(value), {name: value}


def _examples(known: Vocabulary, day: dt.date) -> dict[str, str]:
    """Return what programs send, in JSON that a shell takes between single quotes."""
    route = {"start_city": known.start_cities[0], "end_city": known.end_cities[-1]}
    trip = {"date": day.isoformat(), **route}
    data = {
        "price": [trip],
        "many": [[trip, trip]],
        "calendar": [route, f"{day:%Y-%m}"],
    }
    return {
        name: json.dumps({"data": asked}, ensure_ascii=False).replace("'", "\\u0027")
        for name, asked in data.items()
    }


def _varied_fields(known: Vocabulary) -> list[str]:
    lead = [LEAD_DAYS] if known.lead_time_matters else []
    return [
        DATE,
        AIRLINE,
        *lead,
        *(field.column for field in known.further if field.choices),
    ]


def _further_of(quote: Quote) -> list[str]:
    """Return the further columns that any of the past fares tells."""
    return sorted({name for fare in quote.past_fares for name in fare.further})


def _months(today: dt.date, asked: dt.date) -> Sequence[dt.date]:
    months = [today.replace(day=1)]
    while len(months) < MONTHS_OFFERED:
        months.append(month_after(months[-1]))
    return sorted({*months, asked})


def _weeks(calendar: Calendar, reader: Reader) -> list[tuple[Any, ...]]:
    """Return the days in weeks, blank ones where a week is not whole."""
    blank = reader.words.days_into_week(calendar.days[0].day)
    days: list[Any] = [*[None] * blank, *calendar.days]
    days += [None] * (-len(days) % _DAYS_OF_WEEK)
    starts = range(0, len(days), _DAYS_OF_WEEK)
    return [tuple(days[start : start + _DAYS_OF_WEEK]) for start in starts]
