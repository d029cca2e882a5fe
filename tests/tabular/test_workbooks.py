"""Workbooks: the values of their cells, and what is no sound workbook."""

import io
import zipfile
from datetime import date, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.reading import read_sheets
from tripadvance_core.tabular.workbooks import read_workbook


def saved(workbook: openpyxl.Workbook) -> bytes:
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


def workbook_of(*rows: Any) -> openpyxl.Workbook:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.worksheets[0].append(row)
    return workbook


def with_part(content: bytes, name: str, part: bytes) -> bytes:
    """Replace or add one part of a workbook."""
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(changed, "w") as new,
    ):
        for info in old.infolist():
            if info.filename != name:
                new.writestr(info, old.read(info))
        new.writestr(name, part)
    return changed.getvalue()


def code_of_refusal(content: bytes, name: str = "a.xlsx") -> str:
    with pytest.raises(FileRefused) as refused:
        read_sheets(content, name)
    assert refused.value.sentence("pt-BR")
    return refused.value.code


PLAIN = saved(workbook_of(["a", "b"], [1, "x"]))


def test_cells_keep_their_types() -> None:
    moment = datetime(2025, 3, 4, 5, 6)  # noqa: DTZ001 - cells have no zone
    row = [1, 2.5, "x", True, moment, timedelta(hours=28), "", "y"]
    (sheet,) = read_workbook(saved(workbook_of(row)))
    assert sheet.head() == [row]


def test_rows_keep_their_numbers_and_blank_ones_are_left_out() -> None:
    workbook = workbook_of(["a"], [], [" "], ["b"])
    assert read_workbook(saved(workbook))[0].row_numbers.tolist() == [1, 4]


def test_hidden_rows_and_sheets_are_told() -> None:
    workbook = workbook_of(["a"], ["b"], ["c"])
    workbook.worksheets[0].row_dimensions[2].hidden = True
    other = workbook.create_sheet("old")
    other.append(["x"])
    other.sheet_state = "hidden"
    first, second = read_workbook(saved(workbook))
    assert first.hidden_rows == {2}
    assert (first.visible, second.visible) == (True, False)


def test_first_day_of_the_serials_is_that_of_the_workbook() -> None:
    workbook = workbook_of(["a"])
    workbook.epoch = CALENDAR_MAC_1904
    assert read_workbook(saved(workbook))[0].epoch == date(1904, 1, 1)


def test_escapes_of_the_format_are_resolved() -> None:
    sheet = b"""<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
    <sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Rec_x0007_ife</t></is></c></row>
    </sheetData></worksheet>"""
    content = with_part(PLAIN, "xl/worksheets/sheet1.xml", sheet)
    assert read_workbook(content)[0].head() == [["Rec\x07ife"]]


def test_size_that_the_file_claims_does_not_count() -> None:
    with zipfile.ZipFile(io.BytesIO(PLAIN)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    lying = sheet.replace(b'ref="A1:B2"', b'ref="A1:A1"')
    assert lying != sheet
    content = with_part(PLAIN, "xl/worksheets/sheet1.xml", lying)
    assert read_workbook(content)[0].head() == [["a", "b"], [1, "x"]]


def test_macros_are_refused_under_any_name() -> None:
    content = with_part(PLAIN, "xl/vbaProject.bin", b"macro")
    assert code_of_refusal(content) == "MACRO"
    assert code_of_refusal(PLAIN, "a.xlsm") == "MACRO"


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("xl/worksheets/sheet1.xml", b"<worksheet><sheetData>"),
        ("xl/worksheets/sheet1.xml", b"\x01"),
        ("xl/workbook.xml", b""),
    ],
)
def test_damaged_workbook_is_refused(part: str, content: bytes) -> None:
    assert code_of_refusal(with_part(PLAIN, part, content)) == "CORRUPT"


@pytest.mark.parametrize("kept", [100, 1000, -1])  # -1: all but the last byte
def test_truncated_workbook_is_refused(kept: int) -> None:
    assert code_of_refusal(PLAIN[:kept]) == "CORRUPT"


def test_other_documents_are_no_workbooks() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    assert code_of_refusal(content.getvalue()) == "NOT_XLSX"
    assert code_of_refusal(b"date,price\n") == "NOT_XLSX"


def test_workbook_without_a_row_is_empty() -> None:
    assert code_of_refusal(saved(openpyxl.Workbook())) == "EMPTY"


OLE = bytes.fromhex("d0cf11e0a1b11ae1")


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (OLE + b"Workbook", "a.xls", "LEGACY_XLS"),
        (OLE + b"Workbook", "a.xlsx", "LEGACY_XLS"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a.xlsx", "ENCRYPTED"),
        (b"", "a.csv", "EMPTY"),
        (b" \n", "a.xlsx", "EMPTY"),
        (PLAIN, "a", "EXTENSION"),
        (PLAIN, "a.xlsx.exe", "EXTENSION"),
        (PLAIN, "a.xlsx\x00.exe", "EXTENSION"),
        (PLAIN, "a.xlsx.", "EXTENSION"),
    ],
    # A workbook holds the time at which it was made, the names of tests must not.
    ids=lambda given: given[:4].hex() if isinstance(given, bytes) else None,
)
def test_file_is_what_its_bytes_are(content: bytes, name: str, code: str) -> None:
    assert code_of_refusal(content, name) == code


@pytest.mark.parametrize("name", ["a.csv", "A.XLSX", "../../tmp/a.xlsx", "..\\a.xlsx"])
def test_only_the_extension_of_a_name_counts(name: str) -> None:
    assert len(read_sheets(PLAIN, name)) == 1
