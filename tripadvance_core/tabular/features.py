"""From cleaned rows to the matrix that XGBoost learns from and predicts on.

The encoder is fitted once, on training rows, and frozen: a model and its encoder are
one thing. Text is compared in its canonical form, so spelling variants of a city are
one city. Rows are columns by name: a frame, or plain arrays where one trip is asked.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Any, Final, Literal, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain.entities import Value
from tripadvance_core.domain.holdout import canonical_name
from tripadvance_core.tabular.calendar import CYCLES, Days, day_number
from tripadvance_core.tabular.columns import QUOTE_DATE
from tripadvance_core.tabular.identity import canonical_names
from tripadvance_core.tabular.past_fares import FEATURES as PAST_FEATURES

FeatureType = Literal["float", "c"]
DropReason = Literal["constant", "nearly unique"]
Columns: TypeAlias = Mapping[str, NDArray[Any]]

ROUTE: Final = "start_city → end_city"
AIRLINE_ROUTE: Final = "airline · start_city → end_city"
DAY: Final = "date.number"
LEAD_DAYS: Final = "lead_days"
DURATION: Final = "duration_minutes"
WEIGHT: Final = "seats"

_PLACES: Final = ("start_city", "end_city", "airline")
_CATEGORIES: Final = (*_PLACES, ROUTE, AIRLINE_ROUTE)
_NOT_FURTHER: Final = {
    *("date", "price", "duration_minutes", *_PLACES, QUOTE_DATE, WEIGHT),
    *("sheet_row", "row_hash", "reserved"),
}

# A further column is a number where all but stray values read as numbers.
_NUMBER_SHARE: Final = 0.95
# Text that is seen fewer than twice on average names rows, it does not describe them.
_DISTINCT_SHARE: Final = 0.5
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
    def fit(cls, training_frame: pd.DataFrame) -> Self:
        """Learn the further columns' kinds and every category's known values.

        Parameters
        ----------
        training_frame
            Cleaned rows: ``date``, ``start_city``, ``end_city``, ``airline``,
            ``duration_minutes``, ``price`` and any further columns.
        """
        numbers: list[str] = []
        dropped: dict[str, DropReason] = {}
        texts = list(_CATEGORIES)
        for name in sorted(set(training_frame.columns) - _NOT_FURTHER):
            column = training_frame[name]
            if column.nunique(dropna=False) <= 1:
                dropped[name] = "constant"
            elif _holds_numbers(column):
                numbers.append(name)
            elif column.nunique() > _DISTINCT_SHARE * column.count():
                dropped[name] = "nearly unique"
            else:
                texts.append(name)
        columns = columns_of(training_frame)
        logs = np.log(columns["price"].astype(np.float64))
        read = _texts(columns)
        categories = {name: _vocabulary(*read(name), logs) for name in texts}
        days = training_frame["date"]
        quoted = training_frame.get(QUOTE_DATE, pd.Series(dtype="datetime64[s]")).max()
        return cls(
            core_numbers=_core_numbers(training_frame),
            numbers=tuple(numbers),
            categories=categories,
            ordered=tuple(n for n in texts if len(categories[n]) > _MOST_NATIVE),
            dropped=dropped,
            first_day=days.min().date(),
            last_day=days.max().date(),
            last_quote=None if pd.isna(quoted) else quoted.date(),
        )

    def with_past(self) -> Self:
        """Return this description with former fares among the numbers."""
        return self.model_copy(update={"numbers": (*self.numbers, *PAST_FEATURES)})

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
    start, end = (canonical_names(frame[name]) for name in ("start_city", "end_city"))
    return start + " → " + end


def _core_numbers(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return what the history is long enough for, and its files hold."""
    span = (frame["date"].max() - frame["date"].min()).days + 1
    cycles = (name for name, (needed, _) in CYCLES.items() if span >= needed)
    quoted = QUOTE_DATE in frame and frame[QUOTE_DATE].notna().any()
    return (DAY, *cycles, *([LEAD_DAYS] if quoted else ()), DURATION)


def _core_number(name: str, days: Days, columns: Columns) -> NDArray[Any]:
    if name == DAY:
        return day_number(days)
    if name == LEAD_DAYS:
        if QUOTE_DATE not in columns:
            return np.full(days.size, np.nan)
        return day_number(days) - day_number(columns[QUOTE_DATE])
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
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    read = pd.to_numeric(pd.Series(column).astype("str"), errors="coerce")
    return read.to_numpy(dtype=np.float64)


def _holds_numbers(column: "pd.Series[Any]") -> bool:
    if column.dtype.kind in "Mfiub":
        return True
    places, values = pd.factorize(column)
    counts = np.bincount(places[places >= 0], minlength=len(values))
    read = np.isfinite(_as_numbers(np.asarray(values)))
    return bool(counts[read].sum() >= _NUMBER_SHARE * counts.sum())


Texts: TypeAlias = tuple[NDArray[np.int64], list[str]]
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


def _vocabulary(
    places: NDArray[np.int64], distinct: list[str], logs: NDArray[np.float64]
) -> tuple[str, ...]:
    """Return the most frequent values; the order of rows has no say.

    A long list stands in the order of the mean log price, drawn towards that of all
    rows where fares are few (additive smoothing); a short one in that of its letters.
    """
    given = places >= 0
    counts = np.bincount(places[given], minlength=len(distinct))
    sums = np.bincount(places[given], weights=logs[given], minlength=len(distinct))
    by_count = sorted(
        (p for p in range(len(distinct)) if counts[p] >= _SEEN_AT_LEAST),
        key=lambda p: (-counts[p], distinct[p]),
    )[:_MAX_CATEGORIES]
    if len(by_count) <= _MOST_NATIVE:
        return tuple(sorted(distinct[p] for p in by_count))
    means = (sums + _SHRINKAGE * logs.mean()) / (counts + _SHRINKAGE)
    # Sums depend on the order of rows in their last bits.
    ranked = sorted(by_count, key=lambda p: (round(float(means[p]), 9), distinct[p]))
    return tuple(distinct[p] for p in ranked)
