"""Prices from MASTER: for one trip, a month, another choice, a whole spreadsheet."""

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, cast

import numpy as np
import pandas as pd

from tripadvance_core import formats
from tripadvance_core.domain.entities import ColumnMapping, ModelVersion
from tripadvance_core.domain.times import Clock
from tripadvance_core.domain.trips import (
    Calendar,
    CalendarDay,
    FurtherField,
    PricedTrip,
    PricedTrips,
    Quote,
    Told,
    Trip,
    UsualRange,
    Variant,
    Variants,
    Vocabulary,
)
from tripadvance_core.errors import Refused
from tripadvance_core.learning.model import Prices
from tripadvance_core.learning.reasons import Explained, explained
from tripadvance_core.messages import Language, sentence
from tripadvance_core.services.past_fares import PastFareSamples
from tripadvance_core.services.reading import FileReader
from tripadvance_core.services.registry import Registry
from tripadvance_core.services.reigning import Reigning, Throne
from tripadvance_core.settings import Settings
from tripadvance_core.tabular.features import (
    DURATION,
    LEAD_DAYS,
    Columns,
    columns_of,
)
from tripadvance_core.tabular.jobs import CleanFares
from tripadvance_core.tabular.past_fares import further_columns
from tripadvance_core.tabular.texts import fold
from tripadvance_core.tabular.trips import asked_by, columns_of_trips, require_valid

MOST_TRIPS: Final = 1_000
"""Most trips that one question may hold; a spreadsheet may hold more."""

DATE: Final = "date"
AIRLINE: Final = "airline"

MOST_EXPLAINED: Final = 1_000
"""Rows of a spreadsheet whose prices are explained: each takes some 35 ms of CPU."""

_DECIMALS = 2
"""Of prices: nobody pays less than a cent."""
_NAMES: Final = {AIRLINE: "WHY_AIRLINE", DURATION: "WHY_DURATION"}
_SIMILAR_FARES: Final = 8
_DAYS_AROUND: Final = 7
_LEAD_TIMES: Final = (0, 1, 3, 7, 14, 21, 30, 45, 60, 90)
_MOST_AIRLINES: Final = 12
_MOST_VARIANTS: Final = 20


@dataclass(frozen=True)
class PredictedFile:
    """The file with its predictions, ready to be written."""

    content: bytes
    model: ModelVersion
    trips: CleanFares


@dataclass(frozen=True)
class _Priced:
    """Rows as they were priced, and which of their gaps were filled."""

    columns: Columns
    assumed: dict[str, Any]
    prices: Prices


class PredictionService:
    """Asks MASTER for prices; every way to ask goes through the same few lines.

    Every method raises ``NotFound`` (``NO_MASTER``) before the first model was promoted.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        samples: PastFareSamples,
        clock: Clock,
    ) -> None:
        self._reader = FileReader(settings)
        self._throne = Throne(registry, samples)
        self._zone = settings.zone
        self._language = settings.language
        self._clock = clock

    def quote(self, trip: Trip) -> Quote:
        """Return the price of one trip with all that is needed to judge it.

        Raises
        ------
        Refused
            Where the trip is none, with the code of a row of a file;
            ``COLUMN_NOT_LEARNED`` for a further column that the model does not know.
        """
        master = self._throne.reigning()
        asked, found = self._asked(master, [trip])
        (priced,) = _priced_trips(asked, found)
        row = {name: column[:1] for name, column in found.columns.items()}
        (because,) = explained(master.fares, row)
        route = master.past.route(priced.trip.start_city, priced.trip.end_city)
        return Quote(
            **_by(master),
            priced=priced,
            base=because.base,
            reasons=because.reasons,
            past_fares=route.nearest(priced.trip, _SIMILAR_FARES) if route else (),
            usual=_usual(master, priced),
        )

    def price(self, trips: Sequence[Trip]) -> PricedTrips:
        """Return the prices of up to 1,000 trips.

        Raises
        ------
        Refused
            ``TOO_MANY_TRIPS``; else as ``quote``.
        """
        if len(trips) > MOST_TRIPS:
            raise Refused("TOO_MANY_TRIPS", most=MOST_TRIPS)
        master = self._throne.reigning()
        return PricedTrips(**_by(master), trips=self._price(master, trips))

    def variants(self, trip: Trip, field: str) -> Variants:
        """Return the prices of the same trip with other values in one field.

        Parameters
        ----------
        field
            ``date``, ``airline``, ``lead_days`` or a further text column.

        Raises
        ------
        Refused
            ``FIELD_NOT_VARIED`` for another field; else as ``quote``.
        """
        master = self._throne.reigning()
        named, found = self._asked(master, [trip])
        (asked,) = _priced_trips(named, found)
        same = {"airline": asked.trip.airline, "quote_date": asked.trip.quote_date}
        values, trips = _others(
            master, named[0].model_copy(update=same), asked.trip, field
        )
        variants = tuple(
            Variant(value=value, priced=priced, asked=priced.trip == asked.trip)
            for value, priced in zip(values, self._price(master, trips), strict=True)
        )
        return Variants(**_by(master), field=field, variants=variants)

    def calendar(self, trip: Trip, month: date) -> Calendar:
        """Return for each day of a month the cheapest airline of a trip's route.

        Parameters
        ----------
        trip
            Its route, and whatever else it tells; where it names an airline, only that
            one is asked. Its day does not matter.
        month
            Any day of it.

        Raises
        ------
        Refused
            As ``quote``.
        """
        master = self._throne.reigning()
        (asked,) = self._price(master, [trip])
        airlines = [trip.airline] if trip.airline else _airlines(master, asked.trip)
        days = _days_of(month)
        trips = [trip.flying(day).by(name) for day in days for name in airlines]
        priced = self._price(master, trips)
        best = [
            min(priced[start : start + len(airlines)], key=lambda one: one.price)
            for start in range(0, len(priced), len(airlines))
        ]
        usual = _usual(master, asked)
        least = min(one.price for one in best)
        return Calendar(
            **_by(master),
            usual=usual,
            days=tuple(
                CalendarDay(
                    priced=one,
                    level=usual and usual.level(one.price),
                    cheapest=one.price == least,
                )
                for one in best
            ),
        )

    def vocabulary(self) -> Vocabulary:
        """Return what MASTER knows, for a form to offer."""
        master = self._throne.reigning()
        encoder, past = master.fares.encoder, master.past
        texts, numbers = further_columns(encoder)
        return Vocabulary(
            **_by(master),
            start_cities=_known(master, "start_city"),
            end_cities=_known(master, "end_city"),
            airlines=_known(master, "airline"),
            further=(
                *(FurtherField(column=c, choices=past.choices(c)) for c in texts),
                *(FurtherField(column=name, choices=None) for name in numbers),
            ),
            lead_time_matters=LEAD_DAYS in encoder.core_numbers,
            first_day=encoder.first_day,
            last_day=encoder.last_day,
        )

    def predict_file(
        self, content: bytes, name: str, mapping: ColumnMapping, *, file_type: str
    ) -> PredictedFile:
        """Return the file's own columns with price, range and model beside them.

        See ``steps_of_file``; the language is that of the settings.
        """
        *_, result = self.steps_of_file(
            content, name, mapping, file_type=file_type, language=self._language
        )
        return cast(PredictedFile, result)

    def steps_of_file(
        self,
        content: bytes,
        name: str,
        mapping: ColumnMapping,
        *,
        file_type: str,
        language: Language,
    ) -> Iterator[str | PredictedFile]:
        """Predict the prices of a file; give the code of each step as it begins.

        The last that is given is the result.

        Parameters
        ----------
        file_type
            ``xlsx`` or ``csv``, the form of the result.
        language
            In which reasons and doubts are told.

        Raises
        ------
        FileRefused
            When the file cannot be read.
        """
        master = self._throne.reigning()
        yield "STEP_READING"
        trips = self._reader.trips(content, name, mapping)
        yield "STEP_PRICING"
        found = self._priced(master, columns_of(trips.rows()))
        yield "STEP_EXPLAINING"
        told = _as_frame(found.prices).assign(
            reason=_reasons(master, found, language),
            doubt=_in_words(found, language),
            model_id=master.model.id,
        )
        yield "STEP_WRITING"
        written = self._reader.with_predictions(content, name, mapping, told, file_type)
        yield PredictedFile(written, master.model, trips)

    def _price(self, master: Reigning, trips: Sequence[Trip]) -> tuple[PricedTrip, ...]:
        return _priced_trips(*self._asked(master, trips)) if trips else ()

    def _asked(
        self, master: Reigning, trips: Sequence[Trip]
    ) -> tuple[list[Trip], _Priced]:
        """Return trips under the names that are known, and their prices."""
        named: list[Trip] = []
        for trip in trips:
            known, airports = master.past.named(trip)
            require_valid(known)
            further = _known_further(master, known.further)
            learned = {a: c for a, c in airports.items() if a in master.fares.features}
            named.append(known.model_copy(update={"further": learned | further}))
        return named, self._priced(master, columns_of_trips(named))

    def _priced(self, master: Reigning, columns: Columns) -> _Priced:
        """Price n rows; the one place where gaps are filled and models are asked."""
        today = self._clock().astimezone(self._zone).date()
        whole, assumed = master.past.completed(asked_by(today, columns))
        return _Priced(whole, assumed, master.fares.prices(whole))


def _by(master: Reigning) -> dict[str, Any]:
    return {
        "currency": master.model.currency,
        "model_id": master.model.id,
        "model_number": master.model.number,
    }


def _priced_trips(trips: Sequence[Trip], found: _Priced) -> tuple[PricedTrip, ...]:
    prices = [column.tolist() for column in found.prices]
    return tuple(
        PricedTrip(
            trip=_as_priced(trip, found, row),
            assumed=tuple(name for name, rows in found.assumed.items() if rows[row]),
            price=round(price, _DECIMALS),
            doubts=tuple(doubts.split()),
            **{
                name: None if np.isnan(end) else round(end, _DECIMALS)
                for name, end in zip(_ENDS, ends, strict=True)
            },
        )
        for row, (trip, price, *ends, doubts) in enumerate(
            zip(trips, *prices, strict=True)
        )
    )


_ENDS: Final = ("low", "high", "low_95", "high_95")


def _as_priced(trip: Trip, found: _Priced, row: int) -> Trip:
    """Return a trip with its gaps as they were filled."""
    filled = {
        n: found.columns[n][row] for n, rows in found.assumed.items() if rows[row]
    }
    own = {
        name: filled.pop(name)
        for name in ("airline", "duration_minutes") & filled.keys()
    }
    asked = found.columns["quote_date"][row].astype(object)
    return trip.model_copy(
        update={**own, "quote_date": asked, "further": trip.further | filled}
    )


def _known_further(master: Reigning, told: dict[str, Told]) -> dict[str, Told]:
    """Return the further values of a trip under the names of the model's columns."""
    texts, numbers = further_columns(master.fares.encoder)
    names = {fold(name): name for name in (*texts, *numbers)}
    for name in told:
        if fold(name) not in names:
            known = ", ".join(names.values()) or "–"
            raise Refused("COLUMN_NOT_LEARNED", column=name, known=known)
    return {
        (column := names[fold(name)]): _number(column, value)
        if column in numbers
        else value
        for name, value in told.items()
    }


def _number(column: str, value: Told) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise Refused("COLUMN_NEEDS_NUMBER", column=column)
    return number


def _others(
    master: Reigning, trip: Trip, filled: Trip, field: str
) -> tuple[Sequence[Told | date], list[Trip]]:
    """Return the values that a field may take, and the trip with each.

    Gaps of the trip stay gaps: what is usual may differ with the field's value.
    """
    values: Sequence[Any]
    if field == DATE:
        around = range(-_DAYS_AROUND, _DAYS_AROUND + 1)
        values = [trip.date + timedelta(days) for days in around]
        return values, [trip.flying(day) for day in values]
    if field == AIRLINE:
        values = _airlines(master, trip)
        return values, [trip.by(name) for name in values]
    if field == LEAD_DAYS and LEAD_DAYS in master.fares.encoder.core_numbers:
        asked = (trip.date - (trip.quote_date or trip.date)).days
        values = sorted({*_LEAD_TIMES, asked})
        return values, [trip.asked_before(days) for days in values]
    texts, _ = further_columns(master.fares.encoder)
    if field not in texts:
        raise Refused("FIELD_NOT_VARIED", field=field)
    values = master.past.choices(field)[:_MOST_VARIANTS]
    own = filled.further.get(field)
    if own is not None and own not in values:
        values = (*values, own)
    return values, [trip.with_further(field, value) for value in values]


def _airlines(master: Reigning, trip: Trip) -> list[str]:
    """Return who flies the route, or all airlines where nobody is known to."""
    route = master.past.route(trip.start_city, trip.end_city) or master.past.everywhere
    known = list(route.airlines[:_MOST_AIRLINES])
    if trip.airline and trip.airline not in known:
        known.append(trip.airline)
    return known


def _usual(master: Reigning, priced: PricedTrip) -> UsualRange | None:
    """Return what fares of this kind usually cost on the route of a trip."""
    trip = priced.trip
    route = master.past.route(trip.start_city, trip.end_city)
    if route is None:
        return None
    told = {n: v for n, v in trip.further.items() if n not in priced.assumed}
    assumed = {n: v for n, v in trip.further.items() if n in priced.assumed}
    return route.usual_range(told, assumed)


def _known(master: Reigning, name: str) -> tuple[str, ...]:
    spelled = (
        master.past.spelled(name, canonical)
        for canonical in master.fares.encoder.categories[name]
    )
    return tuple(sorted(spelled, key=fold))


def _days_of(month: date) -> list[date]:
    _, days = calendar.monthrange(month.year, month.month)
    return [month.replace(day=day) for day in range(1, days + 1)]


def _as_frame(prices: Prices) -> pd.DataFrame:
    ends = {"low": prices.low, "high": prices.high}
    return pd.DataFrame({"predicted_price": prices.price, **ends}).round(_DECIMALS)


def _reasons(master: Reigning, found: _Priced, language: Language) -> "pd.Series[str]":
    """Tell for each of n rows what its price is made of; first ones only of many."""
    rows = {name: column[:MOST_EXPLAINED] for name, column in found.columns.items()}
    told = [
        _as_sum(because, master.model.currency, language)
        for because in explained(master.fares, rows)
    ]
    more = len(found.prices.price) - len(told)
    untold = sentence(
        "REASONS_END", language, most=formats.number(MOST_EXPLAINED, language)
    )
    return pd.Series([*told, *[untold] * more], dtype=object)


def _as_sum(because: Explained, currency: str, language: Language) -> str:
    """Write a price as the sum that it is, the weightiest reason first."""
    start = formats.money(because.base, currency, language)
    return "; ".join(
        [
            f"{sentence('WHY_BASE', language)} {start}",
            *(
                f"{sentence(reason.code, language, column=reason.column)} "
                f"{formats.signed_money(reason.amount, currency, language)}"
                for reason in because.reasons
            ),
        ]
    )


def _in_words(found: _Priced, language: Language) -> "pd.Series[str]":
    """Say each doubt, and what was assumed; missing where there is nothing to say."""
    doubts = pd.Series(found.prices.doubts)
    for name, rows in found.assumed.items():
        doubts = doubts.mask(rows, doubts + f"\n{name}")
    return doubts.map(
        {told: _told_as(told, language) for told in doubts.unique()}
    ).replace("", None)


def _told_as(told: str, language: Language) -> str:
    codes, *assumed = told.split("\n")
    sentences = [sentence(code, language) for code in codes.split()]
    if assumed:
        names = [
            sentence(_NAMES[name], language) if name in _NAMES else name
            for name in assumed
        ]
        sentences.append(sentence("ASSUMED", language, columns=", ".join(names)))
    return " ".join(sentences)
