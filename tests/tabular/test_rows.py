"""What a row as a whole is refused for, and what its header and sheet say of it."""

from collections.abc import Iterable

import pytest

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.intake import FareTable, read_fares

HEADER = "date,start_city,end_city,airline,duration,price"
FARE = "25/03/2025,Salvador,Recife,Gol,80,82.68"


def read(lines: Iterable[str], base: str = "USD", **mapping: str) -> FareTable:
    content = "\n".join(lines).encode()
    return read_fares(content, "a.csv", ColumnMapping(**mapping), base)


def refusals(table: FareTable) -> list[tuple[int, str | None, str]]:
    return [(row.row, row.column, row.code) for row in table.refused]


def code_of_refusal(lines: Iterable[str], base: str = "USD", **mapping: str) -> str:
    with pytest.raises(FileRefused) as refused:
        read(lines, base, **mapping)
    return refused.value.code


@pytest.mark.parametrize(
    "line",
    [
        "Total,,,,1505,869.28",
        ",Total,,,1505,869.28",
        "Source: the agency,,,,,",
        HEADER,
        HEADER.upper(),
    ],
)
def test_totals_notes_and_repeated_headers_are_no_flights(line: str) -> None:
    assert refusals(read([HEADER, FARE, line])) == [(3, None, "NOT_A_FLIGHT")]


def test_flight_that_lacks_its_date_is_told_so() -> None:
    assert refusals(read([HEADER, FARE, ",Salvador,Recife,Gol,80,82.68"])) == [
        (3, "date", "DATE_MISSING")
    ]


def test_field_too_many_refuses_its_row() -> None:
    cut = "25/03/2025,Salvador,Recife,Gol,80,82,68"
    assert refusals(read([HEADER, FARE, cut])) == [(3, None, "FIELD_COUNT")]


def test_blank_fields_at_the_end_are_not_too_many() -> None:
    assert refusals(read([HEADER, FARE + ",,"])) == []


def test_row_is_refused_once_for_its_first_fault() -> None:
    table = read([HEADER, FARE, "31/02/2025,,Recife,Gol,x,y"])
    assert refusals(table) == [(3, "date", "DATE_INVALID")]
    assert table.rows_total == 2


def test_city_is_the_same_whatever_its_accents() -> None:
    table = read([HEADER, FARE, "25/03/2025,São  Luís,SAO LUIS,Gol,80,82.68"])
    assert refusals(table) == [(3, "end_city", "SAME_CITY")]


def test_header_that_counts_hours_is_believed() -> None:
    header = HEADER.replace("duration", "duration(hours)")
    table = read([header, FARE.replace(",80,", ",1.5,")])
    assert table.rows["duration_minutes"].tolist() == [90]


def test_durations_too_short_for_flights_are_noted() -> None:
    header = HEADER.replace("duration", "duration(minutes)")
    table = read([header, FARE.replace(",80,", ",2.17,")])
    assert "durations_maybe_hours" in map(str, table.warnings)


def test_header_in_another_currency_refuses_the_file() -> None:
    header = HEADER.replace("price", "price(dol)")
    assert code_of_refusal([header, FARE], "BRL") == "CURRENCY_OTHER"
    assert len(read([header, FARE], "USD").rows) == 1


def test_declared_currency_goes_before_that_of_the_header() -> None:
    header = HEADER.replace("price", "price(dol)")
    assert len(read([header, FARE], "BRL", currency="BRL").rows) == 1


def test_header_with_the_month_first_refuses_the_file() -> None:
    header = HEADER.replace("date", "date(MM/DD/YYYY)")
    assert code_of_refusal([header, FARE]) == "DATE_ORDER_CONFLICT"


def test_file_of_a_header_alone_has_no_valid_rows() -> None:
    assert code_of_refusal([HEADER]) == "NO_VALID_ROWS"


def test_commonest_reason_is_told_where_no_row_is_valid() -> None:
    lines = [HEADER, FARE.replace("82.68", "x"), FARE.replace("82.68", "y"), "Total"]
    with pytest.raises(FileRefused) as refused:
        read(lines)
    assert refused.value.details == {"rows": 3, "reason": "PRICE_INVALID"}
