"""The cells of a written file: numbers and days where the file has them as text."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from tripadvance_core.errors import Refused
from tripadvance_core.tabular.cells import Cell, Column
from tripadvance_core.tabular.sheets import RawTable
from tripadvance_core.tabular.writing import ADDED, write_predictions

NOTHING = pd.DataFrame(columns=list(ADDED))


def table(*cells: Cell, header: str = "x", is_text: bool = True) -> RawTable:
    numbers = np.arange(2, len(cells) + 2)
    return RawTable((header,), (Column.of(cells),), numbers, is_text)


def without_predictions(original: RawTable, file_type: str) -> bytes:
    none = np.zeros(len(original), dtype=np.bool_)
    return write_predictions(original, none, NOTHING, file_type)


def in_workbook(original: RawTable) -> list[Any]:
    content = io.BytesIO(without_predictions(original, "xlsx"))
    column = openpyxl.load_workbook(content).worksheets[0]["A"]
    assert "f" not in {cell.data_type for cell in column}
    return [cell.value for cell in column[1:]]


def in_csv(original: RawTable) -> list[str]:
    text = without_predictions(original, "csv").decode("utf-8-sig")
    return [line[0] for line in csv.reader(io.StringIO(text))][1:]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (("", "1", "2.5"), [None, 1, 2.5]),
        (("1.234,5", "9"), [1234.5, 9]),
        (("007", "8"), ["007", "8"]),
        (("1", "x"), ["1", "x"]),
        (
            ("2025-02-03 23:45", "2025-02-04 00:00"),
            ["2025-02-03 23:45", "2025-02-04 00:00"],
        ),
        (("03/02/2025", "18/12"), ["03/02/2025", "18/12"]),
        (("04/17/2025",), ["04/17/2025"]),
        (("03/02/2025",), ["03/02/2025"]),
        (("", " ", "x"), [None, " ", "x"]),
    ],
)
def test_text_becomes_numbers_only_as_a_whole_column(
    cells: tuple[Cell, ...], found: list[Any]
) -> None:
    assert in_workbook(table(*cells)) == found


def test_text_becomes_days_only_as_a_whole_column() -> None:
    day = datetime(2025, 2, 3)  # noqa: DTZ001 - cells have no zone
    later = datetime(2025, 2, 28)  # noqa: DTZ001
    found = in_workbook(table("", "03/02/2025", "28/02/2025"))
    assert found == [None, day, later]


def test_text_of_a_workbook_stays_text() -> None:
    assert in_workbook(table("1", "2", is_text=False)) == ["1", "2"]


@pytest.mark.parametrize("text", ["=1+1", "\t=1+1", "#REF!", "+x", "@x", "a\x07b"])
def test_text_of_a_workbook_is_never_run(text: str) -> None:
    assert in_workbook(table(text)) == [text.replace("\x07", "\ufffd")]


@pytest.mark.parametrize(
    "text",
    ["=1+1", " =1+1", "\u00a0=1+1", "\t1", "\rx", "\nx", "+x", "-x", "@x", "＝1"],
)
def test_text_of_csv_is_never_run(text: str) -> None:
    assert in_csv(table(text)) == ["'" + text]


@pytest.mark.parametrize("text", ["-91.2", "-91,2", "+5", "1e3", "Recife", "a=b"])
def test_numbers_and_plain_text_of_csv_stand_as_they_are(text: str) -> None:
    assert in_csv(table(text)) == [text]


def test_typed_cells_are_written_plainly_in_csv() -> None:
    moment = datetime(2025, 2, 3, 4, 5)  # noqa: DTZ001 - cells have no zone
    midnight = datetime(2025, 2, 3)  # noqa: DTZ001
    cells = [-1, 2.0, 2.5, True, None, midnight, moment, timedelta(hours=28, minutes=5)]
    expected = [
        "-1",
        "2",
        "2.5",
        "TRUE",
        "",
        "2025-02-03",
        "2025-02-03T04:05:00",
        "28:05",
    ]
    assert in_csv(table(*cells, is_text=False)) == expected


def test_header_cannot_be_a_formula_either() -> None:
    text = without_predictions(table(1, header="=x"), "csv").decode("utf-8-sig")
    assert text.startswith("'=x,")


def test_added_columns_never_take_a_header_of_the_file() -> None:
    text = without_predictions(table(1, header="low"), "csv").decode("utf-8-sig")
    header = "low,predicted_price,low_2,high,reason,doubt,model_id"
    assert text.splitlines()[0] == header


def test_other_file_type_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        without_predictions(table(1), "ods")
    assert refused.value.code == "OUTPUT_TYPE"
