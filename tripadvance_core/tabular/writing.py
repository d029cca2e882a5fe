"""A file with its predictions beside its own columns, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from itertools import zip_longest
from typing import Any, Final

import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.comments import Comment
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from tripadvance_core.errors import FileRefused, Refused
from tripadvance_core.tabular.cells import Booleans, Cell, Column, written
from tripadvance_core.tabular.columns import unique_names
from tripadvance_core.tabular.dates import find_day_order
from tripadvance_core.tabular.formulas import as_inert_text
from tripadvance_core.tabular.further import find_days, mark_of_numbers
from tripadvance_core.tabular.numbers import number_in
from tripadvance_core.tabular.sheets import RawTable

ADDED = ("predicted_price", "low", "high", "reason", "doubt", "model_id")
"""The columns that stand behind those of the file, in this order."""

# Excel shows this in the order of its own language.
_DAY_FORMAT: Final = "dd/mm/yyyy"
_LEAST_WIDTH: Final = 12
_MOST_WIDTH: Final = 40


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
        Columns ``predicted_price``, ``low``, ``high`` (base currency), ``reason``
        (what makes the price), ``doubt`` (why it may be off) and ``model_id`` of those
        rows, in their order; what is missing stays blank.
    file_type
        ``xlsx`` or ``csv``.

    Raises
    ------
    Refused
        ``OUTPUT_TYPE`` for another file type.
    """
    headers = (*original.headers, *unique_names(ADDED, original.headers))
    present = predictions.astype(object).where(predictions.notna(), None)
    added = [_spread(present[name].tolist(), predicted) for name in ADDED]
    if file_type == "csv":
        own = [column.cells() for column in original.columns]
        return write_csv(headers, [*own, *added])
    if file_type == "xlsx":
        real = _real_cells if original.is_text else Column.cells
        return write_xlsx(headers, [*map(real, original.columns), *added])
    raise Refused("OUTPUT_TYPE", file_type=file_type)


def _spread(values: list[Cell], where: Booleans) -> list[Cell]:
    """Return n cells that hold the values in their order, where there are any."""
    remaining = iter(values)
    return [next(remaining) if there else None for there in where.tolist()]


def write_csv(
    headers: Iterable[str], columns: Iterable[Sequence[Cell]], delimiter: str = ","
) -> bytes:
    """Write columns under their headers as CSV in which nothing runs."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow([as_inert_text(header) for header in headers])
    writer.writerows(
        [
            as_inert_text(cell) if isinstance(cell, str) else written(cell)
            for cell in row
        ]
        for row in zip(*columns, strict=True)
    )
    return text.getvalue().encode("utf-8-sig")


def write_xlsx(
    headers: Sequence[str],
    columns: Iterable[Sequence[Cell]],
    notes: Sequence[str] = (),
) -> bytes:
    """Write columns under their headers as a workbook in which nothing runs.

    Parameters
    ----------
    notes
        What the headers mean, one note each, or none at all.
    """
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet()
    sheet.freeze_panes = "A2"
    for place, header in enumerate(headers, start=1):
        width = min(max(len(header) + 2, _LEAST_WIDTH), _MOST_WIDTH)
        sheet.column_dimensions[get_column_letter(place)].width = width
    sheet.append(_header_cells(sheet, headers, notes))
    for row in zip(*columns, strict=True):
        sheet.append([_inert_cell(sheet, cell) for cell in row])
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


def _header_cells(
    sheet: WriteOnlyWorksheet, headers: Sequence[str], notes: Sequence[str]
) -> list[Any]:
    cells = []
    for header, note in zip_longest(headers, notes):
        cell = WriteOnlyCell(sheet, _legal(header))
        cell.data_type = "s"
        cell.font = Font(bold=True)
        if note:
            cell.comment = Comment(note, "TripAdvance")
        cells.append(cell)
    return cells


def _inert_cell(sheet: WriteOnlyWorksheet, cell: Cell) -> Any:
    if isinstance(cell, date) and _is_day(cell):
        written_as_day = WriteOnlyCell(sheet, datetime(cell.year, cell.month, cell.day))  # noqa: DTZ001
        written_as_day.number_format = _DAY_FORMAT
        return written_as_day
    if not isinstance(cell, str):
        return cell
    text = _legal(cell)
    if not text.startswith("="):
        return text
    # openpyxl would make a formula of it.
    written_as_text = WriteOnlyCell(sheet, text)
    written_as_text.data_type = "s"
    return written_as_text


def _legal(text: str) -> str:
    return ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)


def _is_day(cell: date) -> bool:
    return not isinstance(cell, datetime) or cell.time() == time()


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
