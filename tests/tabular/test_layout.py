"""Where the fares stand: one sheet, one header row, and the rows under it."""

from collections.abc import Sequence

import numpy as np
import pytest

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.layout import Layout, find_layout
from tripadvance_core.tabular.sheets import Row, Sheet, columns_of

PLAIN = ("date", "start_city", "end_city", "airline", "duration", "price")
FARE = ("25/03/2025", "Salvador", "Recife", "Gol", 80, 82.68)


def sheet(name: str, *rows: Row, visible: bool = True) -> Sheet:
    numbers = np.arange(1, len(rows) + 1)
    return Sheet(name, columns_of(rows), numbers, visible)


def find(sheets: Sequence[Sheet], name: str | None = None) -> Layout:
    return find_layout(sheets, ColumnMapping(sheet=name), price_required=True)


def code_of_refusal(sheets: Sequence[Sheet], name: str | None = None) -> str:
    with pytest.raises(FileRefused) as refused:
        find(sheets, name)
    return refused.value.code


def test_sheet_with_every_column_is_the_one() -> None:
    sheets = [sheet("notes", ("date", "who")), sheet("fares", PLAIN, FARE)]
    assert find(sheets).sheet.name == "fares"


def test_sheets_with_the_same_headers_are_one_table() -> None:
    reordered = (PLAIN[5], *PLAIN[:5])
    sheets = [
        sheet("jan", ("title",), PLAIN, FARE),
        sheet("feb", reordered, (99, *FARE[:5]), (98, *FARE[:5], "beside")),
    ]
    table = find(sheets).table()
    assert table.headers == (*PLAIN, "")
    assert table.columns[5].cells() == [82.68, 99, 98]
    assert table.columns[6].cells() == [None, None, "beside"]
    assert table.row_numbers.tolist() == [3, 2, 3]
    assert table.sheet_names is not None
    assert table.sheet_names.tolist() == ["jan", "feb", "feb"]
    assert find(sheets, "Feb").sheet.name == "feb"


def test_sheets_with_other_headers_are_not_chosen_between() -> None:
    sheets = [sheet("jan", PLAIN, FARE), sheet("feb", (*PLAIN, "class"), (*FARE, "Y"))]
    assert code_of_refusal(sheets) == "SHEET_AMBIGUOUS"
    assert find(sheets, "feb").sheet.name == "feb"


def test_hidden_sheet_is_read_only_by_its_name() -> None:
    sheets = [sheet("now", PLAIN, FARE), sheet("old", PLAIN, FARE, visible=False)]
    assert find(sheets).sheet.name == "now"
    assert find(sheets, "old").sheet.name == "old"
    assert code_of_refusal(sheets[1:]) == "EMPTY"


def test_missing_columns_are_those_of_the_best_sheet() -> None:
    sheets = [sheet("a", ("x",)), sheet("b", PLAIN[1:], FARE[1:])]
    with pytest.raises(FileRefused) as refused:
        find(sheets)
    assert refused.value.details == {"columns": "date"}
    assert "lead_days" in refused.value.sentence("en")


def test_short_rows_are_filled_up_and_long_ones_kept() -> None:
    table = find([sheet("a", ("title",), PLAIN, FARE[:2], (*FARE, "more"))]).table()
    assert table.headers == (*PLAIN, "")
    assert [len(column) for column in table.columns] == [2] * 7
    assert table.columns[5].cells() == [None, 82.68]
    assert table.columns[6].cells() == [None, "more"]
    assert table.row_numbers.tolist() == [3, 4]


def test_header_alone_is_a_table_of_no_rows() -> None:
    table = find([sheet("a", PLAIN)]).table()
    assert (len(table), len(table.columns)) == (0, 6)


def test_column_without_a_header_matters_only_if_it_is_filled() -> None:
    blank = find([sheet("a", ("", *PLAIN), (None, *FARE))])
    filled = find([sheet("a", ("", *PLAIN), (0, *FARE))])
    assert not blank.has_unnamed(blank.table())
    assert filled.has_unnamed(filled.table())
    assert filled.further == []
