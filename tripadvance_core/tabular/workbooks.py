"""Workbooks (.xlsx), read cell by cell with the values that were last computed."""

import io
import posixpath
import zipfile
from collections.abc import Iterator
from datetime import date
from typing import Any, Final
from xml.etree import ElementTree

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import is_blank
from tripadvance_core.tabular.dates import EXCEL_EPOCH
from tripadvance_core.tabular.sheets import Row, Sheet
from tripadvance_core.tabular.workbook_guard import SheetFacts, check_workbook

_ZIP = b"PK"
_WORKBOOK: Final = "xl/workbook.xml"
_RELATIONS: Final = "xl/_rels/workbook.xml.rels"
_NO_FACTS = SheetFacts(frozenset(), ())
_ERROR: Final = "#VALUE!"
"""Stands for every error: the reader leaves their cells blank."""

_EPOCH_1904 = date(1904, 1, 1)
_DAMAGE = (
    CalamineError,
    ElementTree.ParseError,
    KeyError,
    OSError,
    ValueError,
    zipfile.BadZipFile,
)


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
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        facts = check_workbook(archive)
        parts = _parts_of_sheets(archive)
        epoch = _epoch(archive)
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
    for metadata in workbook.sheets_metadata:
        if metadata.typ is not SheetTypeEnum.WorkSheet:
            continue
        numbers, rows = _filled_rows(
            workbook.get_sheet_by_name(metadata.name),
            known := facts.get(parts.get(metadata.name, ""), _NO_FACTS),
        )
        if rows:
            yield Sheet(
                name=metadata.name,
                row_numbers=numbers,
                rows=rows,
                visible=metadata.visible is SheetVisibleEnum.Visible,
                hidden_rows=known.hidden_rows,
                epoch=epoch,
            )


def _filled_rows(
    sheet: CalamineSheet, facts: SheetFacts
) -> tuple[list[int], list[Row]]:
    """Return the rows that are not blank, and their numbers."""
    cells: list[list[Any]] = sheet.to_python(skip_empty_area=False)
    for row, column in facts.error_cells:
        cells[row - 1][column - 1] = _ERROR
    filled = [place for place, row in enumerate(cells) if not all(map(is_blank, row))]
    return [place + 1 for place in filled], [cells[place] for place in filled]


def _parts_of_sheets(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the part of each sheet by the sheet's name."""
    targets = {
        relation.get("Id"): relation.get("Target", "")
        for relation in _tags(archive, _RELATIONS, "Relationship")
    }
    return {
        sheet.get("name", ""): _part(targets.get(_relation_of(sheet), ""))
        for sheet in _tags(archive, _WORKBOOK, "sheet")
    }


def _relation_of(sheet: ElementTree.Element) -> str | None:
    ids = (value for name, value in sheet.items() if name.endswith("}id"))
    return next(ids, None)


def _part(target: str) -> str:
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
