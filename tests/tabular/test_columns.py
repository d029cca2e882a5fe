"""Headers are known by their words; what may be two columns is refused."""

import pytest

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused, SettingRefused
from tripadvance_core.tabular.columns import (
    Header,
    currency_in_header,
    day_order_in_header,
    duration_unit_in_header,
    find_header,
    missing_columns,
    place_columns,
)

PLAIN = ("date", "start_city", "end_city", "airline", "duration", "price")
NO_MAPPING = ColumnMapping()


def place(*headers: str, **mapping: str) -> dict[str, int]:
    return place_columns(Header(0, headers), ColumnMapping(headers=mapping))


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("date(DD/MM/YYYY)", "date"),
        ("Data da viagem", "date"),
        ("Date_of_Journey", "date"),
        ("startingAirport", "start_city"),
        ("Cidade de Origem", "start_city"),
        ("DESTINO", "end_city"),
        ("Companhia Aérea", "airline"),
        ("Cia. Aérea", "airline"),
        ("Duration\u00a0(minutes)", "duration"),
        ("duração_min", "duration"),
        ("price(dol)", "price"),
        ("PRICE (USD)", "price"),
        ("preço (R$)", "price"),
        ("Valor", "price"),
        ("days_left", "lead_days"),
    ],
)
def test_header_is_known_by_its_words(header: str, column: str) -> None:
    assert place(header) == {column: 0}


@pytest.mark.parametrize(
    "header", ["min_price", "price_per_km", "departure_time", "stops", "", "#", "datum"]
)
def test_other_headers_are_not_taken_for_ours(header: str) -> None:
    assert place(header) == {}


def test_plain_name_goes_before_its_synonyms() -> None:
    assert place("fare", "price", "travel_date", "date") == {"price": 1, "date": 3}


@pytest.mark.parametrize("headers", [("fare", "valor"), ("price", "price")])
def test_column_with_two_headers_is_refused(headers: tuple[str, ...]) -> None:
    with pytest.raises(FileRefused) as refused:
        place(*headers)
    assert refused.value.code == "COLUMN_AMBIGUOUS"


def test_mapping_settles_which_header_is_meant() -> None:
    assert place("fare", "valor", price="VALOR") == {"price": 1}


def test_mapped_header_serves_no_other_column() -> None:
    assert place("date", "origin", start_city="date") == {"start_city": 0}


def test_mapping_of_no_column_of_ours_is_refused() -> None:
    with pytest.raises(SettingRefused) as refused:
        place("date", weight="date")
    assert refused.value.code == "COLUMN_UNKNOWN"
    assert "lead_days" in refused.value.sentence("en")


def test_header_row_is_the_one_with_most_known_columns() -> None:
    rows = [("Fares to date",), ("date",), PLAIN, PLAIN, ("1", "2")]
    header = find_header(rows, NO_MAPPING)
    assert (header.place, header.texts) == (2, PLAIN)


def test_header_ends_with_its_last_cell() -> None:
    assert Header.of(0, ["a", "", None, None]).texts == ("a", "")


def test_header_row_may_be_known_by_the_mapping_alone() -> None:
    mapping = ColumnMapping(headers={"date": "x", "price": "y"})
    assert find_header([("price",), ("x", "y")], mapping).place == 1


def test_price_may_lack_where_it_is_not_asked_for() -> None:
    assert missing_columns(PLAIN[:-1], NO_MAPPING, price_required=True) == ["price"]
    assert missing_columns(PLAIN[:-1], NO_MAPPING, price_required=False) == []


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("duration", None),
        ("duration (min)", "minutes"),
        ("duration(hours)", "hours"),
        ("Tempo (h)", "hours"),
    ],
)
def test_header_may_say_what_it_counts(header: str, unit: str | None) -> None:
    assert duration_unit_in_header(Header(0, (header,)), 0) == unit


@pytest.mark.parametrize(
    ("header", "currency"),
    [("price", ""), ("price_gbp", "gbp"), ("preço (R$)", "r$"), ("price(dol)", "dol")],
)
def test_header_may_name_a_currency(header: str, currency: str) -> None:
    assert currency_in_header(Header(0, (header,)), 0) == currency


@pytest.mark.parametrize(
    ("header", "order"),
    [
        ("date(MM/DD/YYYY)", "month_first"),
        ("date(DD/MM/YYYY)", "day_first"),
        ("data (DD/MM/AAAA)", "day_first"),
        ("Data da viagem", "day_first"),
        ("date (YYYY-MM-DD)", None),
        ("date", None),
    ],
)
def test_header_may_say_what_comes_first(header: str, order: str | None) -> None:
    assert day_order_in_header(Header(0, (header,)), 0) == order


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("quote_date", "quote_date"),
        ("Data da Consulta", "quote_date"),
        ("scrape_date (DD/MM/YYYY)", "quote_date"),
        ("assentos vendidos", "seats"),
        ("moeda", "currency"),
    ],
)
def test_columns_beside_the_six_are_known_too(header: str, column: str) -> None:
    assert place(header) == {column: 0}


@pytest.mark.parametrize("header", ["seats", "assentos", "ano", "month"])
def test_what_may_mean_something_else_is_known_by_a_mapping_alone(header: str) -> None:
    assert place(header) == {}


def test_several_headers_of_an_optional_column_are_none() -> None:
    assert place("scrape_date", "purchase_date") == {}
    assert place("scrape_date", "quote_date") == {"quote_date": 1}


def test_month_and_year_stand_in_for_a_date() -> None:
    known = {*PLAIN[1:], "year", "month"}
    assert missing_columns(known, NO_MAPPING, price_required=True) == []
    assert missing_columns({*PLAIN[1:], "year"}, NO_MAPPING, price_required=True) == [
        "date"
    ]


def test_days_left_stand_in_for_a_date_where_the_day_of_the_quote_is_known() -> None:
    known = {*PLAIN[1:], "lead_days"}
    assert missing_columns(known, NO_MAPPING, price_required=True) == ["date"]
    with_quotes = {*known, "quote_date"}
    assert missing_columns(with_quotes, NO_MAPPING, price_required=True) == []


def test_some_kinds_of_files_lack_a_column() -> None:
    known = {*PLAIN} - {"duration"}
    missing = missing_columns(
        known, NO_MAPPING, price_required=True, may_lack={"duration"}
    )
    assert missing == []
