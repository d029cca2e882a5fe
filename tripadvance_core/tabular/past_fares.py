"""Past fares at hand: some of every route, and what is usual there.

A request cannot go through a history of millions of rows. So a sample is drawn once: of
each route the rows with the smallest identities (``identity``), which are as good as
random, the same whatever the order of the files, and equal for equal rows of two files.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tripadvance_core.domain.holdout import canonical_name
from tripadvance_core.domain.trips import PastFare, Told, Trip, UsualRange
from tripadvance_core.tabular.calendar import day_of_year
from tripadvance_core.tabular.features import (
    AIRLINE_ROUTE,
    DURATION,
    QUOTE_DATE,
    ROUTE,
    WEIGHT,
    Columns,
    FeatureEncoder,
)
from tripadvance_core.tabular.identity import canonical_names
from tripadvance_core.tabular.joining import ROW_HASH
from tripadvance_core.tabular.places import (
    AIRPORTS,
    Place,
    find_airline,
    find_place,
)
from tripadvance_core.tabular.texts import collapse, fold

FARES_OF_A_ROUTE: Final = 500
"""Most fares kept of one route: thirds are then known to about two per cent of rank."""

FEWEST: Final = 30
"""From fewer fares nobody can tell what is usual on a route."""

_PLACES: Final = ("start_city", "end_city", "airline")
_REACH: Final = (ROW_HASH, "date", *_PLACES, DURATION, "price", QUOTE_DATE, WEIGHT)
_THIRDS: Final = (1 / 3, 2 / 3)
# Of one airline so many fares tell better what is usual than those of all airlines.
_OWN_FARES: Final = 10
_MOST_CHOICES: Final = 200

# An airline that has a value so rarely does not sell it on this route.
_RARE: Final = 0.05
# A column that explains so much of the variance of log prices tells kinds of fares.
_TELLING: Final = 0.4

# What makes two fares unlike: a month, another airline, another value.
_DAYS_APART: Final = 30.0
_OTHER_AIRLINE: Final = 2.0
_OTHER_VALUE: Final = 3.0
_YEAR: Final = 366

Key = tuple[str, str]


def further_columns(encoder: FeatureEncoder) -> tuple[list[str], list[str]]:
    """Return the further columns of a model that hold texts, and those with numbers."""
    ours = {*_PLACES, ROUTE, AIRLINE_ROUTE}
    return [name for name in encoder.categories if name not in ours], [*encoder.numbers]


def sampled(contents: Iterable[bytes], encoder: FeatureEncoder) -> pd.DataFrame:
    """Draw the sample from the cleaned rows of files, each a Parquet.

    One file at a time is in memory. Columns: the core ones, ``quote_date`` and
    ``seats`` where any file has them, the further ones that the model knows.
    """
    texts, numbers = further_columns(encoder)
    sample = pd.DataFrame(columns=[*_REACH[:-2]])
    for content in contents:
        fares = _typed(_columns_in(content, {*_REACH, *texts, *numbers}), texts)
        new = fares[~fares[ROW_HASH].isin(sample[ROW_HASH])]
        sample = _some_of_each_route([sample, new] if len(sample) else [new])
    return sample.drop(columns=[ROW_HASH])


class PastFares:
    """The sample, by route.

    Parameters
    ----------
    sample
        What ``sampled`` returned, rows of a route together.
    encoder
        That of the model whose prices stand beside these fares.
    """

    def __init__(self, sample: pd.DataFrame, encoder: FeatureEncoder) -> None:
        self._texts, self._numbers = further_columns(encoder)
        self._names = {name: _spellings(sample[name]) for name in _PLACES}
        self._folded = {
            name: {fold(spelled): spelled for spelled in names.values()}
            for name, names in self._names.items()
        }
        self.everywhere = RouteFares.of(sample, self._texts, self._numbers)
        starts, ends = (canonical_names(sample[name]).tolist() for name in _PLACES[:2])
        self._routes = {
            key: self.everywhere.part(rows)
            for key, rows in _runs(zip(starts, ends, strict=True))
        }

    def route(self, start_city: str, end_city: str) -> "RouteFares | None":
        """Return the fares of a route, None where none is known."""
        return self._routes.get((canonical_name(start_city), canonical_name(end_city)))

    def spelled(self, name: str, canonical: str) -> str:
        """Return a known name of a column as files spell it, else as it is."""
        return self._names[name].get(canonical, canonical)

    def named(self, trip: Trip) -> tuple[Trip, dict[str, str]]:
        """Give a trip the names that its places have here, as the intake does.

        Returns
        -------
        Trip
            With names as they are known; unknown ones stay.
        dict
            The airports that the names were, by column, where they were some.
        """
        airports: dict[str, str] = {}
        names: dict[str, str | None] = {"airline": None}
        for name, airport in AIRPORTS.items():
            asked = collapse(getattr(trip, name))
            place = None if self._is_known(name, asked) else _place(asked)
            names[name] = self._known(name, place.city if place else asked)
            if place and place.airport:
                airports[airport] = place.airport
        if trip.airline:
            airline = find_airline(trip.airline) or collapse(trip.airline)
            names["airline"] = self._known("airline", airline)
        return trip.model_copy(update=names), airports

    def completed(
        self, columns: Columns
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[np.bool_]]]:
        """Fill what n rows do not tell with what is usual on their routes.

        Returns
        -------
        dict
            The columns, with those of the model's that were absent.
        dict
            By column, which rows were filled, shape (n,); only of those where any was.
        """
        filled = dict(columns)
        where: dict[str, NDArray[np.bool_]] = {}
        for name in ("airline", DURATION, *self._numbers, *self._texts):
            is_text = name not in (DURATION, *self._numbers)
            column, missing = _with_gaps(columns, name, is_text)
            if not missing.any():
                continue
            usual = self._usual_values(filled, name, missing)
            told = np.array([value is not None for value in usual], dtype=np.bool_)
            rows = np.flatnonzero(missing)[told]
            column[rows] = [value for value in usual if value is not None]
            filled[name] = column
            if rows.size:
                where[name] = np.zeros(missing.size, dtype=np.bool_)
                where[name][rows] = True
        return filled, where

    def choices(self, name: str) -> tuple[str, ...]:
        """Return the values of a text column, most frequent first."""
        counts = Counter(self.everywhere.texts[name])
        counts.pop("", None)
        return tuple(value for value, _ in counts.most_common(_MOST_CHOICES))

    def _is_known(self, name: str, spelled: str) -> bool:
        return canonical_name(spelled) in self._names[name]

    def _known(self, name: str, spelled: str) -> str:
        known = self._names[name].get(canonical_name(spelled))
        return known or self._folded[name].get(fold(spelled), spelled)

    def _usual_values(
        self, columns: Columns, name: str, missing: NDArray[np.bool_]
    ) -> list[Told | None]:
        """Return the usual value of each row that lacks one, each key looked up once."""
        found: dict[tuple[Any, ...], Told | None] = {}
        values: list[Told | None] = []
        places = [columns[place][missing].tolist() for place in _PLACES[:2]]
        airlines: list[Any] = [None] * int(missing.sum())
        if name != "airline" and "airline" in columns:
            airlines = columns["airline"][missing].tolist()
        for key in zip(*places, airlines, strict=True):
            if key not in found:
                found[key] = self._usual(name, *key)
            values.append(found[key])
        return values

    def _usual(self, name: str, start: str, end: str, airline: Any) -> Told | None:
        route = self.route(start, end)
        if route is None and name == DURATION:
            return None
        return (route or self.everywhere).usual(name, airline)


@dataclass(frozen=True)
class RouteFares:
    """Fares as columns, each of shape (n,).

    ``lead_days`` and numbers are NaN, texts are empty where a file did not tell.
    """

    date: NDArray[np.datetime64]
    airline: NDArray[np.object_]
    price: NDArray[np.float64]
    weight: NDArray[np.float64]
    quoted: NDArray[np.datetime64]
    numbers: Mapping[str, NDArray[np.float64]]
    texts: Mapping[str, NDArray[np.object_]]

    @classmethod
    def of(cls, sample: pd.DataFrame, texts: list[str], numbers: list[str]) -> Self:
        """Read a frame; columns that it lacks count as missing."""
        days = sample["date"].to_numpy().astype("datetime64[D]")
        quoted = np.full(days.size, np.datetime64("NaT", "D"))
        if QUOTE_DATE in sample:
            quoted = sample[QUOTE_DATE].to_numpy().astype("datetime64[D]")
        weight = np.ones(days.size)
        if WEIGHT in sample:
            seats = sample[WEIGHT].to_numpy(np.float64)
            weight = np.where(seats > 0, seats, 1.0)
        return cls(
            date=days,
            airline=sample["airline"].to_numpy(object),
            price=sample["price"].to_numpy(np.float64),
            weight=weight,
            quoted=quoted,
            numbers={
                name: _numbers(sample[name])
                if name in sample
                else np.full(days.size, np.nan)
                for name in (DURATION, *numbers)
            },
            texts={
                name: sample[name].fillna("").to_numpy(object)
                if name in sample
                else np.full(days.size, "", dtype=object)
                for name in texts
            },
        )

    def part(self, rows: slice | NDArray[Any]) -> "RouteFares":
        """Return some of the fares."""
        return RouteFares(
            self.date[rows],
            self.airline[rows],
            self.price[rows],
            self.weight[rows],
            self.quoted[rows],
            {name: column[rows] for name, column in self.numbers.items()},
            {name: column[rows] for name, column in self.texts.items()},
        )

    @property
    def size(self) -> int:
        """How many fares there are."""
        return self.price.size

    @cached_property
    def airlines(self) -> tuple[str, ...]:
        """The airlines, most frequent first."""
        return tuple(name for name, _ in Counter(self.airline.tolist()).most_common())

    def usual(self, name: str, airline: str | None = None) -> Told | None:
        """Return the most frequent text or the median number of a column.

        A number is that of the airline, where enough of its fares are known. A text is
        that of all airlines, if this one has it too, so that prices of several airlines
        stand for one kind of fare. None where most fares do not tell.
        """
        if name == "airline":
            return self.airlines[0] if self.airlines else None
        own = self._of_airline(airline)
        if name in self.texts:
            return self._usual_text(self.texts[name], own)
        told = self.numbers[name][own]
        told = told[~np.isnan(told)]
        if 2 * told.size < self.price[own].size:
            return None
        return float(np.quantile(told, 0.5, method="nearest"))

    def usual_range(
        self, told: Mapping[str, Told], assumed: Mapping[str, Told]
    ) -> UsualRange | None:
        """Return between which prices the middle third lies, None from too few fares.

        Parameters
        ----------
        told
            Only fares with these values of further text columns count.
        assumed
            Likewise, but of those columns alone that tell cheap fares from dear ones,
            and only where enough fares are left.
        """
        rows = np.ones(self.size, dtype=np.bool_)
        for name, value in told.items():
            if name in self.texts:
                rows &= self._equal(name, value)
        for name in self.kinds:
            if name in assumed:
                narrower = rows & self._equal(name, assumed[name])
                rows = narrower if narrower.sum() >= FEWEST else rows
        fares = int(rows.sum())
        if fares < FEWEST:
            return None
        low, high = np.quantile(
            self.price[rows], _THIRDS, weights=self.weight[rows], method="inverted_cdf"
        )
        return UsualRange(low=float(low), high=float(high), fares=fares)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The text columns that tell cheap fares from dear ones, as cabins do."""
        logs = np.log(self.price)
        shares = {name: _explained(logs, column) for name, column in self.texts.items()}
        telling = [name for name, share in shares.items() if share >= _TELLING]
        return tuple(sorted(telling, key=lambda name: -shares[name]))

    def nearest(self, trip: Trip, most: int) -> tuple[PastFare, ...]:
        """Return the fares most like a trip's, nearest first.

        By season, airline, lead time and further values. Of equals the newest is first.
        """
        unlike = _season_apart(self.date, trip) / _DAYS_APART
        unlike += _OTHER_AIRLINE * (self.airline != trip.airline)
        for name, value in trip.further.items():
            if name in self.texts:
                unlike += _OTHER_VALUE * ~self._equal(name, value)
        if trip.quote_date is not None:
            asked = (trip.date - trip.quote_date).days
            lead = (self.date - self.quoted).astype(np.float64)
            lead[np.isnat(self.quoted)] = asked
            unlike += np.abs(lead - asked) / _DAYS_APART
        age = -self.date.astype(np.int64)
        return tuple(self._fare(row) for row in np.lexsort((age, unlike))[:most])

    def _usual_text(
        self, column: NDArray[np.object_], own: NDArray[np.bool_] | slice
    ) -> str | None:
        counts = Counter(column.tolist())
        if 2 * counts.pop("", 0) > self.size:
            return None
        ours = Counter(column[own].tolist())
        least = _RARE * ours.total()
        known = (value for value, _ in counts.most_common() if ours[value] > least)
        return next(known, None)

    def _of_airline(self, airline: str | None) -> NDArray[np.bool_] | slice:
        own = self.airline == airline
        return own if int(own.sum()) >= _OWN_FARES else slice(None)

    def _equal(self, name: str, value: Told) -> NDArray[np.bool_]:
        wanted = canonical_name(str(value))
        same = {
            text for text in set(self.texts[name]) if canonical_name(text) == wanted
        }
        return np.isin(self.texts[name].astype(str), sorted(same))

    def _fare(self, row: int) -> PastFare:
        quoted = self.quoted[row]
        numbers = {
            name: float(column[row])
            for name, column in self.numbers.items()
            if not np.isnan(column[row])
        }
        texts = {
            name: column[row] for name, column in self.texts.items() if column[row]
        }
        return PastFare(
            date=self.date[row].astype(object),
            airline=self.airline[row],
            price=float(self.price[row]),
            duration_minutes=numbers.pop(DURATION, None),
            quote_date=None if np.isnat(quoted) else quoted.astype(object),
            further=texts | numbers,
        )


def _place(name: str) -> Place | None:
    return find_place(name, among_codes=True)


def _columns_in(content: bytes, wanted: set[str]) -> pd.DataFrame:
    file = pq.ParquetFile(pa.BufferReader(content))
    names = [name for name in file.schema_arrow.names if name in wanted]
    frame: pd.DataFrame = file.read(columns=names).to_pandas()
    return frame


def _typed(fares: pd.DataFrame, texts: list[str]) -> pd.DataFrame:
    """Write texts as text, whatever type one file's column has; read numbers."""
    known = {name: _as_texts(fares[name]) for name in texts if name in fares}
    others = set(fares.columns) - set(known) - {*_REACH}
    return fares.assign(**known, **{name: _numbers(fares[name]) for name in others})


def _as_texts(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Write each distinct value; 2 and 2.0 are one text."""
    written = {
        value: str(int(value))
        if isinstance(value, float) and value.is_integer()
        else str(value)
        for value in column.dropna().unique()
    }
    return column.astype(object).map(written)


def _numbers(column: "pd.Series[Any]") -> NDArray[np.float64]:
    if column.dtype.kind == "M":
        return np.full(len(column), np.nan)
    read = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    return np.where(np.isfinite(read), read, np.nan)


def _some_of_each_route(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows with the smallest identities of each route, routes together."""
    fares = pd.concat(parts, ignore_index=True)
    keys = [canonical_names(fares[name]) for name in _PLACES[:2]]
    route = pd.factorize(keys[0] + "\n" + keys[1], sort=True)[0]
    order = np.lexsort((fares[ROW_HASH].to_numpy(), route))
    number = pd.Series(route[order]).groupby(route[order]).cumcount()
    return fares.iloc[order[number.to_numpy() < FARES_OF_A_ROUTE]]


def _explained(logs: NDArray[np.float64], column: NDArray[np.object_]) -> float:
    """Return the share of variance that lies between the values of a column.

    Epsilon squared (Kelley 1935): what many values explain by chance is taken off.
    """
    places, values = pd.factorize(column)
    rest = logs.size - len(values)
    if rest <= 0:
        return 0.0
    counts = np.bincount(places)
    means = np.bincount(places, weights=logs) / counts
    within = float(np.square(logs - means[places]).sum()) / rest
    overall = float(logs.var(ddof=1))
    return 1 - within / overall if overall > 0 else 0.0


def _spellings(column: "pd.Series[Any]") -> dict[str, str]:
    """Return how each name is spelled most often, by its canonical form."""
    counts = column.value_counts()
    names: dict[str, str] = {}
    for spelled in counts.index:
        names.setdefault(canonical_name(spelled), spelled)
    return names


def _runs(keys: Iterable[Key]) -> Iterator[tuple[Key, slice]]:
    """Give each run of equal keys and where it stands."""
    start, place = 0, -1
    former: Key | None = None
    for place, key in enumerate(keys):
        if former is not None and key != former:
            yield former, slice(start, place)
            start = place
        former = key
    if former is not None:
        yield former, slice(start, place + 1)


def _with_gaps(
    columns: Columns, name: str, is_text: bool
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return a column that can be written into, and which of its rows are missing."""
    if name not in columns:
        size = len(columns["date"])
        empty = np.full(size, None, object) if is_text else np.full(size, np.nan)
        return empty, np.ones(size, dtype=np.bool_)
    column = columns[name]
    column = column.astype(object) if column.dtype.kind != "f" else column.copy()
    return column, np.asarray(pd.isna(column))


def _season_apart(days: NDArray[np.datetime64], trip: Trip) -> NDArray[np.float64]:
    """Return how many days lie between the days of the year, whichever way round."""
    day = day_of_year(np.array([trip.date], dtype="datetime64[D]"))[0]
    apart = np.abs(day_of_year(days) - day)
    nearer: NDArray[np.float64] = np.minimum(apart, _YEAR - apart).astype(np.float64)
    return nearer
