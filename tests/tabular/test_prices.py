"""Prices count in one currency; whatever names another is refused."""

from datetime import date, datetime
from typing import Any

import pytest

from tripadvance_core.domain.entities import Rate
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, Column
from tripadvance_core.tabular.prices import Exchange, parse_currencies, parse_prices

SOME_DAY = date(2026, 11, 20)


def rates(**worth: float) -> dict[str, Rate]:
    return {code: Rate(worth=one, day=SOME_DAY) for code, one in worth.items()}


def parse(
    *cells: Cell,
    base: str = "USD",
    known: dict[str, Rate] | None = None,
    **more: Any,
) -> list[float | str]:
    """Return for each cell its price, or the code of its fault."""
    exchange = Exchange(base, known or {})
    parsed = parse_prices(Column.of(cells), "price", exchange, **more)
    pairs = zip(parsed.values.tolist(), parsed.faults, strict=True)
    return [fault or value for value, fault in pairs]


def code_of_refusal(*cells: Cell, base: str = "USD", **more: Any) -> str:
    with pytest.raises(FileRefused) as refused:
        parse(*cells, base=base, **more)
    return refused.value.code


def test_dollars_are_known_in_every_spelling() -> None:
    cells = ["US$ 2,707.66", "$2,079.89", "USD 2,249.95", "2,035.78 usd", "99.5", 12]
    assert parse(*cells) == [2707.66, 2079.89, 2249.95, 2035.78, 99.5, 12]


def test_reais_are_read_where_they_are_the_base() -> None:
    assert parse("R$ 1.234,56", "R$\u00a0980,00", base="BRL") == [1234.56, 980]


@pytest.mark.parametrize(
    ("cells", "base", "code"),
    [
        (["R$ 100,50"], "USD", "CURRENCY_OTHER"),
        ([250.0, "R$ 100,50"], "USD", "CURRENCY_OTHER"),
        (["€ 100.50"], "BRL", "CURRENCY_OTHER"),
        (["$ 100.50"], "BRL", "CURRENCY_OTHER"),
        (["US$ 100.50", "R$ 100.50"], "USD", "CURRENCY_MIXED"),
        (["€ 100.50", "£ 100.50"], "USD", "CURRENCY_MIXED"),
    ],
)
def test_other_currency_is_refused(cells: list[Cell], base: str, code: str) -> None:
    assert code_of_refusal(*cells, base=base) == code


def test_dollar_sign_may_be_any_dollar() -> None:
    assert Exchange("CAD", {}).of_file(["$"]) == 1.0
    assert Exchange("CAD", {}).of_file([""]) == 1.0


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (None, "PRICE_MISSING"),
        ("free", "PRICE_INVALID"),
        (True, "PRICE_INVALID"),
        (datetime(2025, 3, 5), "PRICE_INVALID"),  # noqa: DTZ001 - cells have no zone
        ("91.20*", "PRICE_INVALID"),
        ("(91.20)", "PRICE_INVALID"),
        ("XYZ 91.20", "PRICE_INVALID"),
        ("$91.20$", "PRICE_INVALID"),
        ("1e400", "PRICE_INVALID"),
        ("-91.2", "PRICE_RANGE"),
        (0, "PRICE_RANGE"),
        (100_000.01, "PRICE_RANGE"),
    ],
)
def test_what_is_no_price_is_told_why(cell: Cell, code: str) -> None:
    assert parse(cell) == [code]


def test_ceiling_is_far_higher_outside_dollars() -> None:
    assert parse(100_000, 100_001) == [100_000, "PRICE_RANGE"]
    assert parse(100_001, 10**8 + 1, base="INR") == [100_001, "PRICE_RANGE"]


def test_declared_rate_converts() -> None:
    brl = rates(BRL=0.2)
    assert parse("R$ 100,50", "US$ 7,00", known=brl) == [100.5 * 0.2, 7]
    assert parse("R$ 100,50", 50, known=brl) == [100.5 * 0.2, 10]


def test_rate_of_another_currency_helps_nothing() -> None:
    assert code_of_refusal("R$ 100,50", known=rates(EUR=1.1)) == "CURRENCY_OTHER"


def test_price_without_a_currency_among_several_is_not_guessed() -> None:
    cells = ["R$ 100,50", "US$ 7,00", "30,00"]
    assert parse(*cells, known=rates(BRL=0.2))[2] == "CURRENCY_UNKNOWN"


def test_currency_of_the_file_is_that_of_prices_that_name_none() -> None:
    assert code_of_refusal(100, currencies=["brl"]) == "CURRENCY_OTHER"
    assert parse(100, currencies=["brl"], known=rates(BRL=0.2)) == [20]


def test_header_and_prices_that_name_two_currencies_are_refused() -> None:
    assert code_of_refusal("R$ 100", currencies=["usd"]) == "CURRENCY_MIXED"


def test_ceiling_is_that_of_the_converted_price() -> None:
    assert parse(100_000, currencies=["brl"], known=rates(BRL=2)) == ["PRICE_RANGE"]


def test_column_of_currencies_tells_what_each_is_worth() -> None:
    exchange = Exchange("USD", rates(BRL=0.2))
    parsed = parse_currencies(Column.of(["BRL", "r$", "USD", "?", None]), exchange)
    unknown = "CURRENCY_UNKNOWN"
    assert parsed.values[:3].tolist() == [0.2, 0.2, 1]
    assert parsed.faults.tolist() == [None, None, None, unknown, unknown]


def test_column_of_another_currency_is_refused() -> None:
    with pytest.raises(FileRefused) as refused:
        parse_currencies(Column.of(["BRL"]), Exchange("USD", {}))
    assert refused.value.code == "CURRENCY_OTHER"
