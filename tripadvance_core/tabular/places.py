"""One name for each city and airline, however a file spells it.

Only what is certain is folded: a spelling that differs in case, accents or state alone,
or the code of an airport or an airline. Everything else stays as the file has it.
Codes of airports are those of airportsdata; the readable tables beside this module add
the cities of Brazil as Brazilians write them, and the airlines.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import airportsdata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.tabular.cells import categories
from tripadvance_core.tabular.names import REPLACEMENT
from tripadvance_core.tabular.texts import collapse, fold

AIRPORTS: Final = {"start_city": "start_airport", "end_city": "end_airport"}
"""The column of a city → that of its airport."""

_PACKAGE: Final = "tripadvance_core.tabular"
_CODE: Final = re.compile(r"[A-Z]{3,4}")
# São Paulo (SP), SAO PAULO/SP, São Paulo - GRU, São Paulo, SP
_WITH_SUFFIX: Final = re.compile(r"(.+?) ?(?:\(([A-Z]{2,4})\)|[/,-] ?([A-Z]{2,4}))")
_COUNTRY: Final = ("BR", "BRA")
_CODE_FIRST: Final = re.compile(r"([A-Z]{3,4}) ?[-/,] ?(.+)")
# In a column of names a word of three capitals is hardly a code.
_CODES_SHARE: Final = 0.5


class Place(NamedTuple):
    """A city, and its airport (IATA code) where that is known."""

    city: str
    airport: str | None = None


@dataclass(frozen=True)
class FoldedName:
    """A spelling of a file and what it became."""

    column: str
    spelled: str
    canonical: str
    airport: str | None = None


class _Cities(NamedTuple):
    """What the table of cities knows: by folded name, and by code."""

    by_name: dict[str, str]
    states: dict[str, str]
    by_code: dict[str, Place]


def find_place(name: str, *, among_codes: bool = False) -> Place | None:
    """Return the place that a name means; None where that is not certain.

    Parameters
    ----------
    among_codes
        Whether the name comes from a column of codes. Then every code of an airport
        counts, and not only those of the table of cities.

    >>> find_place("SAO PAULO/SP")
    Place(city='São Paulo', airport=None)
    >>> find_place("GRU")
    Place(city='São Paulo', airport='GRU')
    """
    text = collapse(name)
    if _CODE.fullmatch(text):
        place = _place_of_code(text, among_codes=among_codes)
        if place is not None:
            return place
    city = _city_of_name(text)
    if city is not None:
        return Place(city)
    return _place_with_suffix(text)


def bears_another_state(name: str) -> bool:
    """Whether a known city stands beside a state that is not its own.

    >>> bears_another_state("Salvador (BH)"), bears_another_state("Salvador (BA)")
    (True, False)
    """
    if find_place(name) is not None:
        return False
    return any(_city_of_name(city) for city, _ in _parted(collapse(name)))


def find_airline(name: str) -> str | None:
    """Return the airline that a name or a code means; None where none is certain.

    >>> find_airline("G3"), find_airline("gol linhas aereas")
    ('Gol', 'Gol')
    """
    by_name, by_code = _airlines()
    text = collapse(name)
    return by_code.get(text) or by_name.get(fold(text))


def fold_names(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[FoldedName, ...]]:
    """Give each city and airline of a cleaned frame one name.

    Returns
    -------
    DataFrame
        The rows, with ``start_airport`` and ``end_airport`` where any is known; names
        are categories.
    tuple
        The spellings that were changed or held an airport, each once a column.
    """
    folded: list[FoldedName] = []
    for column in AIRPORTS:
        frame, found = _fold_cities(frame, column)
        folded += found
    names, places = _distinct(frame["airline"])
    airlines = {name: find_airline(name) for name in names}
    folded += [
        FoldedName("airline", name, airline)
        for name, airline in airlines.items()
        if airline and airline != name
    ]
    one_name = categories([airlines[name] or name for name in names], places)
    return frame.assign(airline=one_name), tuple(folded)


def names_with_another_state(frame: pd.DataFrame) -> set[str]:
    """Return the cities of a frame, as the file spells them, that bear a wrong state."""
    names = {name for column in AIRPORTS for name in frame[column].unique()}
    return {name for name in names if bears_another_state(name)}


def _fold_cities(
    frame: pd.DataFrame, column: str
) -> tuple[pd.DataFrame, list[FoldedName]]:
    names, rows = _distinct(frame[column])
    codes = [name for name in names if _place_of_code(name, among_codes=True)]
    among_codes = len(codes) > _CODES_SHARE * len(names)
    found = [find_place(name, among_codes=among_codes) or Place(name) for name in names]
    changed = {column: categories([place.city for place in found], rows)}
    if any(place.airport for place in found):
        airports = categories([place.airport for place in found], rows)
        changed[AIRPORTS[column]] = airports
    folded = [
        FoldedName(column, name, place.city, place.airport)
        for name, place in zip(names, found, strict=True)
        if place != Place(name)
    ]
    return frame.assign(**changed), folded


def _distinct(names: "pd.Series[Any]") -> tuple[list[str], NDArray[np.intp]]:
    """Return the k distinct names of n rows, and the place of each row's among them."""
    places, distinct = pd.factorize(names)
    return [*distinct], places


def _place_of_code(code: str, *, among_codes: bool) -> Place | None:
    known = _cities().by_code.get(code)
    if known is not None or not among_codes or not _CODE.fullmatch(code):
        return known
    airport = _airports("IATA").get(code) or _airports("ICAO").get(code)
    if airport is None:
        return None
    own_code = airport["iata"] or code
    return _cities().by_code.get(own_code) or Place(airport["city"], own_code)


def _city_of_name(text: str) -> str | None:
    by_name = _cities().by_name
    key = fold(text)
    if REPLACEMENT not in key:
        return by_name.get(key)
    # A character that a program could not decode stands for any one letter.
    pattern = re.compile(re.escape(key).replace(REPLACEMENT, "."))
    fitting = {city for name, city in by_name.items() if pattern.fullmatch(name)}
    return fitting.pop() if len(fitting) == 1 else None


def _place_with_suffix(text: str) -> Place | None:
    """Return the place of a city beside its state or its airport, if they agree."""
    for city_text, code in _parted(text):
        city = _city_of_name(city_text)
        if city is None:
            continue
        if code in (_cities().states[city], *_COUNTRY):
            return Place(city)
        place = _cities().by_code.get(code)
        if place is not None and place.city == city:
            return place
    return None


def _parted(text: str) -> Iterator[tuple[str, str]]:
    if match := _WITH_SUFFIX.fullmatch(text):
        yield match[1], match[2] or match[3]
    if match := _CODE_FIRST.fullmatch(text):
        yield match[2], match[1]


@cache
def _cities() -> _Cities:
    by_name: dict[str, str] = {}
    states: dict[str, str] = {}
    by_code: dict[str, Place] = {}
    for row in _rows("cities.csv"):
        city = row["city"]
        states[city] = row["state"]
        for name in _names(city, row["other_names"]):
            by_name[fold(name)] = city
        for airport in row["airports"].split():
            iata, _, icao = airport.partition("/")
            by_code[iata] = by_code[icao] = Place(city, iata)
        if row["metropolitan_code"]:
            by_code[row["metropolitan_code"]] = Place(city)
    return _Cities(by_name, states, by_code)


@cache
def _airlines() -> tuple[dict[str, str], dict[str, str]]:
    by_name: dict[str, str] = {}
    by_code: dict[str, str] = {}
    for row in _rows("airlines.csv"):
        airline = row["airline"]
        by_name |= {fold(name): airline for name in _names(airline, row["other_names"])}
        by_code |= dict.fromkeys(row["codes"].split(), airline)
    return by_name, by_code


def _names(canonical: str, others: str) -> Iterable[str]:
    return [canonical, *filter(None, others.split(";"))]


def _rows(table: str) -> Iterator[dict[str, str]]:
    with files(_PACKAGE).joinpath("tables", table).open(encoding="utf-8") as file:
        yield from csv.DictReader(file)


@cache
def _airports(kind: str) -> dict[str, airportsdata.Airport]:
    load: Callable[..., dict[str, airportsdata.Airport]] = airportsdata.load
    return load(kind)
