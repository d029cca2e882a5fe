"""Workbooks (.xlsx), read with the values that were last computed.

Two readers, one parser: both are faces of calamine. fastexcel hands on whole columns
of one type, fast; where a sheet is not like that, python-calamine hands on its cells.
"""

import io
import logging
import posixpath
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from typing import Any, Final
from xml.etree import ElementTree

import fastexcel
import numpy as np
import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cell_formats import currencies_by_column
from tripadvance_core.tabular.cells import Cell, Column
from tripadvance_core.tabular.dates import EXCEL_EPOCH
from tripadvance_core.tabular.sheets import Sheet, columns_of, filled_rows
from tripadvance_core.tabular.workbook_guard import SheetFacts, check_workbook

# It warns of every column that is blank.
logging.getLogger("fastexcel").setLevel(logging.ERROR)

_ZIP = b"PK"
_WORKBOOK: Final = "xl/workbook.xml"
_RELATIONS: Final = "xl/_rels/workbook.xml.rels"
_WORKSHEET: Final = "/worksheet"
_ERROR: Final = "#VALUE!"
"""Stands for every error: the reader leaves their cells blank."""

_EPOCH_1904 = date(1904, 1, 1)
# Serials below 1 are times of the day, which the fast reader dates so.
_FIRST_DAY_OF_DATES = datetime(1900, 1, 1)  # noqa: DTZ001 - cells have no zone
_DAMAGE = (
    CalamineError,
    ElementTree.ParseError,
    KeyError,
    OSError,
    ValueError,
    fastexcel.FastExcelError,
    zipfile.BadZipFile,
)


@dataclass(frozen=True)
class _Part:
    """A sheet as the workbook lists it."""

    name: str
    path: str
    visible: bool


def read_workbook(content: bytes) -> list[Sheet]:
    """Read every sheet of a workbook that has a row.

    Raises
    ------
    FileRefused
        ``NOT_XLSX``, ``EMPTY`` if no sheet has a row, or what
        ``workbook_guard.check_workbook`` raises.
    """
    if not content.startswith(_ZIP):
        raise FileRefused("NOT_XLSX")
    try:
        sheets = list(_read_sheets(content))
    except _DAMAGE as error:
        raise FileRefused("CORRUPT") from error
    if not sheets:
        raise FileRefused("EMPTY")
    return sheets


def _read_sheets(content: bytes) -> Iterator[Sheet]:
    readers = _Readers(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        facts = check_workbook(archive)
        epoch = _epoch(archive)
        for part in _worksheets(archive):
            known = facts.get(part.path, SheetFacts())
            columns = readers.columns(part.name, known, epoch)
            filled = filled_rows(columns)
            if not len(filled):
                continue
            yield Sheet(
                name=part.name,
                columns=[column.rows(filled) for column in columns],
                row_numbers=filled + 1,
                visible=part.visible,
                hidden_rows=known.hidden_rows,
                epoch=epoch,
                currencies=currencies_by_column(archive, part.path),
            )


class _Readers:
    """The two readers of one workbook, each opened when it is first needed."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @cached_property
    def _fast(self) -> fastexcel.ExcelReader:
        return fastexcel.read_excel(self._content)

    @cached_property
    def _by_cell(self) -> CalamineWorkbook:
        return CalamineWorkbook.from_filelike(io.BytesIO(self._content))

    def columns(self, name: str, facts: SheetFacts, epoch: date) -> list[Column]:
        """Read a sheet, fast where it is like most sheets."""
        like_most = epoch == EXCEL_EPOCH and facts.first_row == 1
        if like_most and not facts.error_cells and facts.last_row is not None:
            columns = self._columns_of_one_type(name, facts.last_row)
            if columns is not None:
                return columns
        return self._columns_of_cells(name, facts)

    def _columns_of_one_type(self, name: str, last_row: int) -> list[Column] | None:
        """Read a sheet with its header in cell A1 and columns of one type below it.

        None where the sheet is of another kind, or where it is not certain that the
        header stands in row 1: the fast reader leaves out blank rows above it.
        """
        try:
            sheet = self._fast.load_sheet(
                name, schema_sample_rows=None, dtype_coercion="strict"
            )
        except fastexcel.UnsupportedColumnTypeCombinationError:
            return None
        headers = sheet.available_columns()
        if sheet.total_height + 1 != last_row or not _are_as_written(headers):
            return None
        columns = zip(headers, sheet.to_arrow().columns, strict=True)
        return [_under(header.name, cells) for header, cells in columns]

    def _columns_of_cells(self, name: str, facts: SheetFacts) -> list[Column]:
        """Read a sheet cell by cell, of whatever kind it is."""
        sheet = self._by_cell.get_sheet_by_name(name)
        rows: list[list[Any]] = sheet.to_python(skip_empty_area=False)
        for row, column in facts.error_cells:
            rows[row - 1][column - 1] = _ERROR
        return columns_of(rows)


def _are_as_written(headers: Sequence[fastexcel.ColumnInfo]) -> bool:
    """Whether headers stand in the file like this, from column A on.

    The fast reader names a column without a header, and numbers those of one name.
    """
    names = {header.name for header in headers}
    return all(
        header.absolute_index == place
        and header.column_name_from == "looked_up"
        and re.sub(r"_[0-9]+$", "", header.name) not in names - {header.name}
        for place, header in enumerate(headers)
    )


def _under(header: str, cells: pa.Array) -> Column:
    """Return a column with its header as the first cell."""
    column = Column.of_arrow(cells)
    below = [_as_cell(value) for value in column.distinct]
    return Column([header, *below], np.insert(column.places + 1, 0, 0))


def _as_cell(value: Cell) -> Cell:
    if not isinstance(value, datetime):
        return value
    if value < _FIRST_DAY_OF_DATES:
        return value.time()
    return value.date() if value.time() == time() else value


def _worksheets(archive: zipfile.ZipFile) -> Iterator[_Part]:
    relations = {
        relation.get("Id"): relation
        for relation in _tags(archive, _RELATIONS, "Relationship")
    }
    for sheet in _tags(archive, _WORKBOOK, "sheet"):
        relation = relations.get(_relation_of(sheet))
        if relation is None or not relation.get("Type", "").endswith(_WORKSHEET):
            continue
        yield _Part(
            sheet.get("name", ""),
            _path(relation.get("Target", "")),
            sheet.get("state", "visible") == "visible",
        )


def _relation_of(sheet: ElementTree.Element) -> str | None:
    ids = (value for name, value in sheet.items() if name.endswith("}id"))
    return next(ids, None)


def _path(target: str) -> str:
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


def _epoch(archive: zipfile.ZipFile) -> date:
    settings = _tags(archive, _WORKBOOK, "workbookPr")
    since_1904 = any(tag.get("date1904") in ("1", "true") for tag in settings)
    return _EPOCH_1904 if since_1904 else EXCEL_EPOCH


def _tags(
    archive: zipfile.ZipFile, part: str, name: str
) -> Iterator[ElementTree.Element]:
    # The guard has refused entities before, which would make this parser dangerous.
    tree = ElementTree.fromstring(archive.read(part))  # noqa: S314
    return (tag for tag in tree.iter() if tag.tag.rpartition("}")[2] == name)
