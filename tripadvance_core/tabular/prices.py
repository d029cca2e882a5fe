"""Prices in the base currency: other currencies only at a rate that was declared."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from tripadvance_core.domain.entities import DecimalMark, Rate
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, Column, Fault, Parsed, is_number
from tripadvance_core.tabular.numbers import (
    decimal_mark,
    is_plain_number,
    read_number,
)

_MAX_DOLLARS = 100_000
# Only a bound on nonsense: it must let the fares of every currency through.
_MAX_OTHER = 100_000_000

_MONEY = re.compile(
    r"(?P<before>[^\d\s.,+-]*)\s*"
    r"(?P<number>[+-]?[0-9][0-9.,'’\s]*(?:[eE][+-]?[0-9]+)?)\s*"
    r"(?P<after>[^\d\s]*)"
)

_DOLLARS = "USD AUD ARS CAD CLP COP HKD MXN NZD SGD UYU"
_CODES = (
    "USD BRL EUR GBP INR ARS AUD BOB CAD CHF CLP CNY COP CZK DKK HKD HUF IDR ILS JPY "
    "KRW MXN MYR NOK NZD PEN PHP PKR PLN PYG RON RUB SAR SEK SGD THB TRY TWD UAH UYU "
    "VND ZAR AED"
)
_SPELLINGS = {
    "USD": "us$ u$ u$s dol dolar dolares dollar dollars",
    "BRL": "r$ real reais",
    "EUR": "€ euro euros",
    "GBP": "£ libra libras pound pounds",
    "INR": "₹ rs rs. rupia rupias rupee rupees",
    "JPY": "¥ yen",
    _DOLLARS: "$",
}
CURRENCIES: dict[str, frozenset[str]] = {
    spelling: frozenset(codes.split())
    for codes, spellings in _SPELLINGS.items()
    for spelling in spellings.split()
} | {code.lower(): frozenset({code}) for code in _CODES.split()}
"""Spelling of a currency, in lower case → the ISO 4217 codes that it may mean."""


class Money(NamedTuple):
    """A price as written: its number, and the currency beside it or ``""``."""

    number: str
    currency: str


def max_price(currency: str) -> int:
    """Return the highest price that is believed, in a currency."""
    return _MAX_DOLLARS if currency == "USD" else _MAX_OTHER


class Exchange:
    """What a price is worth in the base currency, by how its currency is spelled."""

    def __init__(self, base_currency: str, rates: Mapping[str, Rate]) -> None:
        self.base_currency = base_currency
        self._rates = rates

    def worth(self, spelling: str) -> float | None:
        """Return what one unit is worth; None where no rate was declared."""
        meant = CURRENCIES[spelling]
        if self.base_currency in meant:
            return 1.0
        declared = [self._rates[code].worth for code in meant if code in self._rates]
        return declared[0] if len(declared) == 1 else None

    def check(self, spellings: Iterable[str]) -> None:
        """Refuse currencies that are worth nothing here.

        Raises
        ------
        FileRefused
            ``CURRENCY_OTHER``, or ``CURRENCY_MIXED`` if there are several currencies.
        """
        named = {spelling for spelling in spellings if spelling}
        foreign = {s for s in named if self.worth(s) is None}
        if not foreign:
            return
        several = foreign != named or len({CURRENCIES[s] for s in foreign}) > 1
        raise self._refusal(several, named if several else foreign)

    def of_file(self, spellings: Collection[str]) -> float | None:
        """Return what a unit is worth that does not name its own currency.

        The base currency where none is named; None where several of different worth
        are.

        Raises
        ------
        FileRefused
            See ``check``.
        """
        self.check(spellings)
        worths = {self.worth(spelling) for spelling in spellings if spelling}
        if len(worths) > 1:
            return None
        return worths.pop() if worths else 1.0

    def _refusal(self, several: bool, spellings: Iterable[str]) -> FileRefused:
        return FileRefused(
            "CURRENCY_MIXED" if several else "CURRENCY_OTHER",
            found=", ".join(sorted(spelling.upper() for spelling in spellings)),
            base=self.base_currency,
        )


def parse_prices(
    column: Column,
    header: str,
    exchange: Exchange,
    *,
    currencies: Collection[str] = (),
    mark: DecimalMark | None = None,
) -> Parsed:
    """Parse a column into prices in the base currency, ``float64``.

    Parameters
    ----------
    header
        The column's header in the file, for the refusal.
    exchange
        What the currencies are worth.
    currencies
        How the file spells the currency of its prices apart from the prices
        themselves: in the header, in the format of the cells, or as declared.
    mark
        The decimal mark that the owner has declared.

    Raises
    ------
    FileRefused
        ``CURRENCY_OTHER`` or ``CURRENCY_MIXED`` where a currency is named that has no
        rate; ``NUMBER_AMBIGUOUS``, see ``numbers.decimal_mark``.
    """
    amounts = {text: money for text in column.texts if (money := split_money(text))}
    named = {money.currency for money in amounts.values()} - {""}
    exchange.check({*named, *currencies})
    unmarked = exchange.of_file(currencies or named)
    mark = decimal_mark([money.number for money in amounts.values()], header, mark)
    highest = max_price(exchange.base_currency)

    def price_of(cell: Cell) -> float | Fault:
        number, worth = None, unmarked
        if is_number(cell):
            number = float(cell)
        elif isinstance(cell, str) and (money := amounts.get(cell.strip())):
            number = read_number(money.number, mark)
            worth = exchange.worth(money.currency) if money.currency else unmarked
        if number is None:
            return Fault("PRICE_INVALID")
        if worth is None:
            return Fault("CURRENCY_UNKNOWN")
        price = number * worth
        return price if 0 < price <= highest else Fault("PRICE_RANGE")

    return column.parse("PRICE_MISSING", price_of, filler=np.nan, dtype=np.float64)


def parse_currencies(column: Column, exchange: Exchange) -> Parsed:
    """Parse a column of currencies into what a unit of each is worth, ``float64``.

    Raises
    ------
    FileRefused
        ``CURRENCY_OTHER`` or ``CURRENCY_MIXED``, see ``Exchange.check``.
    """
    known = [text.casefold() for text in column.texts if text.casefold() in CURRENCIES]
    exchange.check(known)

    def worth_of(cell: Cell) -> float | Fault:
        spelling = str(cell).strip().casefold()
        worth = exchange.worth(spelling) if spelling in CURRENCIES else None
        return Fault("CURRENCY_UNKNOWN") if worth is None else worth

    return column.parse("CURRENCY_UNKNOWN", worth_of, filler=np.nan, dtype=np.float64)


def names_currency(cell: Cell) -> bool:
    """Whether a price names its own currency."""
    money = split_money(cell.strip()) if isinstance(cell, str) else None
    return money is not None and money.currency != ""


def split_money(text: str) -> Money | None:
    """Part a number from the currency before or after it; None for anything else.

    >>> split_money("US$ 2,707.66")
    Money(number='2,707.66', currency='us$')
    """
    if is_plain_number(text):
        return Money(text, "")
    match = _MONEY.fullmatch(text)
    if not match or (match["before"] and match["after"]):
        return None
    currency = (match["before"] or match["after"]).casefold()
    if currency and currency not in CURRENCIES:
        return None
    return Money(match["number"].strip(), currency)
