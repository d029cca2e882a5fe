"""The report of refused rows: complete, in the user's words, and harmless."""

import io

import openpyxl

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.tabular.intake import read_fares
from tripadvance_core.tabular.refusals import write_refusals

FARES = (
    b"note,date,start_city,end_city,airline,duration,price\n"
    b"good,25/03/2025,Salvador,Recife,Gol,80,82.68\n"
    b"=HYPERLINK(1),25/03,Salvador,Recife,Gol,80,82.68\n"
    b"good,26/03/2025,Salvador,Recife,Gol,80,82.68\n"
    b"far,26/03/2025,Salvador,Recife,Gol,80,-1\n"
)


def report_in(language: str) -> openpyxl.Workbook:
    table = read_fares(FARES, "a.csv", ColumnMapping(), "USD")
    content = write_refusals(table, language)  # type: ignore[arg-type]
    return openpyxl.load_workbook(io.BytesIO(content))


def test_every_refused_row_is_reported_with_its_own_columns() -> None:
    header, *rows = report_in("pt-BR").worksheets[0].iter_rows(values_only=True)
    assert header[-3:] == ("linha", "coluna", "motivo")
    assert [(row[0], *row[-3:-1]) for row in rows] == [
        ("=HYPERLINK(1)", 3, "date"),
        ("far", 5, "price"),
    ]
    assert "ano" in rows[0][-1]


def test_report_speaks_the_users_language() -> None:
    header, *rows = report_in("en").worksheets[0].iter_rows(values_only=True)
    assert header[-3:] == ("row", "column", "reason")
    assert "year" in rows[0][-1]


def test_no_cell_of_the_report_is_a_formula() -> None:
    cells = [cell for row in report_in("en").worksheets[0].iter_rows() for cell in row]
    assert "f" not in {cell.data_type for cell in cells}
