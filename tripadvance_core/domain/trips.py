"""Trips whose prices are asked, and what is answered; money in the base currency."""

import datetime as dt
from enum import StrEnum
from typing import Self

from pydantic import Field

from tripadvance_core.domain.entities import Value

Told = str | float
"""A value of a further column, as people write it."""


class Trip(Value):
    """One trip.

    What is None, or absent from ``further``, is taken to be what is usual on the route.
    ``quote_date`` is the day on which the price is asked; None means today. ``further``
    holds values of the further columns that the model has learned from.
    """

    date: dt.date
    start_city: str
    end_city: str
    airline: str | None = None
    duration_minutes: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    quote_date: dt.date | None = None
    further: dict[str, Told] = Field(default_factory=dict)

    def flying(self, day: dt.date) -> Self:
        """Return the same trip on another day, asked on the same one or on its own."""
        asked = None if self.quote_date is None else min(self.quote_date, day)
        return self.model_copy(update={"date": day, "quote_date": asked})

    def asked_before(self, days: int) -> Self:
        """Return the same trip asked so many days before it."""
        return self.model_copy(update={"quote_date": self.date - dt.timedelta(days)})

    def by(self, airline: str) -> Self:
        """Return the same trip with another airline."""
        return self.model_copy(update={"airline": airline})

    def with_further(self, column: str, value: Told) -> Self:
        """Return the same trip with another value of a further column."""
        return self.model_copy(update={"further": self.further | {column: value}})


class PriceLevel(StrEnum):
    """Where a price stands among the past fares of its route."""

    LOW = "LOW"
    TYPICAL = "TYPICAL"
    HIGH = "HIGH"


class UsualRange(Value):
    """A third of ``fares`` past fares of a route cost less, a third cost more."""

    low: float
    high: float
    fares: int

    def level(self, price: float) -> PriceLevel:
        """Tell where a price stands; the bounds themselves are typical."""
        if price < self.low:
            return PriceLevel.LOW
        return PriceLevel.HIGH if price > self.high else PriceLevel.TYPICAL


class Reason(Value):
    """What one cause adds to a price or takes from it.

    ``code`` names the cause in the catalogue; ``column`` is the further column that it
    is, where it is one.
    """

    code: str
    amount: float
    column: str | None = None


class PastFare(Value):
    """A real fare that was seen; what its file did not tell is None or absent."""

    date: dt.date
    airline: str
    price: float
    duration_minutes: float | None = None
    quote_date: dt.date | None = None
    further: dict[str, Told] = Field(default_factory=dict)


class PricedTrip(Value):
    """A trip with its predicted price.

    Attributes
    ----------
    trip
        As it was priced: names as they are known, gaps filled.
    assumed
        Which of its fields were filled with what is usual.
    low, high, low_95, high_95
        The ranges of 80 and 95 of 100 true prices; None where none is known.
    doubts
        Codes of what speaks against the price.
    """

    trip: Trip
    assumed: tuple[str, ...] = ()
    price: float
    low: float | None
    high: float | None
    low_95: float | None
    high_95: float | None
    doubts: tuple[str, ...] = ()


class Answer(Value):
    """What every answer says: the currency of its prices, and who predicted them."""

    currency: str
    model_id: str
    model_number: int


class PricedTrips(Answer):
    """Several trips, in the order in which they were asked."""

    trips: tuple[PricedTrip, ...]


class Quote(Answer):
    """A priced trip with everything that is needed to judge the price.

    ``base`` and the amounts of ``reasons`` add up to the price, to the cent. ``usual``
    is None where too few fares of the route are known.
    """

    priced: PricedTrip
    base: float
    reasons: tuple[Reason, ...]
    past_fares: tuple[PastFare, ...]
    usual: UsualRange | None

    @property
    def level(self) -> PriceLevel | None:
        """Where the price stands among those of its route, where that is known."""
        return None if self.usual is None else self.usual.level(self.priced.price)


class Variant(Value):
    """The same trip with another value in one field; ``asked`` marks the trip itself."""

    value: Told | dt.date
    priced: PricedTrip
    asked: bool


class Variants(Answer):
    """What the price of a trip would be with another value in one field."""

    field: str
    variants: tuple[Variant, ...]


class CalendarDay(Value):
    """The cheapest airline of one day."""

    priced: PricedTrip
    level: PriceLevel | None
    cheapest: bool

    @property
    def day(self) -> dt.date:
        """The day of the flight."""
        return self.priced.trip.date


class Calendar(Answer):
    """A month of one route, day by day."""

    days: tuple[CalendarDay, ...]
    usual: UsualRange | None

    @property
    def doubts(self) -> tuple[str, ...]:
        """Codes of what speaks against any of the prices, each once."""
        return tuple(dict.fromkeys(c for day in self.days for c in day.priced.doubts))


class FurtherField(Value):
    """A further column that the model has learned from.

    ``choices`` are its known values, most frequent first; None where it is a number.
    """

    column: str
    choices: tuple[str, ...] | None


class Vocabulary(Answer):
    """What a form can offer: names as people write them, in the order of letters."""

    start_cities: tuple[str, ...]
    end_cities: tuple[str, ...]
    airlines: tuple[str, ...]
    further: tuple[FurtherField, ...]
    lead_time_matters: bool
    first_day: dt.date
    last_day: dt.date
