"""Prices count in one currency; whatever names another is refused."""

from datetime import datetime

import pytest

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, Column
from tripadvance_core.tabular.prices import check_currencies, parse_prices


def parse(*cells: Cell, base: str = "USD") -> list[float | str]:
    """Return for each cell its price, or the code of its fault."""
    values, faults = parse_prices(Column.of(cells), "price", base)
    return [
        fault or value for value, fault in zip(values.tolist(), faults, strict=True)
    ]


def code_of_refusal(*cells: Cell, base: str = "USD") -> str:
    with pytest.raises(FileRefused) as refused:
        parse(*cells, base=base)
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
    check_currencies(["$"], "CAD")
    check_currencies([""], "CAD")


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
