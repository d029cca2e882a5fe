"""Spellings of one place become one; what is not certain stays as it is."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.tabular.places import (
    FoldedName,
    Place,
    find_airline,
    find_place,
    fold_names,
    names_with_another_state,
)


@pytest.mark.parametrize(
    "name",
    [
        "São Paulo",
        "Sao Paulo (SP)",
        "SAO PAULO/SP",
        "são  paulo - SP",
        "São Paulo, SP",
        "SAO",
    ],
)
def test_spellings_of_a_city_are_one_city(name: str) -> None:
    assert find_place(name) == Place("São Paulo")


@pytest.mark.parametrize(
    ("name", "airport"),
    [
        ("GRU", "GRU"),
        ("SBGR", "GRU"),
        ("CGH", "CGH"),
        ("SBSP", "CGH"),
        ("São Paulo (GRU)", "GRU"),
        ("Guarulhos - GRU", "GRU"),
        ("CGH - São Paulo", "CGH"),
    ],
)
def test_airport_is_kept_apart_from_its_city(name: str, airport: str) -> None:
    assert find_place(name) == Place("São Paulo", airport)


@pytest.mark.parametrize(
    "name",
    [
        "Salvador (BH)",  # Salvador is in Bahia
        "São Paulo (GIG)",
        "Santa Maria",
        "Springfield",
        "Rio",
        "gru",
        "LIMA",
        "BOA",
        "JFK",
    ],
)
def test_uncertain_name_is_not_folded(name: str) -> None:
    assert find_place(name) is None


def test_any_airport_counts_in_a_column_of_codes() -> None:
    assert find_place("JFK", among_codes=True) == Place("New York", "JFK")
    assert find_place("KJFK", among_codes=True) == Place("New York", "JFK")


def test_damaged_letter_is_mended_where_one_city_fits() -> None:
    assert find_place("Bras\ufffdlia") == Place("Brasília")
    assert find_place("\ufffd" * 6) is None


@pytest.mark.parametrize(
    ("name", "airline"),
    [
        ("G3", "Gol"),
        ("GLO", "Gol"),
        ("GOL", "Gol"),
        ("Gol Linhas Aéreas", "Gol"),
        ("JJ", "LATAM"),
        ("Latam", "LATAM"),
        ("AD", "Azul"),
        ("la", None),
        ("Air Nowhere", None),
    ],
)
def test_airline_is_known_by_name_and_code(name: str, airline: str | None) -> None:
    assert find_airline(name) == airline


def fares(**changes: object) -> pd.DataFrame:
    row = {"start_city": "São Paulo", "end_city": "Recife", "airline": "Gol"}
    return pd.DataFrame([row | changes])


def test_folded_names_are_told_and_true_names_are_not() -> None:
    frame, folded = fold_names(fares(start_city="GRU", airline="G3"))
    assert frame.loc[0, ["start_city", "end_city", "airline"]].tolist() == [
        "São Paulo",
        "Recife",
        "Gol",
    ]
    assert frame["start_airport"].tolist() == ["GRU"]
    assert folded == (
        FoldedName("start_city", "GRU", "São Paulo", "GRU"),
        FoldedName("airline", "G3", "Gol"),
    )


def test_without_airports_there_is_no_column_of_them() -> None:
    frame, folded = fold_names(fares())
    assert list(frame) == ["start_city", "end_city", "airline"]
    assert folded == ()


def test_unknown_airport_of_some_rows_is_missing() -> None:
    both = pd.concat([fares(), fares(start_city="CGH")], ignore_index=True)
    frame, _ = fold_names(both)
    assert frame["start_airport"].isna().tolist() == [True, False]


@given(st.text())
def test_folding_twice_is_folding_once(name: str) -> None:
    place = find_place(name)
    if place is not None:
        assert find_place(place.city) == Place(place.city)


@pytest.mark.parametrize("name", ["Salvador (BH)", "Recife - SP", "SALVADOR/MG"])
def test_known_city_beside_another_state_is_told_and_not_folded(name: str) -> None:
    assert names_with_another_state(fares(start_city=name)) == {name}
    frame, _ = fold_names(fares(start_city=name))
    assert frame["start_city"].tolist() == [name]


@pytest.mark.parametrize("name", ["Salvador (BA)", "São Paulo, BR", "Nowhere (XX)"])
def test_city_beside_its_own_state_or_unknown_is_no_matter(name: str) -> None:
    assert names_with_another_state(fares(start_city=name)) == set()
