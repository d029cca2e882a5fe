"""Workbooks (.xlsx), read cell by cell with the values that Excel last computed."""

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

from openpyxl import Workbook, load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.utils.escape import unescape
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, is_blank
from tripadvance_core.tabular.dates import EXCEL_EPOCH
from tripadvance_core.tabular.sheets import Row, Sheet

# All that openpyxl, zipfile and expat raise on files that are damaged.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    expat.ExpatError,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)
_ZIP = b"PK"
_ONCE_MACROS = "vbaproject.bin"


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
        _check_parts(content)
        with warnings.catch_warnings():
            # openpyxl tells of styles and extensions that it passes over.
            warnings.filterwarnings("ignore", module="openpyxl")
            sheets = _read_sheets(content)
    except _DAMAGED as error:
        raise FileRefused("CORRUPT") from error
    if not sheets:
        raise FileRefused("EMPTY")
    return sheets


def _check_parts(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name.lower() for name in archive.namelist()]
    if any(name.endswith(_ONCE_MACROS) for name in names):
        raise FileRefused("MACRO")
    if not any(name.startswith("xl/") and name.endswith(".xml") for name in names):
        raise FileRefused("NOT_XLSX")


def _read_sheets(content: bytes) -> list[Sheet]:
    workbook = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheets = [_read_sheet(workbook, sheet, archive) for sheet in workbook]
    workbook.close()
    return [sheet for sheet in sheets if sheet.rows]
