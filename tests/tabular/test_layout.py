"""Where the fares stand: one sheet, one header row, and the rows under it."""

from collections.abc import Sequence

import pytest

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.layout import Layout, find_layout
from tripadvance_core.tabular.sheets import Row, Sheet

PLAIN = ("date", "start_city", "end_city", "airline", "duration", "price")
FARE = ("25/03/2025", "Salvador", "Recife", "Gol", 80, 82.68)


def sheet(name: str, *rows: Row, visible: bool = True) -> Sheet:
    return Sheet(name, list(range(1, len(rows) + 1)), list(rows), visible)


def find(sheets: Sequence[Sheet], name: str | None = None) -> Layout:
    return find_layout(sheets, ColumnMapping(sheet=name), price_required=True)


def code_of_refusal(sheets: Sequence[Sheet], name: str | None = None) -> str:
    with pytest.raises(FileRefused) as refused:
        find(sheets, name)
    return refused.value.code


def test_sheet_with_every_column_is_the_one() -> None:
    sheets = [sheet("notes", ("date", "who")), sheet("fares", PLAIN, FARE)]
    assert find(sheets).sheet.name == "fares"


def test_two_sheets_of_fares_are_not_chosen_between() -> None:
    sheets = [sheet("jan", PLAIN, FARE), sheet("feb", PLAIN, FARE)]
    assert code_of_refusal(sheets) == "SHEET_AMBIGUOUS"
    assert find(sheets, "Feb").sheet.name == "feb"


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
    assert [len(cells) for cells in table.columns] == [2] * 7
    assert table.columns[5] == (None, 82.68)
    assert table.columns[6] == (None, "more")
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
