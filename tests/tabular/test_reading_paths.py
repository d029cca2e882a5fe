"""The fast readers hand on what the careful ones do, cell by cell."""

import csv
import io
from datetime import date, datetime, time
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.tabular import csv_files, workbooks
from tripadvance_core.tabular.cells import Column
from tripadvance_core.tabular.dates import EXCEL_EPOCH
from tripadvance_core.tabular.workbook_guard import SheetFacts

fields = st.text(
    st.characters(codec="utf-8", exclude_characters='"', exclude_categories=["Cc"]),
    max_size=6,
)
widths = st.integers(2, 4)


def cells_of(columns: list[Column] | None) -> list[list[Any]]:
    assert columns is not None
    return [column.cells() for column in columns]


@given(
    widths.flatmap(
        lambda width: st.lists(
            st.lists(fields, min_size=width, max_size=width), min_size=1
        )
    ),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
)
def test_plain_csv_is_read_alike(
    rows: list[list[str]], delimiter: str, line_end: str
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    text = out.getvalue()
    fast = csv_files._plain_columns(text.encode(), delimiter)
    if '"' in text:
        assert fast is None
    else:
        assert cells_of(fast) == cells_of(csv_files._columns(text, delimiter))


@pytest.mark.parametrize("text", ["a,b\n1,2,3\n", 'a,b\n"1",2\n', "title\na,b\n1,2\n"])
def test_other_csv_is_left_to_the_careful_reader(text: str) -> None:
    assert csv_files._plain_columns(text.encode(), ",") is None


def saved(rows: list[list[Any]]) -> bytes:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.worksheets[0].append(row)
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


moments = st.datetimes(datetime(1901, 1, 1), datetime(2049, 12, 31)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
kinds = [
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=4),
    st.floats(-1e9, 1e9).map(lambda number: round(number, 3)),
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.dates(date(1901, 1, 1), date(2049, 12, 31)),
    moments,
    st.times().map(lambda moment: moment.replace(microsecond=0)),
]
columns = st.sampled_from(kinds).flatmap(
    lambda kind: st.lists(st.none() | kind, min_size=3, max_size=3)
)


def last_row_of(rows: list[list[Any]]) -> int:
    filled = [number for number, row in enumerate(rows, start=2) if any_cell(row)]
    return max(filled, default=1)


def any_cell(row: list[Any]) -> bool:
    return any(cell is not None for cell in row)


@given(st.lists(columns, min_size=1, max_size=4))
def test_sheet_of_columns_of_one_type_is_read_alike(content: list[list[Any]]) -> None:
    rows = [list(row) for row in zip(*content, strict=True)]
    header = [f"column {place}" for place in range(len(content))]
    readers = workbooks._Readers(saved([header, *rows]))
    facts = SheetFacts(first_row=1, last_row=last_row_of(rows))
    fast = cells_of(readers.columns("Sheet", facts, EXCEL_EPOCH))
    careful = cells_of(readers._columns_of_cells("Sheet", facts))
    assert [[*map(plainly, cells)] for cells in fast] == [
        [*map(plainly, cells)] for cells in careful
    ]


def plainly(cell: Any) -> Any:
    """Write blanks alike, and moments to the second: serials have no finer truth."""
    if cell in ("", None):
        return None
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    if isinstance(cell, time):
        return cell.replace(microsecond=0)
    return cell


@pytest.mark.parametrize(
    "rows",
    [
        [["a", "b"], [1, "x"], ["y", 2]],
        [["a", "a"], [1, 2]],
        [["a", None], [1, 2]],
        [["a", "a_1"], [1, 2]],
        [[None, "a"], [None, 1]],
        [[], ["a"], [1]],
    ],
)
def test_other_sheets_are_left_to_the_careful_reader(rows: list[list[Any]]) -> None:
    readers = workbooks._Readers(saved(rows))
    assert readers._columns_of_one_type("Sheet", len(rows)) is None
