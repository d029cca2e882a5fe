"""From cleaned rows to the matrix that XGBoost learns from and predicts on.

The encoder is fitted once, on training rows, and frozen: a model and its encoder are
one thing. Text is compared in its canonical form, so spelling variants of a city are
one city. Rows are columns by name: a frame, or plain arrays where one trip is asked.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Final, Literal, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain.entities import Value
from tripadvance_core.domain.holdout import canonical_name
from tripadvance_core.tabular.calendar import CYCLES, Days, day_number
from tripadvance_core.tabular.joining import FareRows

FeatureType = Literal["float", "c"]
DropReason = Literal["constant", "nearly unique"]
Columns: TypeAlias = Mapping[str, NDArray[Any]]

ROUTE: Final = "start_city → end_city"
AIRLINE_ROUTE: Final = "airline · start_city → end_city"
DAY: Final = "date.number"
LEAD_DAYS: Final = "lead_days"
QUOTE_DAY: Final = "quote_date.number"
DURATION: Final = "duration_minutes"
QUOTE_DATE: Final = "quote_date"
WEIGHT: Final = "seats"

_PLACES: Final = ("start_city", "end_city", "airline")
_CATEGORIES: Final = (*_PLACES, ROUTE, AIRLINE_ROUTE)
_NOT_FURTHER: Final = {
    *("date", "price", "duration_minutes", *_PLACES, QUOTE_DATE, WEIGHT),
    *("sheet_row", "row_hash", "reserved"),
}

_NUMERIC: Final = "Mfiub"
# A further column is a number where all but stray values read as numbers.
_NUMBER_SHARE: Final = 0.95
# Text that is seen fewer than twice on average names rows, it does not describe them.
_DISTINCT_SHARE: Final = 0.5
# So does text with more values than this, which would fill the memory.
_MOST_DISTINCT: Final = 200_000
# One fare is no pattern. Values seen once are left unknown, and from these rows the
# model learns what to expect of values it has never seen.
_SEEN_AT_LEAST: Final = 2
# Rarer values are unknown.
_MAX_CATEGORIES: Final = 5_000
# The histograms of each node of each tree grow with the values of a category. Beyond
# so many the codes follow the prices and are read as a number: a third of the time and
# of the model's size.
_MOST_NATIVE: Final = 2_000
# So many average fares are added to those of each value before it is placed in order.
_SHRINKAGE: Final = 10.0


class FeatureEncoder(Value):
    """The frozen description of a model's features.

    Attributes
    ----------
    core_numbers
        The features that are reckoned from the day, the duration and the quote date.
    numbers
        The further columns used as numbers.
    categories
        Known values of each categorical feature, in the order of their codes.
    ordered
        The categorical features whose codes follow the prices.
    dropped
        The further columns that teach nothing, and why.
    first_day, last_day
        The span of the flights that were learned from.
    last_quote
        The last day on which one of their prices was seen, where that is known.
    """

    core_numbers: tuple[str, ...]
    numbers: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    ordered: tuple[str, ...] = ()
    dropped: dict[str, DropReason]
    first_day: date
    last_day: date
    last_quote: date | None = None

    @classmethod
    def fit(cls, rows: FareRows) -> Self:
        """Learn the further columns' kinds and every category's known values.

        Parameters
        ----------
        rows
            Cleaned rows: ``date``, ``start_city``, ``end_city``, ``airline``,
            ``duration_minutes``, ``price`` and any further columns.
        """
        further = {n: _Seen() for n in sorted(set(rows.columns) - _NOT_FURTHER)}
        seen = {name: _Seen() for name in _CATEGORIES} | further
        days, quotes = _Span(), _Span()
        for batch in rows.batches():
            columns = columns_of(batch)
            logs = np.log(columns["price"].astype(np.float64))
            read = _texts(columns)
            for name, column in seen.items():
                if name in columns and columns[name].dtype.kind in _NUMERIC:
                    column.add_numbers(_numbers_in(columns, name))
                else:
                    column.add_texts(read(name), logs)
            days.add(columns["date"])
            quotes.add(columns.get(QUOTE_DATE))
        dropped = {n: why for n in further if (why := further[n].teaches_nothing)}
        numbers = [n for n in further if n not in dropped and further[n].holds_numbers]
        texts = [name for name in seen if name not in {*dropped, *numbers}]
        categories = {name: seen[name].vocabulary() for name in texts}
        return cls(
            core_numbers=_core_numbers(days, quotes),
            numbers=tuple(numbers),
            categories=categories,
            ordered=tuple(n for n in texts if len(categories[n]) > _MOST_NATIVE),
            dropped=dropped,
            first_day=days.first,
            last_day=days.last,
            last_quote=quotes.last if quotes.known else None,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of the matrix's columns."""
        return (*self.core_numbers, *self.numbers, *self.categories)

    @property
    def types(self) -> list[FeatureType]:
        """The features' types as XGBoost names them, in the same order."""
        native = set(self.categories) - set(self.ordered)
        return ["c" if name in native else "float" for name in self.names]

    def transform(self, rows: pd.DataFrame | Columns) -> NDArray[np.float32]:
        """Return the matrix of shape (n, features).

        Categories are codes. Absent columns and missing, infinite or unknown values
        are NaN.
        """
        columns = columns_of(rows)
        size = len(columns["date"])
        matrix = np.empty((size, len(self.names)), dtype=np.float32)
        with np.errstate(over="ignore"):
            for place, values in enumerate(self._features(columns)):
                matrix[:, place] = values
        matrix[~np.isfinite(matrix)] = np.nan
        return matrix

    def days_beyond(self, rows: pd.DataFrame | Columns) -> NDArray[np.int64]:
        """Return how far each flight lies outside the days learned from, shape (n,)."""
        days = columns_of(rows)["date"].astype("datetime64[D]")
        before = (np.datetime64(self.first_day) - days).astype(np.int64)
        after = (days - np.datetime64(self.last_day)).astype(np.int64)
        return np.maximum(np.maximum(before, after), 0)

    def is_later(self, rows: pd.DataFrame | Columns) -> NDArray[np.bool_]:
        """Whether a row is of a time after all that were learned from, shape (n,).

        Its flight is, or the day on which its price is asked; a row that does not say
        when it asks, asks now.
        """
        columns = columns_of(rows)
        days: Days = columns["date"].astype("datetime64[D]")
        later: NDArray[np.bool_] = days > np.datetime64(self.last_day)
        if self.last_quote is None:
            return later
        if QUOTE_DATE not in columns:
            return np.ones_like(later)
        quoted: Days = columns[QUOTE_DATE].astype("datetime64[D]")
        return later | np.isnat(quoted) | (quoted > np.datetime64(self.last_quote))

    @cached_property
    def _codes(self) -> dict[str, dict[str, int]]:
        return {
            name: {text: code for code, text in enumerate(known)}
            for name, known in self.categories.items()
        }

    def unknown_values(self, rows: pd.DataFrame | Columns) -> pd.DataFrame:
        """Return for each row and categorical feature whether its value is unknown.

        A value is unknown if the training rows held it less than twice; a missing
        value is not an unknown one.
        """
        read = _texts(columns_of(rows))
        unknown = {}
        for name, codes in self._codes.items():
            places, distinct = read(name)
            new = np.array([*(text not in codes for text in distinct), False])
            unknown[name] = new[places]
        index = rows.index if isinstance(rows, pd.DataFrame) else None
        return pd.DataFrame(unknown, index=index)

    def _features(self, columns: Columns) -> Iterator[NDArray[Any]]:
        days: Days = columns["date"].astype("datetime64[D]")
        for name in self.core_numbers:
            yield _core_number(name, days, columns)
        for name in self.numbers:
            yield _numbers_in(columns, name)
        read = _texts(columns)
        for name, codes in self._codes.items():
            places, distinct = read(name)
            coded = [codes.get(text, np.nan) for text in distinct]
            yield np.array([*coded, np.nan])[places]


def columns_of(rows: pd.DataFrame | Columns) -> Columns:
    """Return the columns of a frame as arrays; arrays stay what they are."""
    if isinstance(rows, pd.DataFrame):
        return {name: rows[name].to_numpy() for name in rows.columns}
    return rows


def routes(frame: pd.DataFrame) -> "pd.Series[str]":
    """Return start and end of each row as one name, in canonical form."""
    places, names = route_places(frame)
    return pd.Series(pd.array(names, dtype="str").take(places), index=frame.index)


def route_places(frame: pd.DataFrame) -> "Texts":
    """Return the distinct routes of a frame, and for each row the place of its own."""
    start, end = (
        _distinct(frame[name].to_numpy(), canonical_name)
        for name in ("start_city", "end_city")
    )
    return _joined(start, end, " → ")


def routes_of(rows: FareRows) -> "Texts":
    """Return ``route_places`` of all rows."""
    known: dict[str, int] = {}
    parts = []
    for batch in rows.batches(["start_city", "end_city"]):
        places, names = route_places(batch)
        numbers = [known.setdefault(name, len(known)) for name in names]
        parts.append(np.array(numbers, dtype=np.int32)[places])
    return np.concatenate(parts), list(known)


def _core_numbers(days: "_Span", quotes: "_Span") -> tuple[str, ...]:
    """Return what the history is long enough for, and its files hold."""
    span = (days.last - days.first).days + 1
    cycles = (name for name, (needed, _) in CYCLES.items() if span >= needed)
    lead = (LEAD_DAYS,) if quotes.known else ()
    quoted = (QUOTE_DAY,) if quotes.first < quotes.last else ()
    return (DAY, *cycles, *lead, *quoted, DURATION)


def _core_number(name: str, days: Days, columns: Columns) -> NDArray[Any]:
    if name == DAY:
        return day_number(days)
    if name in (LEAD_DAYS, QUOTE_DAY):
        if QUOTE_DATE not in columns:
            return np.full(days.size, np.nan)
        quoted = day_number(columns[QUOTE_DATE])
        return quoted if name == QUOTE_DAY else day_number(days) - quoted
    if name == DURATION:
        return _numbers_in(columns, DURATION)
    return CYCLES[name][1](days)


def _numbers_in(columns: Columns, name: str) -> NDArray[np.float64]:
    if name not in columns:
        return np.full(len(columns["date"]), np.nan)
    column = columns[name]
    if column.dtype.kind == "M":
        return day_number(column)
    return _as_numbers(column)


def _as_numbers(column: NDArray[Any]) -> NDArray[np.float64]:
    """Read a column as numbers; whatever else it holds is missing."""
    if column.dtype.kind in _NUMERIC:
        return column.astype(np.float64)
    read = pd.to_numeric(pd.Series(column).astype("str"), errors="coerce")
    return read.to_numpy(dtype=np.float64)


Texts: TypeAlias = tuple[NDArray[np.integer[Any]], list[str]]
"""For each row the place of its text among the distinct ones, -1 for a missing one."""


def _texts(columns: Columns) -> Callable[[str], Texts]:
    """Return what reads a categorical feature by its name, each place once."""
    size = len(columns["date"])
    places = {name: _distinct(columns[name], canonical_name) for name in _PLACES}
    start, end, airline = (places[name] for name in _PLACES)
    route = _joined(start, end, " → ")
    known = places | {ROUTE: route, AIRLINE_ROUTE: _joined(airline, route, " · ")}

    def read(name: str) -> Texts:
        if name in known:
            return known[name]
        if name not in columns:
            return np.full(size, -1), []
        return _distinct(columns[name], _written)

    return read


def _distinct(column: NDArray[Any], write: Callable[[Any], str]) -> Texts:
    places, values = pd.factorize(column)
    written = [write(value) for value in values]
    again, distinct = pd.factorize(np.array(written, dtype=object))
    return np.append(again, -1)[places], list(distinct)


def _written(value: Any) -> str:
    """Write a value of a further column; 2 and 2.0 are one text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return canonical_name(str(value))


def _joined(left: Texts, right: Texts, between: str) -> Texts:
    """Join the texts of two columns row by row."""
    (ours, lefts), (theirs, rights) = left, right
    width = len(rights) + 1
    pairs = np.where((ours < 0) | (theirs < 0), -1, ours * width + theirs)
    places, distinct = pd.factorize(pairs, use_na_sentinel=False)
    texts = [
        f"{lefts[p // width]}{between}{rights[p % width]}" if p >= 0 else ""
        for p in distinct.tolist()
    ]
    return np.where(pairs < 0, -1, places), texts


@dataclass
class _Span:
    """The first and the last of some days, batch by batch."""

    first: date = date.max
    last: date = date.min

    @property
    def known(self) -> bool:
        return self.first <= self.last

    def add(self, days: Days | None) -> None:
        if days is None or np.isnat(days).all():
            return
        ends = np.nanmin(days), np.nanmax(days)
        first, last = (end.astype("datetime64[D]").item() for end in ends)
        self.first, self.last = min(self.first, first), max(self.last, last)


@dataclass
class _Seen:
    """What a column holds, batch by batch.

    Attributes
    ----------
    readable
        How many of its values are numbers, or text that reads as one.
    texts
        By text, how many rows have it and the sum of their log prices.
    """

    rows: int = 0
    missing: int = 0
    readable: int = 0
    logs: float = 0.0
    texts: dict[str, tuple[int, float]] = field(default_factory=dict)
    least: float = np.inf
    most: float = -np.inf

    def add_numbers(self, numbers: NDArray[np.float64]) -> None:
        known = numbers[~np.isnan(numbers)]
        self.rows += numbers.size
        self.missing += numbers.size - known.size
        self.readable += known.size
        self.least = min(self.least, known.min(initial=np.inf))
        self.most = max(self.most, known.max(initial=-np.inf))

    def add_texts(self, texts: "Texts", logs: NDArray[np.float64]) -> None:
        """Count texts; ``logs`` are the log prices of their rows, shape (n,)."""
        places, distinct = texts
        given = places >= 0
        counts = np.bincount(places[given], minlength=len(distinct))
        sums = np.bincount(places[given], weights=logs[given], minlength=len(distinct))
        read = np.isfinite(_as_numbers(np.array(distinct, dtype=object)))
        self.rows += places.size
        self.missing += places.size - int(counts.sum())
        self.readable += int(counts[read].sum())
        self.logs += float(logs.sum())
        if len(self.texts) > _MOST_DISTINCT:
            return
        for text, count, total in zip(distinct, counts.tolist(), sums, strict=True):
            before, so_far = self.texts.get(text, (0, 0.0))
            self.texts[text] = (before + count, so_far + float(total))

    @property
    def holds_numbers(self) -> bool:
        return self.readable >= _NUMBER_SHARE * (self.rows - self.missing)

    @property
    def teaches_nothing(self) -> DropReason | None:
        """Why the column is of no use, None where it is."""
        if self._distinct + bool(self.missing) <= 1:
            return "constant"
        if self.holds_numbers:
            return None
        most = _DISTINCT_SHARE * (self.rows - self.missing)
        return "nearly unique" if len(self.texts) > min(most, _MOST_DISTINCT) else None

    def vocabulary(self) -> tuple[str, ...]:
        """Return the most frequent values; the order of rows has no say.

        A long list stands in the order of the mean log price, drawn towards that of
        all rows where fares are few (additive smoothing); a short one in that of its
        letters.
        """
        by_count = sorted(
            (
                text
                for text, (count, _) in self.texts.items()
                if count >= _SEEN_AT_LEAST
            ),
            key=lambda text: (-self.texts[text][0], text),
        )[:_MAX_CATEGORIES]
        if len(by_count) <= _MOST_NATIVE:
            return tuple(sorted(by_count))
        # Sums depend on the order of rows in their last bits.
        return tuple(sorted(by_count, key=lambda t: (round(self._level(t), 9), t)))

    @property
    def _distinct(self) -> int:
        if self.texts:
            return len(self.texts)
        return 2 if self.least < self.most else int(self.rows > self.missing)

    def _level(self, text: str) -> float:
        count, total = self.texts[text]
        overall = self.logs / self.rows
        return (total + _SHRINKAGE * overall) / (count + _SHRINKAGE)
