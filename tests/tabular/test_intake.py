"""The one way in: which columns and rows of a file become fares, and which do not."""

import io
from datetime import date, datetime, time, timedelta
from typing import Any

import pandas as pd
import pytest
from openpyxl import Workbook

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.intake import FareTable, read_fares

HEADERS = ("date", "start_city", "end_city", "airline", "duration", "price")
GOOD: tuple[Any, ...] = ("25/03/2025", "Salvador", "Recife", "Gol", 80, 82.68)
OTHER: tuple[Any, ...] = ("26/03/2025", "Recife", "Salvador", "Azul", 85, 92.5)


def xlsx(*rows: tuple[Any, ...], **more_sheets: list[tuple[Any, ...]]) -> bytes:
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    for row in rows:
        sheet.append(row)
    for title, lines in more_sheets.items():
        further = workbook.create_sheet(title)
        for line in lines:
            further.append(line)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def csv(*rows: tuple[Any, ...], delimiter: str = ",") -> bytes:
    return "\n".join(delimiter.join(map(str, row)) for row in rows).encode()


def read(content: bytes, base: str = "USD", **mapping: Any) -> FareTable:
    name = "a.xlsx" if content.startswith(b"PK") else "a.csv"
    return read_fares(content, name, ColumnMapping(**mapping), base)


def good_with(column: str, value: Any) -> tuple[Any, ...]:
    return tuple(
        value if name == column else cell
        for name, cell in zip(HEADERS, GOOD, strict=True)
    )


def code_of_refusal(content: bytes, base: str = "USD", **mapping: Any) -> str:
    with pytest.raises(FileRefused) as refused:
        read(content, base, **mapping)
    assert refused.value.sentence("pt-BR")
    assert refused.value.sentence("en")
    return refused.value.code


def refusals(table: FareTable) -> list[tuple[int, str | None, str]]:
    return [(row.row, row.column, row.code) for row in table.refused]


def test_plain_file_becomes_one_row_a_fare() -> None:
    table = read(csv(HEADERS, GOOD, OTHER))
    assert table.rows.iloc[0].to_dict() == {
        "sheet_row": 2,
        "date": pd.Timestamp("2025-03-25"),
        "start_city": "Salvador",
        "end_city": "Recife",
        "airline": "Gol",
        "duration_minutes": 80.0,
        "price": 82.68,
    }
    assert (table.rows_total, table.refused, table.warnings) == (2, (), ())


@pytest.mark.parametrize(
    "headers",
    [
        "date(DD/MM/YYYY),start_city,end_city,airline,duration(minutes),price(dol)",
        "data,origem,destino,companhia,duração (min),preço",
        "DATA, Origem ,DESTINO,Companhia Aérea,Duracao,VALOR",
    ],
)
def test_known_headers_need_no_mapping(headers: str) -> None:
    assert len(read(csv(tuple(headers.split(",")), GOOD)).rows) == 1


def test_mapping_wins_over_recognition() -> None:
    table = read(csv((*HEADERS, "net"), (*GOOD, 70.5)), headers={"price": "net"})
    assert table.rows["price"].tolist() == [70.5]


def test_header_that_the_file_lacks_is_named() -> None:
    content = csv(HEADERS, GOOD)
    assert code_of_refusal(content, headers={"price": "nett"}) == "HEADER_NOT_FOUND"


def test_missing_column_is_named() -> None:
    with pytest.raises(FileRefused) as refused:
        read(csv(HEADERS[:-1], GOOD[:-1]))
    assert refused.value.code == "MISSING_COLUMN"
    assert "price" in refused.value.sentence("en")


def test_prediction_needs_no_price() -> None:
    content = csv(HEADERS[:-1], GOOD[:-1])
    table = read_fares(content, "a.csv", ColumnMapping(), "USD", price_required=False)
    assert table.rows_total == len(table.rows) == 1


def test_empty_price_is_no_fault_where_no_price_is_needed() -> None:
    content = csv(HEADERS, good_with("price", ""), OTHER)
    table = read_fares(content, "a.csv", ColumnMapping(), "USD", price_required=False)
    assert (len(table.rows), table.refused) == (2, ())


def test_date_is_counted_from_the_quote_date_where_there_is_none() -> None:
    content = csv(("days_left", *HEADERS[1:]), (3, *GOOD[1:]))
    table = read(content, quote_date=date(2025, 2, 27))
    assert table.rows["date"].tolist() == [pd.Timestamp("2025-03-02")]
    assert table.rows["quote_date"].tolist() == [pd.Timestamp("2025-02-27")]
    assert "days_left" not in table.rows


def test_days_left_without_a_quote_date_are_no_date() -> None:
    content = csv(("days_left", *HEADERS[1:]), (3, *GOOD[1:]))
    assert code_of_refusal(content) == "MISSING_COLUMN"


def test_days_left_beside_two_days_of_the_quote_are_no_date() -> None:
    headers = ("days_left", "scrape_date", "purchase_date", *HEADERS[1:])
    content = csv(headers, (3, "27/02/2025", "26/02/2025", *GOOD[1:]))
    assert code_of_refusal(content) == "MISSING_COLUMN"
    table = read(content, headers={"quote_date": "scrape_date"})
    assert table.rows["date"].tolist() == [pd.Timestamp("2025-03-02")]


def test_date_goes_before_days_left() -> None:
    content = csv((*HEADERS, "days_left"), (*GOOD, 3))
    table = read(content, quote_date=date(2025, 3, 1))
    assert table.rows["date"].tolist() == [pd.Timestamp("2025-03-25")]
    assert table.rows["quote_date"].tolist() == [pd.Timestamp("2025-03-01")]


def test_days_left_tell_on_which_day_a_price_was_seen() -> None:
    table = read(csv((*HEADERS, "days_left"), (*GOOD, 3), (*OTHER, "")))
    assert table.rows["quote_date"].tolist() == [pd.Timestamp("2025-03-22"), pd.NaT]
    assert [str(w) for w in table.warnings] == ["quote_dates_unknown:1"]


def test_day_on_which_a_price_was_seen_is_recognised() -> None:
    seen = ("20/03/2025", "never")
    rows = [(*GOOD, seen[0]), (*OTHER, seen[1])]
    table = read(csv((*HEADERS, "data da consulta"), *rows))
    assert table.rows["quote_date"].tolist() == [pd.Timestamp("2025-03-20"), pd.NaT]


def test_price_seen_after_the_flight_is_refused() -> None:
    rows = [(*GOOD, "26/03/2025"), (*OTHER, "26/03/2025")]
    table = read(csv((*HEADERS, "quote_date"), *rows))
    assert refusals(table) == [(2, "quote_date", "QUOTE_AFTER_FLIGHT")]


def test_further_columns_are_kept_and_typed() -> None:
    headers = (*HEADERS, "stops", "class", "left", "departure", "booked")
    first, second = (1, "Y", 9, "10:35", "01/03/2025"), ("", "2", "nine", "", "")
    rows = read(csv(headers, (*GOOD, *first), (*OTHER, *second))).rows
    stops, cabin, seats = (rows[name] for name in ("stops", "class", "left"))
    assert rows["departure"][0] == 635.0
    assert rows["booked"].tolist() == [pd.Timestamp("2025-03-01"), pd.NaT]
    assert stops[0] == 1.0
    assert stops.isna().tolist() == [False, True]
    assert cabin.tolist() == ["Y", "2"]
    assert seats.tolist() == ["9", "nine"]


def test_text_that_pandas_takes_for_missing_is_text() -> None:
    content = csv((*HEADERS, "note"), (*GOOD, "NA"), (*OTHER, "null"))
    assert read(content).rows["note"].tolist() == ["NA", "null"]


@pytest.mark.parametrize("name", ["row_hash", "reserved", "sheet_row"])
def test_further_column_never_takes_a_name_of_ours(name: str) -> None:
    table = read(csv((*HEADERS, name), (*GOOD, "x")))
    assert table.rows.columns.is_unique
    assert table.rows.iloc[0, -1] == "x"
    assert table.rows.columns[-1] != name
    assert table.rows["sheet_row"].tolist() == [2]


def test_further_columns_of_one_name_are_both_kept() -> None:
    rows = read(csv((*HEADERS, "x", "x"), (*GOOD, "a", "b"))).rows
    assert rows.columns.is_unique
    assert rows.iloc[0, -2:].tolist() == ["a", "b"]


def test_column_without_a_header_is_left_out_and_told() -> None:
    table = read(csv(("", *HEADERS), (0, *GOOD)))
    assert [str(w) for w in table.warnings] == ["unnamed_column"]
    assert len(table.rows.columns) == 7


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("date", "", "DATE_MISSING"),
        ("date", "31/02/2025", "DATE_INVALID"),
        ("date", "25/03", "DATE_NO_YEAR"),
        ("date", "25/03/1999", "DATE_RANGE"),
        ("start_city", "", "CITY_MISSING"),
        ("end_city", "<b>", "CITY_INVALID"),
        ("airline", "", "AIRLINE_MISSING"),
        ("duration", "x", "DURATION_INVALID"),
        ("duration", 4321, "DURATION_RANGE"),
        ("duration", 0, "DURATION_RANGE"),
        ("price", "x", "PRICE_INVALID"),
        ("price", "", "PRICE_MISSING"),
        ("price", "inf", "PRICE_INVALID"),
        ("price", 0, "PRICE_RANGE"),
        ("price", 100_001, "PRICE_RANGE"),
    ],
)
def test_bad_cell_costs_its_row_alone(column: str, value: Any, code: str) -> None:
    table = read(csv(HEADERS, good_with(column, value), OTHER))
    assert refusals(table) == [(2, column, code)]
    assert table.rows["sheet_row"].tolist() == [3]


def test_flight_to_where_it_starts_is_refused() -> None:
    table = read(csv(HEADERS, good_with("end_city", "SALVADOR "), OTHER))
    assert [row for row, _, _ in refusals(table)] == [2]


@pytest.mark.parametrize(("currency", "kept"), [("USD", 0), ("INR", 1)])
def test_ceiling_of_prices_belongs_to_the_currency(currency: str, kept: int) -> None:
    content = csv(HEADERS, good_with("price", 100_001), good_with("price", 50))
    assert len(read(content, currency).rows) == kept + 1


def test_file_without_a_valid_row_is_refused() -> None:
    content = csv(HEADERS, good_with("price", "x"))
    assert code_of_refusal(content) == "NO_VALID_ROWS"


def test_declared_currency_must_be_the_base_currency() -> None:
    content = csv(HEADERS, GOOD)
    assert code_of_refusal(content, currency="BRL") == "CURRENCY_OTHER"
    assert len(read(content, currency="USD").rows) == 1


def test_found_currency_must_be_the_base_currency() -> None:
    content = csv(HEADERS, good_with("price", "R$ 82.68"))
    assert code_of_refusal(content) == "CURRENCY_OTHER"
    assert len(read(content, "BRL").rows) == 1


def test_two_currencies_are_refused() -> None:
    content = csv(
        HEADERS, good_with("price", "US$ 82.68"), good_with("price", "R$ 82.68")
    )
    assert code_of_refusal(content) == "CURRENCY_MIXED"


@pytest.mark.parametrize(
    ("prices", "read_as"),
    [
        (["1.234,56", "99,9"], [1234.56, 99.9]),
        (["1,234.56", "99.9"], [1234.56, 99.9]),
        (["US$ 1,234.56", "$\u00a099.9"], [1234.56, 99.9]),
    ],
)
def test_decimal_mark_is_that_of_the_column(
    prices: list[str], read_as: list[float]
) -> None:
    rows = [good_with("price", price) for price in prices]
    table = read(csv(HEADERS, *rows, delimiter=";"))
    assert table.rows["price"].tolist() == read_as


def test_numbers_that_fit_two_readings_are_refused() -> None:
    assert code_of_refusal(csv(HEADERS, good_with("price", "1.037"))) == (
        "NUMBER_AMBIGUOUS"
    )


def test_month_first_is_refused_and_never_guessed() -> None:
    content = csv(HEADERS, good_with("date", "03/25/2025"), good_with("date", "1/2/25"))
    assert code_of_refusal(content) == "DATE_ORDER_CONFLICT"


def test_month_first_is_read_where_the_owner_or_the_header_says_so() -> None:
    rows = [good_with("date", "03/25/2025"), good_with("date", "1/2/2025")]
    declared = read(csv(HEADERS, *rows), date_order="month_first")
    headed = read(csv(("date(MM/DD/YYYY)", *HEADERS[1:]), *rows))
    for table in (declared, headed):
        assert table.rows["date"].dt.month.tolist() == [3, 1]


def test_what_a_file_leaves_open_is_asked_and_answered() -> None:
    open_order = csv(HEADERS, good_with("date", "03/02/2025"))
    assert code_of_refusal(open_order) == "DATE_ORDER_AMBIGUOUS"
    answered = read(open_order, date_order="month_first")
    assert answered.rows["date"].tolist() == [pd.Timestamp("2025-03-02")]
    open_mark = csv(HEADERS, good_with("price", "1.037"))
    assert read(open_mark, decimal_mark=",").rows["price"].tolist() == [1037]
    open_unit = csv(HEADERS, good_with("duration", 25))
    assert code_of_refusal(open_unit) == "DURATION_UNIT_AMBIGUOUS"
    answered = read(open_unit, duration_unit="hours")
    assert answered.rows["duration_minutes"].tolist() == [1500]


def test_header_in_portuguese_says_that_the_day_comes_first() -> None:
    content = csv(("data", *HEADERS[1:]), good_with("date", "03/02/2025"))
    assert read(content).rows["date"].tolist() == [pd.Timestamp("2025-02-03")]


def test_declared_rate_converts_the_file() -> None:
    content = csv(HEADERS, good_with("price", "R$ 100"))
    assert code_of_refusal(content) == "CURRENCY_OTHER"
    rates = {"BRL": {"worth": 0.2, "day": "2026-11-20"}}
    assert read(content, rates=rates).rows["price"].tolist() == [20]
    declared = csv(HEADERS, good_with("price", 100))
    assert read(declared, currency="BRL", rates=rates).rows["price"].tolist() == [20]


def test_column_of_currencies_is_minded_row_by_row() -> None:
    headers = (*HEADERS, "moeda")
    content = csv(headers, (*good_with("price", 100), "BRL"), (*OTHER, "USD"))
    assert code_of_refusal(content) == "CURRENCY_MIXED"
    rates = {"BRL": {"worth": 0.2, "day": "2026-11-20"}}
    table = read(content, rates=rates)
    assert table.rows["price"].tolist() == [20, 92.5]
    assert "moeda" not in table.rows


def test_currency_that_only_the_format_of_the_cells_names_counts() -> None:
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    for row in (HEADERS, GOOD):
        sheet.append(row)
    sheet["F2"].number_format = "[$R$-416] #,##0.00"
    out = io.BytesIO()
    workbook.save(out)
    assert code_of_refusal(out.getvalue()) == "CURRENCY_OTHER"
    assert len(read(out.getvalue(), "BRL").rows) == 1


ANAC_PLAIN = "ANO;MES;EMPRESA;ORIGEM;DESTINO;TARIFA;ASSENTOS"
ANAC_CODED = (
    "nr_ano_referencia;nr_mes_referencia;sg_empresa_icao;sg_icao_origem;"
    "sg_icao_destino;nr_tarifa;nr_assentos"
)


@pytest.mark.parametrize(
    ("header", "fare"), [(ANAC_PLAIN, "1800,50"), (ANAC_CODED, "1800.5")]
)
def test_open_fares_of_anac_are_read_without_a_mapping(header: str, fare: str) -> None:
    row = f"2025;1;GLO;SBGR;SBSV;{fare};12"
    content = f"{header}\r\n{row}\r\n".encode("latin-1")
    assert code_of_refusal(content) == "CURRENCY_OTHER"
    table = read(content, "BRL")
    assert table.rows.iloc[0].to_dict() == {
        "sheet_row": 2,
        "date": pd.Timestamp("2025-01-01"),
        "start_city": "SBGR",
        "end_city": "SBSV",
        "airline": "GLO",
        "duration_minutes": pytest.approx(float("nan"), nan_ok=True),
        "price": 1800.5,
        "seats": 12.0,
    }
    assert [str(w) for w in table.warnings] == ["months_only"]


def test_seats_that_fit_two_readings_are_asked_about_and_answered() -> None:
    content = f"{ANAC_PLAIN}\n2025;1;GLO;SBGR;SBSV;1800,5;1.037\n".encode()
    assert code_of_refusal(content, "BRL") == "NUMBER_AMBIGUOUS"
    assert read(content, "BRL", decimal_mark=",").rows["seats"].tolist() == [1037]


def test_fare_of_anac_without_its_seats_is_refused() -> None:
    rows = ["2025;1;GLO;SBGR;SBSV;1800,5;0", "2025;2;GLO;SBGR;SBSV;1800,5;3"]
    content = "\n".join([ANAC_PLAIN, *rows]).encode()
    assert refusals(read(content, "BRL")) == [(2, "seats", "SEATS_INVALID")]


def test_sheets_that_were_not_read_are_told() -> None:
    table = read(xlsx(HEADERS, GOOD, notes=[HEADERS[:5], OTHER[:5]]))
    assert [str(w) for w in table.warnings] == ["other_sheets:1"]


def test_sheets_of_one_header_are_read_together() -> None:
    bad = good_with("price", "x")
    table = read(xlsx(HEADERS, GOOD, february=[HEADERS, OTHER, bad]))
    assert table.rows["airline"].tolist() == ["Gol", "Azul"]
    assert [(row.sheet, row.row) for row in table.refused] == [("february", 3)]
    assert "sheets_joined:2" in [str(w) for w in table.warnings]


@pytest.mark.parametrize(
    ("cell", "minutes"),
    [
        ("02:50", 170),
        ("2h 50m", 170),
        ("PT30H15M", 1815),
        (time(2, 50), 170),
        (timedelta(hours=28), 1680),
        (170, 170),
    ],
)
def test_durations_are_minutes_however_they_are_written(
    cell: Any, minutes: float
) -> None:
    table = read(xlsx(HEADERS, good_with("duration", cell)))
    assert table.rows["duration_minutes"].tolist() == [minutes]


@pytest.mark.parametrize(
    "cell",
    [date(2025, 3, 4), datetime(2025, 3, 4, 23, 59)],  # noqa: DTZ001 - cells have no zone
)
def test_date_cells_keep_their_day(cell: date) -> None:
    table = read(xlsx(HEADERS, good_with("date", cell)))
    assert table.rows["date"].tolist() == [pd.Timestamp("2025-03-04")]


def test_sheet_rows_are_those_that_excel_shows() -> None:
    empty = (None,) * 6
    content = xlsx(("Fares of March",), empty, HEADERS, GOOD, empty, OTHER)
    assert read(content).rows["sheet_row"].tolist() == [4, 6]


def test_named_sheet_is_read() -> None:
    content = xlsx(HEADERS, GOOD, other=[HEADERS, OTHER])
    assert read(content, sheet="other").rows["airline"].tolist() == ["Azul"]


def test_sheet_that_the_file_lacks_is_refused() -> None:
    assert code_of_refusal(xlsx(HEADERS, GOOD), sheet="x") == "SHEET_NOT_FOUND"


def test_equal_rows_are_kept_and_told() -> None:
    table = read(csv(HEADERS, GOOD, GOOD, OTHER, GOOD))
    assert [str(w) for w in table.warnings] == ["duplicate_rows:2"]
    assert len(table.rows) == 4


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found(encoding: str, delimiter: str) -> None:
    row = good_with("start_city", "São Luís")
    text = csv(HEADERS, row, delimiter=delimiter).decode()
    assert read(text.encode(encoding)).rows["start_city"].tolist() == ["São Luís"]
