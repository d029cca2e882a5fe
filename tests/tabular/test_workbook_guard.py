"""No workbook reaches a parser before it was seen to be harmless."""

import io
import zipfile

import openpyxl
import pytest

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.workbook_guard import check_workbook
from tripadvance_core.tabular.workbooks import read_workbook

SHEET = "xl/worksheets/sheet1.xml"
NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def workbook_with(*parts: tuple[str, bytes], leave_out: str = "") -> bytes:
    """Return a sound workbook with some parts put in place of its own, or added."""
    plain = io.BytesIO()
    workbook = openpyxl.Workbook()
    workbook.worksheets[0].append(["a", 1])
    workbook.save(plain)
    changed = io.BytesIO()
    replaced = {name for name, _ in parts} | {leave_out}
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.infolist():
            if entry.filename not in replaced:
                new.writestr(entry.filename, old.read(entry))
        for name, content in parts:
            new.writestr(name, content, zipfile.ZIP_DEFLATED)
    return changed.getvalue()


def sheet_of(rows: str) -> bytes:
    xml = f"<worksheet {NAMESPACE}><sheetData>{rows}</sheetData></worksheet>"
    return workbook_with((SHEET, xml.encode()))


def code_of(content: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            check_workbook(archive)
    except FileRefused as refusal:
        return refusal.code
    return None


def test_sound_workbook_passes() -> None:
    assert code_of(workbook_with()) is None


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', "SHEET_TOO_LARGE"),
        ("<row r='1048576'><c r = 'XFD1048576'><v>1</v></c></row>", "SHEET_TOO_LARGE"),
        ('<row r="1"><c t="n" r="XFE1"><v>1</v></c></row>', "CORRUPT"),
        ('<row r="1"><c r="ABCD1"><v>1</v></c></row>', "CORRUPT"),
        ('<row r="1048577"><c r="A1048577"><v>1</v></c></row>', "CORRUPT"),
        ('<row r="4294967297"><c r="A1"><v>1</v></c></row>', "CORRUPT"),
        ('<row r="1"><c r="ABC1"><v>1</v></c></row>', None),
        ('<row r="1"><c r="A1" t="str"><v>FLIGHT ABC1234567</v></c></row>', None),
    ],
)
def test_cells_lie_where_a_sheet_has_room(rows: str, code: str | None) -> None:
    assert code_of(sheet_of(rows)) == code


def test_sheet_in_another_alphabet_of_bytes_is_refused() -> None:
    xml = f"<worksheet {NAMESPACE}/>".encode("utf-16")
    assert code_of(workbook_with((SHEET, xml))) == "CORRUPT"


@pytest.mark.parametrize(
    "part", [SHEET, "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "docProps/a.xml"]
)
def test_declared_entities_are_refused_in_every_part(part: str) -> None:
    xml = b'<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    assert code_of(workbook_with((part, xml))) == "XML_DTD"


def test_entity_across_two_pieces_is_seen() -> None:
    xml = b"<a>" + b" " * (4 * 1024 * 1024 - 6) + b"<!DOCTYPE a>" + b"</a>"
    assert code_of(workbook_with((SHEET, xml))) == "XML_DTD"


def test_more_shared_strings_than_the_part_can_hold_are_refused() -> None:
    xml = f'<sst {NAMESPACE} count="4000000000" uniqueCount="4000000000"></sst>'
    assert code_of(workbook_with(("xl/sharedStrings.xml", xml.encode()))) == "CORRUPT"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_parts_of_one_name_are_refused() -> None:
    assert code_of(workbook_with((SHEET, b"<a/>"), (SHEET, b"<b/>"))) == "CORRUPT"


@pytest.mark.parametrize("name", ["../evil.xml", "/etc/passwd", "xl\\..\\..\\x.xml"])
def test_part_outside_the_archive_is_refused(name: str) -> None:
    assert code_of(workbook_with((name, b"<a/>"))) == "CORRUPT"


def test_macros_are_refused_wherever_they_hide() -> None:
    assert code_of(workbook_with(("xl/other/vbaProject.bin", b"x"))) == "MACRO"


def test_what_unpacks_a_thousandfold_is_refused() -> None:
    bomb = workbook_with(("xl/media/a.bin", bytes(40 * 1024 * 1024)))
    assert code_of(bomb) == "SHEET_TOO_LARGE"


def test_part_longer_than_it_says_is_refused() -> None:
    content = bytearray(workbook_with((SHEET, b"<a/>" * 1000)))
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(SHEET.encode()))
    content[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    assert code_of(bytes(content)) == "CORRUPT"


def test_flipped_bit_is_refused() -> None:
    content = bytearray(workbook_with((SHEET, bytes(range(32, 127)) * 50)))
    content[content.index(SHEET.encode()) + len(SHEET) + 20] ^= 1
    assert code_of(bytes(content)) == "CORRUPT"


def test_rows_out_of_order_are_not_lost() -> None:
    rows = (
        '<row r="3"><c r="A3"><v>3</v></c></row><row r="1"><c r="A1"><v>1</v></c></row>'
    )
    (sheet,) = read_workbook(sheet_of(rows))
    assert sorted(sheet.columns[0].cells()) == [1, 3]


def test_cells_in_error_are_told_from_blank_ones() -> None:
    rows = '<row r="1"><c r="A1" t="e"><v>#N/A</v></c><c r="B1"><v>1</v></c></row>'
    (sheet,) = read_workbook(sheet_of(rows))
    assert sheet.head() == [["#VALUE!", 1]]
