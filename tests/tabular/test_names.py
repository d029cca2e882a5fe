"""Names of cities and airlines: kept as they are spelled, if they can be names."""

import pytest

from tripadvance_core.tabular.cells import Cell, Column, Parsed
from tripadvance_core.tabular.names import parse_airlines, parse_cities


def outcome(parsed: Parsed) -> str:
    return str(parsed.faults[0] or parsed.values[0])


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("São Paulo", "São Paulo"),
        ("  Rio\u00a0de   Janeiro ", "Rio de Janeiro"),
        ("Sa\u0303o Lui\u0301s", "São Luís"),
        ("Re\u200bcife", "Recife"),
        ("Salvador (BA)", "Salvador (BA)"),
        ("Dallas/Fort Worth", "Dallas/Fort Worth"),
        ("Santa Bárbara d'Oeste", "Santa Bárbara d'Oeste"),
        ("St. John's", "St. John's"),
        ("Bras\ufffdlia", "Bras\ufffdlia"),
        ("Москва", "Москва"),
        ("東京", "東京"),
        ("NA", "NA"),
        ("null", "null"),
    ],
)
def test_city_is_kept_as_it_is_spelled(cell: str, name: str) -> None:
    assert outcome(parse_cities(Column.of([cell]))) == name


@pytest.mark.parametrize(
    "cell",
    [
        "Rec\x00ife",
        "Recife\n2025-05-19 INFO admin logged in",
        "Recife\x85x",
        "R\u0435cife",
        "\u13deRecife",
        "# Recife",
        "[Recife](javascript:alert(1))",
        '{"$gt": ""}',
        "$where",
        "__proto__",
        "'; DROP TABLE users; --",
        "<b>Recife</b>",
        "=1+1",
        "Recife 2",
        "...",
        "A" * 81,
        12,
        True,
    ],
)
def test_what_is_no_city_is_refused(cell: Cell) -> None:
    assert outcome(parse_cities(Column.of([cell]))) == "CITY_INVALID"


@pytest.mark.parametrize(
    "name",
    ["Gol", "Air_India", "GO_FIRST", "S7 Сибирь", "Delta||Delta", "2Z", "Azul/TAP"],
)
def test_airline_is_kept_as_it_is_spelled(name: str) -> None:
    assert outcome(parse_airlines(Column.of([f" {name} "]))) == name


def test_code_number_of_an_airline_is_its_name() -> None:
    assert outcome(parse_airlines(Column.of([19805.0]))) == "19805"


@pytest.mark.parametrize(
    "cell",
    [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(1+1)",
        "\t=1+1",
        "\u00a0=1+1",
        "G\u043el",
        "Gol\x07",
        "<script>",
        "${jndi:x}",
        "A" * 81,
        False,
    ],
)
def test_what_is_no_airline_is_refused(cell: Cell) -> None:
    assert outcome(parse_airlines(Column.of([cell]))) == "AIRLINE_INVALID"


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (None, "MISSING"),
        ("\u00a0", "MISSING"),
        ("#VALOR!", "ERROR"),
        ("x" * 40_000, "LONG"),
    ],
)
def test_cell_without_a_name_is_told_why(cell: Cell, code: str) -> None:
    assert outcome(parse_cities(Column.of([cell]))).endswith(code)
