"""Each row of a table parsed and judged: its values, or the first reason against it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tripadvance_core.domain.entities import DayOrder, DecimalMark
from tripadvance_core.tabular.cells import (
    Booleans,
    Cell,
    Column,
    Fault,
    Parsed,
    is_blank,
    written,
)
from tripadvance_core.tabular.columns import (
    CURRENCY,
    LEAD_DAYS,
    MONTH,
    QUOTE_DATE,
    SEATS,
    YEAR,
    currency_in_header,
    day_order_in_header,
    duration_unit_in_header,
)
from tripadvance_core.tabular.dates import (
    departures,
    find_day_order,
    months,
    parse_dates,
    parse_lead_days,
)
from tripadvance_core.tabular.durations import duration_unit, parse_durations
from tripadvance_core.tabular.layout import Layout
from tripadvance_core.tabular.names import parse_airlines, parse_cities
from tripadvance_core.tabular.numbers import decimal_mark, number_in
from tripadvance_core.tabular.prices import (
    Exchange,
    max_price,
    names_currency,
    parse_currencies,
    parse_prices,
)
from tripadvance_core.tabular.sheets import RawTable
from tripadvance_core.tabular.texts import fold

_NAMES: Final = ("start_city", "end_city", "airline")
_NO_DAY: Final = ("DATE_MISSING", "DATE_INVALID")


class Verdicts:
    """The first reason against each of n rows: a message code and a column, or None."""

    def __init__(self, count: int) -> None:
        self.codes: NDArray[np.object_] = np.full(count, None)
        self.columns: NDArray[np.object_] = np.full(count, None)
        self.kept: Booleans = np.full(count, True)

    def refuse(self, where: Booleans, code: str, column: str | None) -> None:
        """Refuse the rows where ``where``, shape (n,), holds."""
        new = where & self.kept
        self.codes[new] = code
        self.columns[new] = column
        self.kept &= ~new

    def refuse_faulty(self, parsed: Parsed, column: str) -> None:
        """Refuse the rows against which a column has a reason."""
        new = parsed.faulty & self.kept
        if new.any():
            self.codes[new] = parsed.faults[new]
            self.columns[new] = column
            self.kept &= ~new


@dataclass(frozen=True)
class ParsedRows:
    """The columns of a table, parsed.

    ``core`` has the six columns in their order, without the price where it is not asked
    for and without what files of this kind lack. ``quoted``, ``datetime64[D]`` of shape
    (n,), is the day on which each price was seen, NaT where it is not known; None for a
    file that does not tell. ``seats`` is what each row weighs. ``months_only`` tells
    that every date stands for its month.
    """

    core: Mapping[str, Parsed]
    quoted: NDArray[np.datetime64] | None
    seats: Parsed | None
    day_order: DayOrder
    months_only: bool


class RowParser:
    """Parses the columns of one table."""

    def __init__(self, layout: Layout, table: RawTable, base_currency: str) -> None:
        self._layout = layout
        self._table = table
        self._mapping = layout.mapping
        self._exchange = Exchange(base_currency, self._mapping.rates)

    def parse(self, *, with_price: bool) -> ParsedRows:
        """Parse the six columns, the price only where it is asked for.

        Raises
        ------
        FileRefused
            What the parsers of the columns raise about a whole column.
        """
        dates, quoted = self._dates_and_quotes()
        core = {
            "date": dates,
            "start_city": parse_cities(self._column("start_city")),
            "end_city": parse_cities(self._column("end_city")),
            "airline": parse_airlines(self._column("airline")),
        }
        if self._has("duration"):
            core["duration"] = self._durations()
        if with_price:
            core["price"] = self._prices()
        return ParsedRows(
            core=core,
            quoted=quoted,
            seats=self._seats() if self._has(SEATS) else None,
            day_order=self._day_order,
            months_only=not self._has("date") and self._has(MONTH),
        )

    def _has(self, name: str) -> bool:
        return name in self._layout.places

    def _column(self, name: str) -> Column:
        return self._table.columns[self._layout.places[name]]

    def _header_text(self, name: str) -> str:
        return self._layout.header.texts[self._layout.places[name]]

    @cached_property
    def _day_order(self) -> DayOrder:
        dated = [name for name in ("date", QUOTE_DATE) if self._has(name)]
        header, places = self._layout.header, self._layout.places
        hints = (day_order_in_header(header, places[name]) for name in dated)
        told = self._mapping.date_order or next(filter(None, hints), None)
        return find_day_order([self._column(name) for name in dated], told)

    def _dates_and_quotes(self) -> tuple[Parsed, NDArray[np.datetime64] | None]:
        quoted = self._quoted()
        if self._has("date"):
            dates = self._parse_dates("date")
        elif self._has(LEAD_DAYS) and quoted is not None:
            dates = departures(quoted, parse_lead_days(self._column(LEAD_DAYS)))
        else:
            dates = months(self._column(YEAR), self._column(MONTH))
        if quoted is None and self._has(LEAD_DAYS):
            lead = parse_lead_days(self._column(LEAD_DAYS))
            quoted = np.where(
                lead.faulty, np.datetime64("NaT"), dates.values - lead.values
            )
        return dates, quoted

    def _quoted(self) -> NDArray[np.datetime64] | None:
        if self._has(QUOTE_DATE):
            parsed = self._parse_dates(QUOTE_DATE)
            return np.where(parsed.faulty, np.datetime64("NaT"), parsed.values)
        if self._mapping.quote_date is None:
            return None
        return np.full(len(self._table), np.datetime64(self._mapping.quote_date, "D"))

    def _parse_dates(self, name: str) -> Parsed:
        return parse_dates(
            self._column(name), self._day_order, self._layout.sheet.epoch
        )

    def _durations(self) -> Parsed:
        column, header = self._column("duration"), self._header_text("duration")
        place = self._layout.places["duration"]
        in_header = duration_unit_in_header(self._layout.header, place)
        mark = decimal_mark(column.texts, header, self._mapping.decimal_mark)
        told = self._mapping.duration_unit or in_header
        unit = duration_unit(column, header, mark, told)
        return parse_durations(column, unit, mark)

    def _prices(self) -> Parsed:
        prices = parse_prices(
            self._column("price"),
            self._header_text("price"),
            self._exchange,
            currencies=() if self._has(CURRENCY) else self._currencies(),
            mark=self._mapping.decimal_mark,
        )
        if not self._has(CURRENCY):
            return prices
        return self._exchanged(prices)

    def _seats(self) -> Parsed:
        column, header = self._column(SEATS), self._header_text(SEATS)
        mark = decimal_mark(column.texts, header, self._mapping.decimal_mark)
        return _parse_seats(column, mark)

    def _currencies(self) -> set[str]:
        """Return how the currency of prices is spelled that do not name it themselves."""
        if self._mapping.currency is not None:
            return {self._mapping.currency.casefold()}
        place = self._layout.places["price"]
        in_header = currency_in_header(self._layout.header, place)
        return {in_header, *self._layout.currencies(place)} - {""}

    def _exchanged(self, prices: Parsed) -> Parsed:
        """Exchange the prices that do not name their currency by the column that does."""
        worth = parse_currencies(self._column(CURRENCY), self._exchange)
        unmarked = ~self._column("price").where(names_currency)
        values = np.where(unmarked, prices.values * worth.values, prices.values)
        faults = np.where(
            unmarked & worth.faulty & ~prices.faulty, worth.faults, prices.faults
        )
        outside = (values > max_price(self._exchange.base_currency)) & ~prices.faulty
        faults[outside] = "PRICE_RANGE"
        return Parsed(values, faults, np.arange(len(values)))


def judge(layout: Layout, table: RawTable, parsed: ParsedRows) -> Verdicts:
    """Find the rows that cannot be used, and the first reason against each."""
    verdicts = Verdicts(len(table))
    if table.is_text:
        # Most often a decimal comma has cut a number in two.
        surplus = _surplus(table, len(layout.header.texts))
        verdicts.refuse(surplus, "FIELD_COUNT", None)
    columns = {name: table.columns[layout.places[name]] for name in _NAMES}
    other = _without_flight(columns, parsed) | _repeated_header(layout, columns)
    verdicts.refuse(other, "NOT_A_FLIGHT", None)
    for name, column in parsed.core.items():
        verdicts.refuse_faulty(column, name)
    start, end = parsed.core["start_city"], parsed.core["end_city"]
    verdicts.refuse(_same_names(start, end), "SAME_CITY", "end_city")
    if parsed.quoted is not None:
        late = parsed.quoted > parsed.core["date"].values
        verdicts.refuse(late, "QUOTE_AFTER_FLIGHT", QUOTE_DATE)
    if parsed.seats is not None:
        verdicts.refuse_faulty(parsed.seats, SEATS)
    return verdicts


def _parse_seats(column: Column, mark: DecimalMark) -> Parsed:
    def seats_in(cell: Cell) -> float | Fault:
        seats = number_in(cell, mark)
        return seats if seats is not None and seats > 0 else Fault("SEATS_INVALID")

    return column.parse("SEATS_INVALID", seats_in, filler=np.nan, dtype=np.float64)


def _surplus(table: RawTable, width: int) -> Booleans:
    surplus = np.full(len(table), False)
    for column in table.columns[width:]:
        surplus |= _filled(column)
    return surplus


def _without_flight(columns: Mapping[str, Column], parsed: ParsedRows) -> Booleans:
    """Whether a row has no day and hardly a name: a total, a note, a second title."""
    date = parsed.core["date"]
    is_none: Booleans = np.isin(date.reasons.astype(str), _NO_DAY)
    no_day = is_none[date.places]
    if not no_day.any():
        return no_day
    names = np.sum([_filled(column) for column in columns.values()], axis=0)
    without_names: Booleans = names <= 1
    return no_day & without_names


def _repeated_header(layout: Layout, columns: Mapping[str, Column]) -> Booleans:
    repeated = np.full(len(columns["airline"]), True)
    for name, column in columns.items():
        repeated &= _equals(column, layout.header.texts[layout.places[name]])
    return repeated


def _equals(column: Column, text: str) -> Booleans:
    return column.where(lambda cell: fold(written(cell)) == fold(text))


def _filled(column: Column) -> Booleans:
    return column.where(_is_filled)


def _is_filled(cell: Cell) -> bool:
    return not is_blank(cell)


def _same_names(one: Parsed, other: Parsed) -> Booleans:
    """Whether two names of a row are equal once folded, shape (n,)."""
    names = [*map(fold, one.meanings), *map(fold, other.meanings)]
    ids = {name: number for number, name in enumerate(names)}
    numbers = np.array([ids[name] for name in names])
    ours, theirs = np.split(numbers, [len(one.meanings)])
    same: Booleans = ours[one.places] == theirs[other.places]
    return same
