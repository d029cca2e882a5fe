"""From a cleaned frame to the matrix that XGBoost learns from and predicts on.

The encoder is fitted once, on training rows, and frozen: a model and its encoder are
one thing. Categories stay categories (XGBoost splits them natively); text is compared
in its canonical form, so spelling variants of a city are one city.
"""

from collections.abc import Iterator
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain.entities import Value
from tripadvance_core.tabular.identity import canonical_names

FeatureType = Literal["float", "c"]
DropReason = Literal["constant", "nearly unique"]

ROUTE = "start_city → end_city"
AIRLINE_ROUTE = "airline · start_city → end_city"

_PLACES = ("start_city", "end_city", "airline")
_CALENDAR = ("date.month", "date.day", "date.weekday", "date.yearday", "date.number")
_NUMBERS = (*_CALENDAR, "duration_minutes")
_CATEGORIES = (*_PLACES, ROUTE, AIRLINE_ROUTE)
_ABOUT_THE_ROW = ("sheet_row", "row_hash", "reserved")
_NOT_FURTHER = {"date", "price", *_ABOUT_THE_ROW, *_NUMBERS, *_CATEGORIES}

_EPOCH = pd.Timestamp("2000-01-01")

# A further column is a number where all but stray values read as numbers.
_NUMBER_SHARE = 0.95
# Text that is seen fewer than twice on average names rows, it does not describe them.
_DISTINCT_SHARE = 0.5
# One fare is no pattern. Values seen once are left unknown, and from these rows the
# model learns what to expect of values it has never seen.
_SEEN_AT_LEAST = 2
# Beyond this the histograms of a deep tree cost gigabytes; rarer values are unknown.
_MAX_CATEGORIES = 5_000


class FeatureEncoder(Value):
    """The frozen description of a model's features.

    Attributes
    ----------
    numbers
        The further columns used as numbers.
    categories
        Known values of each categorical feature, in the order of their codes.
    dropped
        The further columns that teach nothing, and why.
    """

    numbers: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    dropped: dict[str, DropReason]

    @classmethod
    def fit(cls, training_frame: pd.DataFrame) -> Self:
        """Learn the further columns' kinds and every category's known values.

        Parameters
        ----------
        training_frame
            Cleaned rows: ``date``, ``start_city``, ``end_city``, ``airline``,
            ``duration_minutes`` and any further columns.
        """
        texts = _core_texts(training_frame)
        numbers: list[str] = []
        dropped: dict[str, DropReason] = {}
        for name in sorted(set(training_frame.columns) - _NOT_FURTHER):
            column = training_frame[name]
            if column.nunique(dropna=False) <= 1:
                dropped[name] = "constant"
            elif _holds_numbers(column):
                numbers.append(name)
            elif column.nunique() > _DISTINCT_SHARE * column.count():
                dropped[name] = "nearly unique"
            else:
                texts[name] = _as_text(column)
        return cls(
            numbers=tuple(numbers),
            categories={name: _vocabulary(text) for name, text in texts.items()},
            dropped=dropped,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of the matrix's columns."""
        return (*_NUMBERS, *self.numbers, *self.categories)

    @property
    def types(self) -> list[FeatureType]:
        """The features' types as XGBoost names them, in the same order."""
        numbers: list[FeatureType] = ["float"] * (len(_NUMBERS) + len(self.numbers))
        categories: list[FeatureType] = ["c"] * len(self.categories)
        return numbers + categories

    def transform(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """Return the matrix of shape (n, features).

        Categories are codes. Absent columns and missing, infinite or unknown values
        are NaN.
        """
        columns: list[Any] = [
            *_core_numbers(frame),
            *(_as_numbers(_further(frame, name)) for name in self.numbers),
            *(_codes(text, self.categories[name]) for name, text in self._texts(frame)),
        ]
        with np.errstate(over="ignore"):
            matrix = np.column_stack(columns).astype(np.float32)
        matrix[~np.isfinite(matrix)] = np.nan
        return matrix

    def unknown_values(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return for each row and categorical feature whether its value is unknown.

        A value is unknown if the training rows held it less than twice; a missing
        value is not an unknown one.
        """
        return pd.DataFrame(
            {
                name: text.notna() & ~text.isin(self.categories[name])
                for name, text in self._texts(frame)
            }
        )

    def _texts(self, frame: pd.DataFrame) -> Iterator[tuple[str, "pd.Series[str]"]]:
        core = _core_texts(frame)
        for name in self.categories:
            yield name, core[name] if name in core else _as_text(_further(frame, name))


def routes(frame: pd.DataFrame) -> "pd.Series[str]":
    """Return start and end of each row as one name, in canonical form."""
    start, end = (canonical_names(frame[name]) for name in ("start_city", "end_city"))
    return start + " → " + end


def _core_numbers(frame: pd.DataFrame) -> list["pd.Series[Any]"]:
    """Return the columns of ``_NUMBERS``."""
    days = frame["date"].dt
    number = (frame["date"] - _EPOCH).dt.days
    calendar = [days.month, days.day, days.day_of_week, days.day_of_year, number]
    return [*calendar, frame["duration_minutes"]]


def _core_texts(frame: pd.DataFrame) -> dict[str, "pd.Series[str]"]:
    """Return the columns of ``_CATEGORIES``."""
    start, end, airline = (canonical_names(frame[name]) for name in _PLACES)
    route = routes(frame)
    columns = (start, end, airline, route, airline + " · " + route)
    return dict(zip(_CATEGORIES, columns, strict=True))


def _further(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    return frame[name] if name in frame else pd.Series(np.nan, index=frame.index)


def _as_numbers(column: "pd.Series[Any]") -> "pd.Series[float]":
    """Read a column as numbers; whatever else it holds is missing."""
    if not pd.api.types.is_numeric_dtype(column):
        column = pd.to_numeric(column.astype("str"), errors="coerce")
    return column.astype("float64")


def _holds_numbers(column: "pd.Series[Any]") -> bool:
    return _as_numbers(column).count() >= _NUMBER_SHARE * column.count()


def _as_text(column: "pd.Series[Any]") -> "pd.Series[str]":
    """Read a column as canonical text; 2 and 2.0 are one text."""
    return canonical_names(column.convert_dtypes().astype("str"))


def _vocabulary(text: "pd.Series[str]") -> tuple[str, ...]:
    """Return the most frequent values, sorted; the order of rows has no say."""
    counts = text.value_counts().sort_index().sort_values(kind="stable")
    known = counts[counts >= _SEEN_AT_LEAST].index[-_MAX_CATEGORIES:]
    return tuple(sorted(known))


def _codes(text: "pd.Series[str]", known: tuple[str, ...]) -> NDArray[np.float64]:
    codes = pd.Index(known).get_indexer(pd.Index(text))
    return np.where(codes < 0, np.nan, codes)
