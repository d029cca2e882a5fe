"""Files in the form that is read without a question: the template, and any fares in it.

Headers say the order of day and month, the unit of durations and the currency, and
numbers are written so that they fit one reading only.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from tripadvance_core.domain.entities import DecimalMark
from tripadvance_core.messages import Language, sentence
from tripadvance_core.tabular.cells import Cell
from tripadvance_core.tabular.joining import SHEET_ROW
from tripadvance_core.tabular.writing import write_csv, write_xlsx

FileType = Literal["xlsx", "csv"]

_HEADERS: Final[dict[Language, dict[str, str]]] = {
    "pt-BR": {
        "date": "data (DD/MM/AAAA)",
        "start_city": "origem",
        "end_city": "destino",
        "airline": "companhia",
        "duration_minutes": "duração (min)",
        "price": "preço ({currency})",
        "quote_date": "data da consulta (DD/MM/AAAA)",
        "seats": "assentos vendidos",
    },
    "en": {
        "date": "date (DD/MM/YYYY)",
        "start_city": "start_city",
        "end_city": "end_city",
        "airline": "airline",
        "duration_minutes": "duration (minutes)",
        "price": "price ({currency})",
        "quote_date": "quote_date (DD/MM/YYYY)",
        "seats": "seats sold",
    },
}
# In a template nobody misses the seats, which only some sources know.
_TO_FILL_IN: Final = (
    "date",
    "start_city",
    "end_city",
    "airline",
    "duration_minutes",
    "price",
    "quote_date",
)
_DELIMITERS: Final[dict[Language, str]] = {"pt-BR": ";", "en": ","}
_MARKS: Final[dict[Language, DecimalMark]] = {"pt-BR": ",", "en": "."}
# Three digits behind a mark might be taken for thousands.
_DIGITS_OF_A_GROUP: Final = 3


def write_template(file_type: FileType, language: Language, currency: str) -> bytes:
    """Return a file of headers to be filled in, each explained where notes can be.

    Parameters
    ----------
    currency
        That of the prices (ISO 4217).
    """
    headers = [_header(name, language, currency) for name in _TO_FILL_IN]
    nothing: list[Sequence[Cell]] = [[] for _ in headers]
    if file_type == "csv":
        return write_csv(headers, nothing, _DELIMITERS[language])
    codes = (f"TEMPLATE_{name.upper()}" for name in _TO_FILL_IN)
    notes = [sentence(code, language, currency=currency) for code in codes]
    return write_xlsx(headers, nothing, notes)


def write_fares(
    rows: pd.DataFrame, file_type: FileType, language: Language, currency: str
) -> bytes:
    """Write canonical fares so that ``read_fares`` reads them back as they are.

    Parameters
    ----------
    rows
        Columns as those of ``FareTable.rows``; ``sheet_row`` is left out.
    currency
        That of the prices (ISO 4217).
    """
    named = rows.drop(columns=SHEET_ROW, errors="ignore").dropna(axis=1, how="all")
    headers = [_header(str(name), language, currency) for name in named.columns]
    columns = [_cells(named[name]) for name in named.columns]
    if file_type == "xlsx":
        return write_xlsx(headers, columns)
    mark = _MARKS[language]
    texts = [[_text(cell, mark) for cell in column] for column in columns]
    return write_csv(headers, texts, _DELIMITERS[language])


def _header(name: str, language: Language, currency: str) -> str:
    return _HEADERS[language].get(name, name).format(currency=currency)


def _cells(column: "pd.Series[Any]") -> list[Cell]:
    """Return a column as numbers, days, texts and blanks."""
    values = column.astype(object).where(column.notna(), None).tolist()
    if not pd.api.types.is_datetime64_any_dtype(column):
        return values
    return [None if moment is None else moment.date() for moment in values]


def _text(cell: Cell, mark: DecimalMark) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return _number(cell, mark)
    return cell if isinstance(cell, str) else f"{cell:%d/%m/%Y}"


def _number(number: float, mark: DecimalMark) -> str:
    digits = np.format_float_positional(number, trim="-")
    whole, _, decimals = digits.partition(".")
    if not decimals:
        return whole
    if len(decimals) == _DIGITS_OF_A_GROUP:
        decimals += "0"
    return f"{whole}{mark}{decimals}"
