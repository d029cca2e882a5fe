"""Which column of a file is which: the header row, known headers, the user's mapping."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from tripadvance_core.domain.entities import ColumnMapping, DayOrder, DurationUnit
from tripadvance_core.errors import FileRefused, SettingRefused
from tripadvance_core.tabular.cells import written
from tripadvance_core.tabular.prices import CURRENCIES
from tripadvance_core.tabular.sheets import Row
from tripadvance_core.tabular.texts import collapse, fold

CORE = ("date", "start_city", "end_city", "airline", "duration", "price")
QUOTE_DATE = "quote_date"
"""The day on which a price was seen."""

LEAD_DAYS = "lead_days"
"""Days from the day on which a price was seen to the flight; stands in for either."""

YEAR, MONTH = "year", "month"
"""Stand in for a date in files that count by months; known by a mapping alone."""

SEATS = "seats"
"""How many seats were sold at a price: what a row weighs."""

CURRENCY = "currency"
"""The currency of each price."""

OPTIONAL = (QUOTE_DATE, LEAD_DAYS, YEAR, MONTH, SEATS, CURRENCY)

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
    QUOTE_DATE: "quotedate quotedon datequoted searchdate scrapedate collectiondate "
    "datecollected observationdate observeddate seendate seenon pricedate "
    "purchasedate bookingdate "
    "datadacotacao datacotacao datadaconsulta dataconsulta datadapesquisa datapesquisa "
    "datadacoleta datacoleta datadacompra datacompra datadaemissao dataemissao",
    SEATS: "seatssold soldseats assentosvendidos assentoscomercializados",
    CURRENCY: "currency currencycode moeda",
    YEAR: "",
    MONTH: "",
}
_CANONICAL = {
    name: column for column, names in _NAMES.items() for name in names.split()
}

_DATES = {"dd", "mm", "yy", "yyyy", "aa", "aaaa"}
_MINUTES = {"m", "min", "mins", "minute", "minutes", "minuto", "minutos"}
_HOURS = {"h", "hr", "hrs", "hour", "hours", "hora", "horas"}
# What may follow a name, as in duration(minutes).
_UNITS: Mapping[str, Iterable[str]] = {
    "date": _DATES,
    QUOTE_DATE: _DATES,
    "duration": _MINUTES | _HOURS,
    "price": CURRENCIES,
}


@dataclass(frozen=True)
class Header:
    """A header row: where it stands among the sheet's rows, and its texts."""

    place: int
    texts: tuple[str, ...]

    @classmethod
    def of(cls, place: int, row: Row) -> Self:
        """Take a row; the None cells by which a short one was filled up are left out."""
        end = len(row)
        while end and row[end - 1] is None:
            end -= 1
        return cls(place, tuple(collapse(written(cell)) for cell in row[:end]))

    def words(self, place: int) -> list[str]:
        """Return the words of one header, without case and accents."""
        return _words(self.texts[place])


def find_header(rows: Sequence[Row], mapping: ColumnMapping) -> Header:
    """Return the row in which most columns are known, the first of equals."""
    headers = [Header.of(place, row) for place, row in enumerate(rows)]
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
    known: Iterable[str],
    mapping: ColumnMapping,
    *,
    price_required: bool,
    may_lack: Iterable[str] = (),
) -> list[str]:
    """Return the compulsory columns that a file lacks.

    Parameters
    ----------
    may_lack
        Columns that files of its kind do without.
    """
    known = set(known)
    lead = LEAD_DAYS in known and (mapping.quote_date or QUOTE_DATE in known)
    dated = {"date"} if lead or {YEAR, MONTH} <= known else set()
    optional = {*may_lack} if price_required else {*may_lack, "price"}
    return [name for name in CORE if name not in known | dated | optional]


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
    return mapped | {
        column: only
        for column, places in _candidates(header, mapping, mapped).items()
        if (only := _only_place(column, places, header)) is not None
    }


def placed_without_doubt(header: Header, mapping: ColumnMapping) -> dict[str, int]:
    """Return the places of the columns that can be told, leaving out all others."""
    mapped = {
        column: places[0]
        for column, text in mapping.headers.items()
        if (places := _places_of(text, header.texts))
    }
    return mapped | {
        column: places[0]
        for column, places in _candidates(header, mapping, mapped).items()
        if len(places) == 1
    }


def _candidates(
    header: Header, mapping: ColumnMapping, mapped: Mapping[str, int]
) -> dict[str, list[int]]:
    """Return the places that may be a column's, of those that were not mapped."""
    candidates: dict[str, list[int]] = {}
    for place, text in enumerate(header.texts):
        column = _recognise(text, mapping.aliases)
        if column and column not in mapped and place not in mapped.values():
            candidates.setdefault(column, []).append(place)
    return candidates


def duration_unit_in_header(header: Header, place: int) -> DurationUnit | None:
    """Return what a header says that plain numbers count."""
    words = set(header.words(place))
    if words & _HOURS:
        return "hours"
    return "minutes" if words & _MINUTES else None


def day_order_in_header(header: Header, place: int) -> DayOrder | None:
    """Return what a header says of the order of day and month.

    It says it in signs, as in date(DD/MM/YYYY), or by its language: whoever heads a
    column "data" writes the day first.
    """
    words = [word for word in header.words(place) if word in _DATES]
    if {"dd", "mm"} <= set(words) and words[0] in ("dd", "mm"):
        return "day_first" if words[0] == "dd" else "month_first"
    return "day_first" if header.words(place)[:1] == ["data"] else None


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
            "COLUMN_UNKNOWN", column=column, columns=", ".join([*CORE, *OPTIONAL])
        )
    places = _places_of(text, header.texts)
    if not places:
        found = ", ".join(filter(None, header.texts))
        raise FileRefused("HEADER_NOT_FOUND", header=text, headers=found)
    place = _only_place(column, places, header)
    return places[0] if place is None else place


def _places_of(text: str, headers: Sequence[str]) -> list[int]:
    """Return where a header stands: as it is spelled, or else apart from case."""
    exact = [place for place, header in enumerate(headers) if header == collapse(text)]
    folded = [
        place for place, header in enumerate(headers) if fold(header) == fold(text)
    ]
    return exact or folded


def _only_place(column: str, places: list[int], header: Header) -> int | None:
    """Return the one place of a column; None for an optional one with several."""
    plain_name = _NAMES[column].split()[:1]
    plain = [p for p in places if ["".join(header.words(p))] == plain_name]
    if len(plain) == 1 or len(places) == 1:
        return (plain or places)[0]
    if column in OPTIONAL:
        return None
    raise FileRefused(
        "COLUMN_AMBIGUOUS",
        column=column,
        headers=", ".join(header.texts[place] for place in places),
    )
