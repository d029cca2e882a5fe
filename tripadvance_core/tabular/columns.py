"""Which column of a file is which: the header row, known headers, the user's mapping."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused, SettingRefused
from tripadvance_core.tabular.cells import written
from tripadvance_core.tabular.prices import CURRENCIES
from tripadvance_core.tabular.sheets import Row
from tripadvance_core.tabular.texts import collapse, fold

CORE = ("date", "start_city", "end_city", "airline", "duration", "price")
LEAD_DAYS = "lead_days"
"""Days from the day on which a price was seen to the flight; stands in for a date."""

HEADER_WITHIN = 50
"""Rows in which the header is looked for; titles and notes may stand above it."""

# Words run together, without accents; the first of each is the plain name.
_NAMES = {
    "date": "date flightdate traveldate departuredate dateofjourney journeydate "
    "data datadovoo datavoo datadaviagem dataviagem datadapartida datapartida "
    "datadepartida datadeembarque dataembarque",
    "start_city": "startcity origin origincity from fromcity source sourcecity "
    "departurecity startingairport originairport departureairport "
    "origem cidadeorigem cidadedeorigem aeroportoorigem aeroportodeorigem",
    "end_city": "endcity destination destinationcity dest to tocity arrivalcity "
    "destinationairport arrivalairport "
    "destino cidadedestino cidadededestino aeroportodestino aeroportodedestino",
    "airline": "airline airlinename airlines carrier carriername "
    "companhia companhiaaerea ciaaerea cia empresa empresaaerea",
    "duration": "duration flightduration travelduration totalduration "
    "duracao duracaodovoo duracaovoo tempodevoo",
    "price": "price ticketprice totalprice fare totalfare "
    "preco precototal precodapassagem valor valortotal tarifa",
    LEAD_DAYS: "leaddays daysleft daystodeparture daysuntildeparture "
    "daysbeforedeparture daysahead leadtimedays "
    "diasrestantes diasateovoo diasateapartida antecedencia diasdeantecedencia",
}
_CANONICAL = {
    name: column for column, names in _NAMES.items() for name in names.split()
}

_MINUTES = {"m", "min", "mins", "minute", "minutes", "minuto", "minutos"}
_HOURS = {"h", "hr", "hrs", "hour", "hours", "hora", "horas"}
# What may follow a name, as in duration(minutes).
_UNITS: Mapping[str, Iterable[str]] = {
    "date": {"dd", "mm", "yy", "yyyy", "aa", "aaaa"},
    "duration": _MINUTES | _HOURS,
    "price": CURRENCIES,
}


@dataclass(frozen=True)
class Header:
    """A header row: where it stands among the sheet's rows, and its texts."""

    place: int
    texts: tuple[str, ...]

    def words(self, place: int) -> list[str]:
        """Return the words of one header, without case and accents."""
        return _words(self.texts[place])


def find_header(rows: Sequence[Row], mapping: ColumnMapping) -> Header:
    """Return the row in which most columns are known, the first of equals."""
    headers = [
        Header(place, tuple(collapse(written(cell)) for cell in row))
        for place, row in enumerate(rows[:HEADER_WITHIN])
    ]
    return max(headers, key=lambda header: len(known_columns(header, mapping)))


def known_columns(header: Header, mapping: ColumnMapping) -> set[str]:
    """Return the canonical columns that a header row names, once or more often."""
    mapped = {
        column
        for column, text in mapping.headers.items()
        if _places_of(text, header.texts)
    }
    recognised = {
        column for text in header.texts if (column := _recognise(text, mapping.aliases))
    }
    return mapped | recognised


def missing_columns(
    known: Iterable[str], mapping: ColumnMapping, *, price_required: bool
) -> list[str]:
    """Return the compulsory columns that a file lacks."""
    dated = {"date"} if LEAD_DAYS in known and mapping.quote_date else set()
    optional = set() if price_required else {"price"}
    return [name for name in CORE if name not in {*known, *dated, *optional}]


def place_columns(header: Header, mapping: ColumnMapping) -> dict[str, int]:
    """Return the place of each canonical column that the file has.

    The user's mapping goes before what they mapped earlier, that before the names that
    are known to all, and a plain name before its synonyms.

    Raises
    ------
    SettingRefused
        ``COLUMN_UNKNOWN`` where the mapping names no canonical column.
    FileRefused
        ``HEADER_NOT_FOUND`` where it names a header that the file lacks,
        ``COLUMN_AMBIGUOUS`` where several headers fit one column.
    """
    mapped = {
        column: _mapped_place(column, text, header)
        for column, text in mapping.headers.items()
    }
    candidates: dict[str, list[int]] = {}
    for place, text in enumerate(header.texts):
        column = _recognise(text, mapping.aliases)
        if column and column not in mapped and place not in mapped.values():
            candidates.setdefault(column, []).append(place)
    return mapped | {
        column: _only_place(column, places, header)
        for column, places in candidates.items()
    }


def minutes_per_unit(header: Header, place: int) -> int:
    """Return the minutes that a plain number under a header counts; 60 for hours."""
    return 1 if _HOURS.isdisjoint(header.words(place)) else 60


def is_month_first(header: Header, place: int) -> bool:
    """Whether a header says that its dates begin with the month."""
    return header.words(place)[-3:-1] == ["mm", "dd"]


def currency_in_header(header: Header, place: int) -> str:
    """Return how a header spells the currency of its prices, ``""`` if it does not."""
    named = [word for word in header.words(place) if word in CURRENCIES]
    return named[-1] if named else ""


def unique_names(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Return the names, those that are taken or repeated with a number behind.

    >>> unique_names(["fare", "date", "fare"], taken=["date"])
    ['fare', 'date_2', 'fare_2']
    """
    used = set(taken)
    unique: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in used:
            number += 1
            candidate = f"{name}_{number}"
        used.add(candidate)
        unique.append(candidate)
    return unique


def _words(text: str) -> list[str]:
    """Part a header into words: ``startCity``, ``price (R$)``, ``duração_min``."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return re.findall(r"[a-z]*[$€£₹¥]|[^\W_]+", fold(parted))


def _recognise(text: str, aliases: Mapping[str, str]) -> str | None:
    if fold(text) in aliases:
        return aliases[fold(text)]
    words = _words(text)
    for end in range(len(words), 0, -1):
        column = _CANONICAL.get("".join(words[:end]))
        if column and set(words[end:]) <= set(_UNITS.get(column, ())):
            return column
    return None


def _mapped_place(column: str, text: str, header: Header) -> int:
    if column not in _NAMES:
        raise SettingRefused(
            "COLUMN_UNKNOWN", column=column, columns=", ".join([*CORE, LEAD_DAYS])
        )
    places = _places_of(text, header.texts)
    if not places:
        found = ", ".join(filter(None, header.texts))
        raise FileRefused("HEADER_NOT_FOUND", header=text, headers=found)
    return _only_place(column, places, header)


def _places_of(text: str, headers: Sequence[str]) -> list[int]:
    """Return where a header stands: as it is spelled, or else apart from case."""
    exact = [place for place, header in enumerate(headers) if header == collapse(text)]
    folded = [
        place for place, header in enumerate(headers) if fold(header) == fold(text)
    ]
    return exact or folded


def _only_place(column: str, places: list[int], header: Header) -> int:
    plain_name = _NAMES[column].split()[0]
    plain = [p for p in places if "".join(header.words(p)) == plain_name]
    if len(plain) == 1 or len(places) == 1:
        return (plain or places)[0]
    raise FileRefused(
        "COLUMN_AMBIGUOUS",
        column=column,
        headers=", ".join(header.texts[place] for place in places),
    )
