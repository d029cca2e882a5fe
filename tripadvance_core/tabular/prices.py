"""Prices in the base currency; a file in another currency is refused, not converted."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, Column, Fault, Parsed, is_number
from tripadvance_core.tabular.numbers import decimal_mark, read_number

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


def parse_prices(column: Column, header: str, base_currency: str) -> Parsed:
    """Parse a column into prices in the base currency, ``float64``.

    Parameters
    ----------
    header
        The column's header in the file, for the refusal.
    base_currency
        ISO 4217 code of the currency that every price must be in.

    Raises
    ------
    FileRefused
        ``CURRENCY_OTHER`` or ``CURRENCY_MIXED`` where a price names another currency;
        ``NUMBER_AMBIGUOUS``, see ``numbers.decimal_mark``.
    """
    amounts = {text: money for text in column.texts if (money := split_money(text))}
    check_currencies((money.currency for money in amounts.values()), base_currency)
    mark = decimal_mark([money.number for money in amounts.values()], header)
    highest = max_price(base_currency)

    def price_of(cell: Cell) -> float | Fault:
        price: float | None = None
        if is_number(cell):
            price = float(cell)
        elif isinstance(cell, str) and cell.strip() in amounts:
            price = read_number(amounts[cell.strip()].number, mark)
        if price is None:
            return Fault("PRICE_INVALID")
        return price if 0 < price <= highest else Fault("PRICE_RANGE")

    return column.parse("PRICE_MISSING", price_of, filler=np.nan, dtype=np.float64)


def split_money(text: str) -> Money | None:
    """Part a number from the currency before or after it; None for anything else.

    >>> split_money("US$ 2,707.66")
    Money(number='2,707.66', currency='us$')
    """
    match = _MONEY.fullmatch(text)
    if not match or (match["before"] and match["after"]):
        return None
    currency = (match["before"] or match["after"]).casefold()
    if currency and currency not in CURRENCIES:
        return None
    return Money(match["number"].strip(), currency)


def check_currencies(spellings: Iterable[str], base_currency: str) -> None:
    """Refuse prices that are not all in the base currency.

    Raises
    ------
    FileRefused
        ``CURRENCY_OTHER``, or ``CURRENCY_MIXED`` if there are several currencies.
    """
    named = {spelling for spelling in spellings if spelling}
    foreign = {s for s in named if base_currency not in CURRENCIES[s]}
    if not foreign:
        return
    several = foreign != named or len({CURRENCIES[s] for s in foreign}) > 1
    raise FileRefused(
        "CURRENCY_MIXED" if several else "CURRENCY_OTHER",
        found=", ".join(sorted(_shown(named if several else foreign))),
        base=base_currency,
    )


def _shown(spellings: Iterable[str]) -> Iterator[str]:
    return (spelling.upper() for spelling in spellings)
