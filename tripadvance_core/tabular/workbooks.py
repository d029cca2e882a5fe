"""Workbooks (.xlsx), read cell by cell with the values that were last computed."""

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

from openpyxl import Workbook, load_workbook
from openpyxl.utils.escape import unescape
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, is_blank
from tripadvance_core.tabular.sheets import Row, Sheet

_ZIP = b"PK"
_MACROS = "vbaproject.bin"
# All that openpyxl, zipfile and expat raise on damaged files.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    ParseError,
    RuntimeError,
    TypeError,
    ValueError,
    expat.ExpatError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_workbook(content: bytes) -> list[Sheet]:
    """Read every sheet of a workbook that has a row.

    Raises
    ------
    FileRefused
        ``NOT_XLSX``, ``MACRO``, ``CORRUPT``, or ``EMPTY`` if no sheet has a row.
    """
    if not content.startswith(_ZIP):
        raise FileRefused("NOT_XLSX")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_parts(archive)
            sheets = _read_sheets(content, archive)
    except _DAMAGE as error:
        raise FileRefused("CORRUPT") from error
    if not sheets:
        raise FileRefused("EMPTY")
    return sheets


def _check_parts(archive: zipfile.ZipFile) -> None:
    names = [name.lower() for name in archive.namelist()]
    if any(name.endswith(_MACROS) for name in names):
        raise FileRefused("MACRO")
    if not any(name.startswith("xl/") and name.endswith(".xml") for name in names):
        raise FileRefused("NOT_XLSX")


def _read_sheets(content: bytes, archive: zipfile.ZipFile) -> list[Sheet]:
    with warnings.catch_warnings():
        # openpyxl tells of styles and extensions that it passes over.
        warnings.filterwarnings("ignore", module="openpyxl")
        workbook = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheets = [
            _read_sheet(workbook, sheet, archive)
            for sheet in workbook.worksheets
            if isinstance(sheet, ReadOnlyWorksheet)
        ]
        workbook.close()
    return [sheet for sheet in sheets if sheet.rows]


def _read_sheet(
    workbook: Workbook, sheet: ReadOnlyWorksheet, archive: zipfile.ZipFile
) -> Sheet:
    # Some programs write a size that is wrong; only the cells themselves count.
    sheet.reset_dimensions()
    values: Iterator[tuple[Any, ...]] = sheet.values
    numbers: list[int] = []
    rows: list[Row] = []
    for number, cells in enumerate(values, start=1):
        if not all(map(is_blank, cells)):
            numbers.append(number)
            rows.append([_decoded(cell) for cell in cells])
    part: str = sheet._worksheet_path  # type: ignore[attr-defined] # not in the stubs
    return Sheet(
        name=sheet.title,
        row_numbers=numbers,
        rows=rows,
        visible=sheet.sheet_state == "visible",
        hidden_rows=_hidden_rows(archive, part),
        epoch=workbook.epoch.date(),
    )


def _decoded(cell: Cell) -> Cell:
    """Resolve the escapes of OOXML, such as ``_x000D_``, which openpyxl leaves."""
    return unescape(cell) if isinstance(cell, str) and "_x" in cell else cell


def _hidden_rows(archive: zipfile.ZipFile, part: str) -> frozenset[int]:
    """Return the numbers of a sheet's hidden rows, which openpyxl's reader drops."""
    hidden: set[int] = set()
    number = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal number
        if tag.rpartition(":")[2] == "row":
            number = int(attributes.get("r", number + 1))
            if attributes.get("hidden") in ("1", "true"):
                hidden.add(number)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    with archive.open(part) as xml:
        parser.ParseFile(xml)
    return frozenset(hidden)
