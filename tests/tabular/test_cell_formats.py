"""A currency that only the format of the cells shows is seen all the same."""

import io
import zipfile

import openpyxl
import pytest

from tripadvance_core.tabular.cell_formats import (
    currencies_by_column,
    currency_in_format,
)

SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("code", "currency"),
    [
        ("[$R$-416] #,##0.00", "r$"),
        ('"R$"\\ #,##0.00', "r$"),
        ("[$US$-409]#,##0.00", "us$"),
        ("#,##0.00\\ [$€-407]", "€"),
        ("[$€-2] #,##0.00;[Red]-[$€-2] #,##0.00", "€"),
        ("[$BRL] #,##0.00", "brl"),
        ('"EUR" 0.00', "eur"),
        ("$#,##0.00", "$"),
        ("[$-416]dd/mm/yyyy", None),
        ("#,##0.00", None),
        ("[Red]0.00", None),
        ('0.0" km"', None),
        ("General", None),
    ],
)
def test_format_names_a_currency(code: str, currency: str | None) -> None:
    assert currency_in_format(code) == currency


def currencies_of(**formats: str) -> dict[int, frozenset[str]]:
    """Format some cells of a sheet of numbers, and ask what its columns show."""
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    for _ in range(3):
        sheet.append([1, 2, 3])
    for cell, code in formats.items():
        sheet[cell].number_format = code
    content = io.BytesIO()
    workbook.save(content)
    with zipfile.ZipFile(content) as archive:
        return dict(currencies_by_column(archive, SHEET))


def test_columns_show_the_currencies_of_their_cells() -> None:
    found = currencies_of(B2="[$R$-416] 0.00", B3='"US$" 0.00', C3="[$R$-416] 0.00")
    assert found == {1: frozenset({"r$", "us$"}), 2: frozenset({"r$"})}


def test_blank_cell_shows_nothing() -> None:
    assert currencies_of(E9="[$R$-416] 0.00") == {}


def test_numbers_without_a_currency_show_none() -> None:
    assert currencies_of(B2="#,##0.00") == {}
