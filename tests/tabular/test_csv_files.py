"""CSV is known by its bytes: encoding, delimiter, records, and what is no CSV."""

import gzip
import random

import pytest

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell
from tripadvance_core.tabular.csv_files import read_csv
from tripadvance_core.tabular.sheets import Sheet


def code_of_refusal(content: bytes) -> str:
    with pytest.raises(FileRefused) as refused:
        read_csv(content)
    return refused.value.code


def rows_of(sheet: Sheet) -> list[list[Cell]]:
    return sheet.head()


def test_records_are_numbered_and_blank_lines_are_none() -> None:
    sheet = read_csv(b"\r\n \r\na,b\r\n\r\n1,2\r\n,\r\n3,4")
    assert rows_of(sheet) == [["a", "b"], ["1", "2"], ["3", "4"]]
    assert sheet.row_numbers.tolist() == [1, 2, 4]


def test_quoted_field_may_hold_delimiters_and_line_breaks() -> None:
    assert rows_of(read_csv(b'a,b\n"1,5","x\ny"\n'))[1] == ["1,5", "x\ny"]


def test_decimal_commas_do_not_pose_as_delimiters() -> None:
    rows = rows_of(read_csv(b"a;b;c\n1;2,5;3,5\n1;2,6;3,6\n"))
    assert rows[1] == ["1", "2,5", "3,5"]


def test_title_above_the_table_does_not_decide_the_delimiter() -> None:
    rows = rows_of(read_csv(b"Fares, by day\na;b\n1;2\n3;4\n"))
    assert rows[1] == ["a", "b"]


def test_damaged_utf8_is_not_taken_for_cp1252() -> None:
    content = "São Luís,Belém,Maceió,Goiânia\n".encode() + b"Bras\xedlia\n"
    assert rows_of(read_csv(content))[0] == ["São Luís", "Belém", "Maceió", "Goiânia"]
    assert rows_of(read_csv(content))[1][0] == "Bras\ufffdlia"


def test_one_long_cell_does_not_cost_the_file() -> None:
    assert len(read_csv(b'a,b\n"' + b"x" * 200_000 + b'",1\n')) == 2


@pytest.mark.parametrize("content", [b'a,b\n1,"2\n3,4\n', b'a,b\n"1"x,2\n'])
def test_quotation_mark_out_of_place_is_refused(content: bytes) -> None:
    assert code_of_refusal(content) == "CSV_QUOTE"


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"a,b\n1,2\n" * 50, mtime=0),
        b"PK\x03\x04 and more",
        b"\r\n<html><table><tr><td>date</td></tr></table></html>",
        b"%PDF-1.4\n1 0 obj\n",
        random.Random(7).randbytes(4096),  # noqa: S311 - any bytes will do
        "a,b\n1,2\n".encode("utf-16-le"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes) -> None:
    assert code_of_refusal(content) == "NOT_CSV"


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf", b",,\n,,\n", b"\n\n"])
def test_text_without_a_record_is_empty(content: bytes) -> None:
    assert code_of_refusal(content) == "EMPTY"
