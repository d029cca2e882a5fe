"""A file with its predictions beside its own columns, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from tripadvance_core.errors import FileRefused, Refused
from tripadvance_core.tabular.cells import Booleans, Cell, Column, written
from tripadvance_core.tabular.columns import unique_names
from tripadvance_core.tabular.dates import find_day_order
from tripadvance_core.tabular.further import find_days, mark_of_numbers
from tripadvance_core.tabular.numbers import DECIMAL_MARKS, number_in, read_number
from tripadvance_core.tabular.sheets import RawTable

ADDED = ("predicted_price", "low", "high", "model_id")
"""The columns that stand behind those of the file, in this order."""

# What a spreadsheet program takes for a formula, after spaces too (OWASP).
_FORMULA_STARTS = tuple("=+-@＝＋－＠")
_BREAKS = tuple("\t\r\n")


def write_predictions(
    original: RawTable,
    predicted: Booleans,
    predictions: pd.DataFrame,
    file_type: str,
) -> bytes:
    """Write every row of a file in its order, with its prediction where there is one.

    Parameters
    ----------
    predicted
        Which of the n rows of ``original`` there are predictions for.
    predictions
        Columns ``predicted_price``, ``low``, ``high`` (base currency) and
        ``model_id`` of those rows, in their order.
    file_type
        ``xlsx`` or ``csv``.

    Raises
    ------
    Refused
        ``OUTPUT_TYPE`` for another file type.
    """
    headers = (*original.headers, *unique_names(ADDED, original.headers))
    added = [_spread(predictions[name].tolist(), predicted) for name in ADDED]
    if file_type == "csv":
        own = [column.cells() for column in original.columns]
        return _write_csv(headers, [*own, *added])
    if file_type == "xlsx":
        real = _real_cells if original.is_text else Column.cells
        return write_xlsx(headers, [*map(real, original.columns), *added])
    raise Refused("OUTPUT_TYPE", file_type=file_type)


def _spread(values: list[Cell], where: Booleans) -> list[Cell]:
    """Return n cells that hold the values in their order, where there are any."""
    remaining = iter(values)
    return [next(remaining) if there else None for there in where.tolist()]


def _write_csv(headers: Iterable[str], columns: Iterable[Sequence[Cell]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([_harmless(header) for header in headers])
    writer.writerows(
        [_harmless(cell) if isinstance(cell, str) else written(cell) for cell in row]
        for row in zip(*columns, strict=True)
    )
    return text.getvalue().encode("utf-8-sig")


def _harmless(text: str) -> str:
    """Put an apostrophe before text that would be run as a formula; numbers stay."""
    runs = text.startswith(_BREAKS) or text.lstrip().startswith(_FORMULA_STARTS)
    is_number = any(read_number(text, mark) is not None for mark in DECIMAL_MARKS)
    return f"'{text}" if runs and not is_number else text


def write_xlsx(headers: Iterable[str], columns: Iterable[Sequence[Cell]]) -> bytes:
    """Write columns under their headers as a workbook in which nothing runs."""
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet()

    def inert(cell: Cell) -> Any:
        if not isinstance(cell, str):
            return cell
        text = ILLEGAL_CHARACTERS_RE.sub("\ufffd", cell)
        if not text.startswith("="):
            return text
        # openpyxl would make a formula of it.
        written_as_text = WriteOnlyCell(sheet, text)
        written_as_text.data_type = "s"
        return written_as_text

    sheet.append([inert(header) for header in headers])
    for row in zip(*columns, strict=True):
        sheet.append([inert(cell) for cell in row])
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


def _real_cells(column: Column) -> list[Cell]:
    """Return a column of text as the numbers or days that it writes, if it does."""
    mark = mark_of_numbers(column)
    if mark is not None:
        return _each(column, [number_in(cell, mark) for cell in column.distinct])
    try:
        days = find_days(column, find_day_order([column], None))
    except FileRefused:
        return column.cells()
    return column.cells() if days is None else _each(column, days.tolist())


def _each(column: Column, distinct: Sequence[Cell]) -> list[Cell]:
    return Column(distinct, column.places).cells()
