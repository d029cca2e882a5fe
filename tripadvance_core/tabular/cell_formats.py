"""Currencies that a workbook names by the formats of its cells alone.

A cell may hold 100 and show R$ 100,00: no reader of values tells that.
"""

import re
import zipfile
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree

from tripadvance_core.tabular.prices import CURRENCIES
from tripadvance_core.tabular.workbook_guard import column_number

_STYLES: Final = "xl/styles.xml"
# [$R$-416], [$€-2]; then what stands bare, in quotation marks or behind backslashes.
_LOCALE_SYMBOL = re.compile(r"\[\$([^\]-]*)(?:-[^\]]*)?\]")
_CONDITION = re.compile(r"\[[^\]]*\]")
_SYMBOL = re.compile(r"[^\W\d_]{0,3}[$€£₹¥]|\b[A-Za-z]{3}\b")
_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*[^>/])>")
_PLACE = re.compile(rb"\br\s*=\s*[\"']([A-Z]+)")
_STYLE = re.compile(rb"\bs\s*=\s*[\"']([0-9]+)")


def currencies_by_column(
    archive: zipfile.ZipFile, sheet: str
) -> Mapping[int, frozenset[str]]:
    """Return, by the place of a column, how its cells' formats spell currencies.

    Parameters
    ----------
    archive
        A workbook that the guard has passed.
    sheet
        The part of a sheet.
    """
    styles = _currency_of_styles(archive)
    if not styles:
        return {}
    found: dict[int, set[str]] = {}
    for attributes in _CELL.findall(archive.read(sheet)):
        place, style = _PLACE.search(attributes), _STYLE.search(attributes)
        if place and style and (currency := styles.get(int(style[1]))):
            found.setdefault(column_number(place[1]) - 1, set()).add(currency)
    return {place: frozenset(spellings) for place, spellings in found.items()}


def currency_in_format(code: str) -> str | None:
    """Return how a number format spells a currency; None where it names none.

    >>> currency_in_format('[$R$-416] #,##0.00'), currency_in_format('"US$" 0.00')
    ('r$', 'us$')
    """
    symbols = [*_LOCALE_SYMBOL.findall(code)]
    bare = re.sub(r"[\"\\]", "", _CONDITION.sub(" ", code))
    symbols += _SYMBOL.findall(bare)
    spelled = (symbol.strip().casefold() for symbol in symbols)
    return next((symbol for symbol in spelled if symbol in CURRENCIES), None)


def _currency_of_styles(archive: zipfile.ZipFile) -> dict[int, str]:
    """Return the number of each cell style whose format names a currency."""
    if _STYLES not in archive.namelist():
        return {}
    # The guard has refused entities before, which would make this parser dangerous.
    tree = ElementTree.fromstring(archive.read(_STYLES))  # noqa: S314
    formats = {
        tag.get("numFmtId"): currency
        for tag in tree.iterfind("{*}numFmts/{*}numFmt")
        if (currency := currency_in_format(tag.get("formatCode", "")))
    }
    styles = tree.iterfind("{*}cellXfs/{*}xf")
    return {
        number: formats[style.get("numFmtId")]
        for number, style in enumerate(styles)
        if style.get("numFmtId") in formats
    }
