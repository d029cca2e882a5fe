"""Headers are known by their words; what may be two columns is refused."""

import pytest

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused, SettingRefused
from tripadvance_core.tabular.columns import (
    Header,
    currency_in_header,
    find_header,
    is_month_first,
    minutes_per_unit,
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
        place("date", seats="date")
    assert refused.value.code == "COLUMN_UNKNOWN"
    assert "lead_days" in refused.value.sentence("en")


def test_header_row_is_the_one_with_most_known_columns() -> None:
    rows = [("Fares to date",), ("date",), PLAIN, PLAIN, ("1", "2")]
    header = find_header(rows, NO_MAPPING)
    assert (header.place, header.texts) == (2, PLAIN)


def test_header_row_may_be_known_by_the_mapping_alone() -> None:
    mapping = ColumnMapping(headers={"date": "x", "price": "y"})
    assert find_header([("price",), ("x", "y")], mapping).place == 1


def test_price_may_lack_where_it_is_not_asked_for() -> None:
    assert missing_columns(PLAIN[:-1], NO_MAPPING, price_required=True) == ["price"]
    assert missing_columns(PLAIN[:-1], NO_MAPPING, price_required=False) == []


@pytest.mark.parametrize(
    ("header", "minutes"),
    [
        ("duration", 1),
        ("duration (min)", 1),
        ("duration(hours)", 60),
        ("Tempo (h)", 60),
    ],
)
def test_header_may_say_that_it_counts_hours(header: str, minutes: int) -> None:
    assert minutes_per_unit(Header(0, (header,)), 0) == minutes


@pytest.mark.parametrize(
    ("header", "currency"),
    [("price", ""), ("price_gbp", "gbp"), ("preço (R$)", "r$"), ("price(dol)", "dol")],
)
def test_header_may_name_a_currency(header: str, currency: str) -> None:
    assert currency_in_header(Header(0, (header,)), 0) == currency


def test_header_may_say_that_the_month_comes_first() -> None:
    assert is_month_first(Header(0, ("date(MM/DD/YYYY)",)), 0)
    assert not is_month_first(Header(0, ("date(DD/MM/YYYY)",)), 0)
    assert not is_month_first(Header(0, ("date (YYYY-MM-DD)",)), 0)
