"""Each row of a table parsed and judged: its values, or the first reason against it."""

from datetime import date
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import (
    Booleans,
    Cell,
    Column,
    Parsed,
    is_blank,
    written,
)
from tripadvance_core.tabular.columns import (
    LEAD_DAYS,
    currency_in_header,
    is_month_first,
    minutes_per_unit,
)
from tripadvance_core.tabular.dates import parse_dates, parse_lead_days
from tripadvance_core.tabular.durations import parse_durations
from tripadvance_core.tabular.layout import Layout
from tripadvance_core.tabular.names import parse_airlines, parse_cities
from tripadvance_core.tabular.prices import check_currencies, parse_prices
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

    def refuse(
        self, where: Booleans, code: str | NDArray[np.object_], column: str | None
    ) -> None:
        """Refuse the rows where ``where``, shape (n,), holds; one code or n codes."""
        new = where & self.kept
        self.codes[new] = code if isinstance(code, str) else code[new]
        self.columns[new] = column
        self.kept &= ~new


def parse_core(
    layout: Layout,
    columns: dict[str, Column],
    mapping: ColumnMapping,
    base_currency: str,
    *,
    with_price: bool,
) -> dict[str, Parsed]:
    """Parse the six columns, in their order; the price only where it is asked for.

    Raises
    ------
    FileRefused
        What the parsers of the columns raise about a whole column.
    """
    parsed = {
        "date": _parse_date(layout, columns, mapping.quote_date),
        "start_city": parse_cities(columns["start_city"]),
        "end_city": parse_cities(columns["end_city"]),
        "airline": parse_airlines(columns["airline"]),
        "duration": parse_durations(
            columns["duration"],
            _header_text(layout, "duration"),
            minutes_per_unit(layout.header, layout.places["duration"]),
        ),
    }
    if with_price:
        _check_declared(layout, mapping.currency, base_currency)
        parsed["price"] = parse_prices(
            columns["price"], _header_text(layout, "price"), base_currency
        )
    return parsed


def judge(
    layout: Layout,
    table: RawTable,
    columns: dict[str, Column],
    parsed: dict[str, Parsed],
) -> Verdicts:
    """Find the rows that cannot be used, and the first reason against each."""
    verdicts = Verdicts(len(table))
    if table.is_text:
        # Most often a decimal comma has cut a number in two.
        surplus = _surplus(table, len(layout.header.texts))
        verdicts.refuse(surplus, "FIELD_COUNT", None)
    other = _without_flight(columns, parsed) | _repeated_header(layout, columns)
    verdicts.refuse(other, "NOT_A_FLIGHT", None)
    for name, (_, faults) in parsed.items():
        verdicts.refuse(pd.notna(faults), faults, name)
    start, end = parsed["start_city"].values, parsed["end_city"].values
    verdicts.refuse(_folded(start) == _folded(end), "SAME_CITY", "end_city")
    return verdicts


def _parse_date(
    layout: Layout, columns: dict[str, Column], quote_date: date | None
) -> Parsed:
    place = layout.places.get("date")
    if place is None and quote_date is not None:
        return parse_lead_days(columns[LEAD_DAYS], quote_date)
    if is_month_first(layout.header, layout.places["date"]):
        raise FileRefused("DATE_ORDER_CONFLICT", example=_header_text(layout, "date"))
    return parse_dates(columns["date"], layout.sheet.epoch)


def _check_declared(layout: Layout, declared: str | None, base_currency: str) -> None:
    """Check the currency that the owner declared, or else that the header names."""
    if declared is None:
        in_header = currency_in_header(layout.header, layout.places["price"])
        check_currencies([in_header], base_currency)
    elif declared.upper() != base_currency:
        raise FileRefused("CURRENCY_OTHER", found=declared, base=base_currency)


def _header_text(layout: Layout, name: str) -> str:
    return layout.header.texts[layout.places[name]]


def _surplus(table: RawTable, width: int) -> Booleans:
    surplus = np.full(len(table), False)
    for cells in table.columns[width:]:
        surplus |= _filled(Column.of(cells))
    return surplus


def _without_flight(columns: dict[str, Column], parsed: dict[str, Parsed]) -> Booleans:
    """Whether a row has no day and hardly a name: a total, a note, a second title."""
    names = sum(_filled(columns[name]).astype(int) for name in _NAMES)
    return np.isin(parsed["date"].faults.astype(str), _NO_DAY) & (names <= 1)


def _repeated_header(layout: Layout, columns: dict[str, Column]) -> Booleans:
    repeated = np.full(len(columns["airline"].places), True)
    for name in _NAMES:
        repeated &= _equals(columns[name], _header_text(layout, name))
    return repeated


def _equals(column: Column, text: str) -> Booleans:
    return column.where(lambda cell: fold(written(cell)) == fold(text))


def _filled(column: Column) -> Booleans:
    return column.where(_is_filled)


def _is_filled(cell: Cell) -> bool:
    return not is_blank(cell)


def _folded(names: NDArray[np.object_]) -> NDArray[np.object_]:
    folded = {name: fold(name) for name in set(names)}
    return np.array([folded[name] for name in names], dtype=np.object_)
