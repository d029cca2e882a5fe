"""From the bytes of a file to its sheets, by what the file is and not by its name."""

import io
import zipfile
from pathlib import PurePosixPath

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.csv_files import read_csv
from tripadvance_core.tabular.sheets import Sheet
from tripadvance_core.tabular.workbooks import read_workbook

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def read_sheets(content: bytes, file_name: str) -> list[Sheet]:
    """Read every sheet of an .xlsx or .csv file.

    Raises
    ------
    FileRefused
        ``EXTENSION``, ``EMPTY``, ``LEGACY_XLS``, ``MACRO``, ``ENCRYPTED``, ``NOT_XLSX``,
        ``NOT_CSV``, ``CORRUPT`` or ``CSV_QUOTE``: what the file is instead, or what
        is wrong with it.
    """
    extension = PurePosixPath(file_name).suffix.lower()
    if extension not in (".xlsx", ".csv", ".xls", ".xlsm"):
        raise FileRefused("EXTENSION")
    if not content or content.isspace():
        raise FileRefused("EMPTY")
    if content.startswith(_OLE):
        raise FileRefused("ENCRYPTED" if _ENCRYPTED in content else "LEGACY_XLS")
    if extension == ".xls":
        raise FileRefused("LEGACY_XLS")
    if extension == ".xlsm":
        raise FileRefused("MACRO")
    is_workbook = extension == ".xlsx" or _is_workbook(content)
    return read_workbook(content) if is_workbook else [read_csv(content)]


def _is_workbook(content: bytes) -> bool:
    """Whether a file is a workbook, whatever its name: some are served as .csv."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
