"""Predictions beside the file's own columns, in which no text becomes a formula."""

import csv
import io
from datetime import datetime
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.tabular.intake import read_fares
from tripadvance_core.tabular.writing import write_predictions

CONTENT = (
    "Data,origem,destino,companhia,duração,preço,note\n"
    "25/03/2025,Salvador,Recife,Gol,80,82.68,=1+1\n"
    "25/03,Recife,Salvador,Azul,85,92.5,-fine\n"
    "26/03/2025,Belém,Recife,Azul,90,,+x\n"
).encode()
HEADERS = ["Data", "origem", "destino", "companhia", "duração", "preço", "note"]
ADDED = ["predicted_price", "low", "high", "reason", "doubt", "model_id"]


def written(file_type: str) -> bytes:
    table = read_fares(CONTENT, "a.csv", ColumnMapping(), "USD", price_required=False)
    predictions = pd.DataFrame(
        {
            "predicted_price": [100.5, 200.5],
            "low": [90.0, 190.0],
            "high": [110.0, float("nan")],
            "reason": "Starts from 10",
            "doubt": [None, "far away"],
            "model_id": "m1",
        }
    )
    return write_predictions(table.original, table.kept, predictions, file_type)


def lines() -> list[list[str]]:
    text = written("csv").decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def cells() -> list[list[Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(written("xlsx"))).worksheets[0]
    return [list(row) for row in sheet.iter_rows()]


def test_own_columns_stand_first_and_every_row_in_its_order() -> None:
    header, *rows = lines()
    assert header == HEADERS + ADDED
    assert [row[3] for row in rows] == ["Gol", "Azul", "Azul"]
    assert [row[12] for row in rows] == ["m1", "", "m1"]
    assert rows[1][7:12] == [""] * 5
    assert list(map(float, rows[0][7:10])) == [100.5, 90.0, 110.0]


def test_what_is_not_known_of_a_price_stays_blank() -> None:
    _, _, _, last = lines()
    assert last[7:12] == ["200.5", "190", "", "Starts from 10", "far away"]


@pytest.mark.parametrize("value", ["=1+1", "-fine", "+x"])
def test_text_that_looks_like_a_formula_is_marked_in_csv(value: str) -> None:
    assert "'" + value in [row[6] for row in lines()]


def test_no_cell_of_a_workbook_is_a_formula() -> None:
    assert "f" not in {cell.data_type for row in cells() for cell in row}


def test_workbook_keeps_what_texts_say() -> None:
    assert [row[6].value for row in cells()[1:]] == ["=1+1", "-fine", "+x"]


def test_workbook_holds_predictions_as_numbers() -> None:
    header, first, second, _ = [[cell.value for cell in row] for row in cells()]
    assert header == HEADERS + ADDED
    assert first[7:] == [100.5, 90.0, 110.0, "Starts from 10", None, "m1"]
    assert second[7:] == [None] * 6


def test_date_cells_of_a_workbook_stay_dates() -> None:
    day = datetime(2025, 3, 25)  # noqa: DTZ001 - cells have no zone
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.append(["date", "start_city", "end_city", "airline", "duration"])
    sheet.append([day, "Salvador", "Recife", "Gol", 80])
    out = io.BytesIO()
    workbook.save(out)
    table = read_fares(
        out.getvalue(), "a.xlsx", ColumnMapping(), "USD", price_required=False
    )
    predictions = pd.DataFrame(
        {
            "predicted_price": [1.0],
            "low": [1.0],
            "high": [1.0],
            "reason": [None],
            "doubt": [None],
            "model_id": ["m"],
        }
    )
    content = write_predictions(table.original, table.kept, predictions, "xlsx")
    read_back = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    assert read_back["A2"].value == day
    assert read_back["E2"].value == 80


def test_negative_numbers_of_csv_stay_numbers() -> None:
    content = CONTENT.replace(b"=1+1", b"-12.5")
    table = read_fares(content, "a.csv", ColumnMapping(), "USD", price_required=False)
    nothing = pd.DataFrame(columns=ADDED)
    nowhere = np.zeros(len(table.original), dtype=np.bool_)
    content = write_predictions(table.original, nowhere, nothing, "csv")
    text = content.decode("utf-8-sig")
    assert next(csv.DictReader(io.StringIO(text)))["note"] == "-12.5"
