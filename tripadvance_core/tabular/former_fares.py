"""What fares were before: features from records older than the question.

Where rows tell the day on which their price was seen, the former prices of the same
route, of an airline on it and of the very same trip say much about the next one. All
records of one key and one day are one entry of a table, so the order of rows has no
say.

A row that is learned from must not see what nobody could know: its own price, those of
its day, those of later days. Nor may it see more than a question will, which comes days
after the last record. So it sees entries at least a gap older than itself; the gap is
drawn for each row, from one day to the longest that a model is to bridge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain.holdout import canonical_name, mixed, row_hashes
from tripadvance_core.tabular.features import QUOTE_DATE, Columns, columns_of
from tripadvance_core.tabular.identity import hashed
from tripadvance_core.tabular.jobs import from_parquet, to_parquet
from tripadvance_core.tabular.joining import FareRows

MIN_DAYS: Final = 5
"""Quotes of fewer days are no history."""
LONGEST_GAP: Final = 28
"""Most days that a model is to bridge; it is made anew each night."""
MOST_ENTRIES: Final = 500_000
"""Most entries of one kind that a model takes along, those of the newest days."""

KINDS: Final = ("route", "airline", "trip")
"""Whose former fares: the route's, the airline's on it, those of the very same trip."""
FEATURES: Final = tuple(
    f"former.{kind}.{name}" for kind in KINDS for name in ("last", "recent", "mean")
)

_CORE: Final = ("date", "start_city", "end_city", "airline", "duration_minutes")
_LAST_FEW: Final = 8
_GAP_SHARE: Final = 5
_MICRO: Final = 1e6
_NEVER: Final = np.int64(-(2**31))
_EVER: Final = np.int64(2**31 - 1)
_ALL_DAYS: Final = np.int64(2**32)

Integers: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Entries:
    """The prices of keys of one kind by day.

    ``table`` has the columns ``key``, ``day`` (since 1970-01-01), ``total`` of the log
    prices and ``count``; sorted, each key and day once. Totals are whole millionths,
    for whole numbers have the same sum in whatever order they are added.
    """

    table: pd.DataFrame

    @classmethod
    def of(cls, keys: NDArray[np.uint64], days: Integers, logs: NDArray[Any]) -> Self:
        """Put n prices together; days that are not known are left out."""
        known = days != _EVER
        return cls._summed(
            pd.DataFrame(
                {
                    "key": keys[known],
                    "day": days[known],
                    "total": np.rint(_MICRO * logs[known]).astype(np.int64),
                    "count": np.int64(1),
                }
            )
        )

    def joined(self, other: Self) -> Self:
        """Return the entries of both together."""
        return self._summed(pd.concat([self.table, other.table]))

    def newest(self, most: int) -> Self:
        """Return at most so many entries, those of the last days, whole days only."""
        if len(self.table) <= most:
            return self
        days = self.table["day"]
        first_too_many = days.nlargest(most + 1).iloc[-1]
        return type(self)(self.table[days > first_too_many].reset_index(drop=True))

    @classmethod
    def _summed(cls, table: pd.DataFrame) -> Self:
        return cls(table.groupby(["key", "day"], as_index=False, sort=True).sum())

    def before(self, keys: NDArray[np.uint64], until: Integers) -> list[Floats]:
        """Return what was known of n keys, each until the end of a day.

        The mean log price of the last day with an entry, that of the last eight such
        days, and that of all, shape (n,) each; NaN where there is none.
        """
        start, place = self._found(keys, until)
        known = place >= start
        start, place = start[known], place[known]

        def mean_from(first: Integers) -> Floats:
            found = np.full(keys.size, np.nan, dtype=np.float32)
            totals, counts = (
                sums[place + 1] - sums[first] for sums in (self._totals, self._counts)
            )
            found[known] = totals / counts / _MICRO
            return found

        few = np.maximum(start, place - _LAST_FEW + 1)
        return [mean_from(first) for first in (place, few, start)]

    def _found(
        self, keys: NDArray[np.uint64], until: Integers
    ) -> tuple[Integers, Integers]:
        """Return the first entry of each key, and the last one until its day.

        The latter is before the former where there is none.
        """
        if not self._keys.size:
            return np.zeros(keys.size, np.int64), np.full(keys.size, -1)
        code = np.searchsorted(self._keys, keys).clip(max=self._keys.size - 1)
        day = np.where(self._keys[code] == keys, until, _NEVER)
        asked = code * _ALL_DAYS + (day - _NEVER)
        place = np.searchsorted(self._places, asked, side="right") - 1
        return self._starts[code], place

    @cached_property
    def _days(self) -> Integers:
        return self.table["day"].to_numpy(np.int64)

    @cached_property
    def _keys(self) -> NDArray[np.uint64]:
        return self.table["key"].unique().astype(np.uint64)

    @cached_property
    def _starts(self) -> Integers:
        key = self.table["key"].to_numpy(np.uint64)
        return np.searchsorted(key, self._keys).astype(np.int64)

    @cached_property
    def _places(self) -> Integers:
        """Key and day of each entry as one ascending number."""
        sizes = np.diff(np.append(self._starts, len(self.table)))
        codes = np.repeat(np.arange(sizes.size), sizes)
        return codes * _ALL_DAYS + (self._days - _NEVER)

    @cached_property
    def _totals(self) -> Integers:
        return np.append(0, self.table["total"].to_numpy(np.int64).cumsum())

    @cached_property
    def _counts(self) -> Integers:
        return np.append(0, self.table["count"].to_numpy(np.int64).cumsum())


@dataclass(frozen=True)
class FormerFares:
    """What a model knows of former fares.

    Attributes
    ----------
    entries
        By the kind of key, see ``KINDS``.
    longest_gap
        Days that the model was taught to bridge.
    """

    entries: Mapping[str, Entries]
    longest_gap: int

    @classmethod
    def of(cls, rows: FareRows) -> Self | None:
        """Learn from rows with prices; None where they tell of too few days."""
        if QUOTE_DATE not in rows.columns:
            return None
        entries: dict[str, Entries] = {}
        for batch in rows.batches([*_CORE, QUOTE_DATE, "price"]):
            columns = columns_of(batch)
            logs = np.log(columns["price"].astype(np.float64))
            days = _quote_days(columns)
            for kind, keys in _keys(columns).items():
                new = Entries.of(keys, days, logs)
                both = entries[kind].joined(new) if kind in entries else new
                entries[kind] = both.newest(MOST_ENTRIES)
        seen = entries["route"].table["day"] if entries else pd.Series(dtype=np.int64)
        if seen.nunique() < MIN_DAYS:
            return None
        longest = int(seen.max() - seen.min()) // _GAP_SHARE
        return cls(entries, longest_gap=min(LONGEST_GAP, max(1, longest)))

    def known_to(self, rows: Columns) -> Floats:
        """Return what is known when the prices of n rows are asked for.

        A row that does not say when it asks, asks now, and knows all.

        Returns
        -------
        NDArray
            ``FEATURES``, shape (n, features); NaN where nothing is known.
        """
        return self._until(rows, _quote_days(rows))

    def learnable_from(
        self, rows: Columns, hashes: NDArray[np.uint64], seed: int
    ) -> Floats:
        """Return what n rows may learn from: entries of days before their own.

        Parameters
        ----------
        hashes
            The identity of each row, shape (n,): together with the seed it draws the
            gap, so neither other rows nor their order have a say.
        """
        days = _quote_days(rows)
        drawn = mixed(hashes ^ np.uint64(seed)) % np.uint64(self.longest_gap)
        gaps = drawn.astype(np.int64) + 1
        return self._until(rows, np.where(days == _EVER, _NEVER, days - gaps))

    def to_bytes(self) -> bytes:
        """Write all entries; equal ones give equal bytes."""
        tables = [e.table.assign(kind=kind) for kind, e in self.entries.items()]
        return to_parquet(pd.concat(tables))

    @classmethod
    def from_bytes(cls, content: bytes, longest_gap: int) -> Self:
        """Read back what ``to_bytes`` returned."""
        tables = from_parquet(content).groupby("kind", sort=False)
        return cls(
            {
                str(kind): Entries(table.drop(columns="kind").reset_index(drop=True))
                for kind, table in tables
            },
            longest_gap,
        )

    def _until(self, rows: Columns, days: Integers) -> Floats:
        features = [
            values
            for kind, keys in _keys(rows).items()
            for values in self.entries[kind].before(keys, days)
        ]
        return np.column_stack(features)


def airline_route_hashes(rows: FareRows) -> NDArray[np.uint64]:
    """Return what is the same for all fares of an airline on a route, shape (n,)."""
    batches = rows.batches(_CORE)
    return np.concatenate([_keys(columns_of(batch))["airline"] for batch in batches])


def _keys(rows: Columns) -> dict[str, NDArray[np.uint64]]:
    """Return each row's keys, one of every kind; names count in canonical form."""
    start, end, airline = (
        hashed(rows[name], canonical_name)
        for name in ("start_city", "end_city", "airline")
    )
    flight = rows["date"].astype("datetime64[D]").astype(np.int64).view(np.uint64)
    minutes = np.nan_to_num(rows["duration_minutes"].astype(np.float64))
    duration = np.rint(minutes).astype(np.int64).view(np.uint64)
    route = row_hashes([start, end])
    on_route = row_hashes([route, airline])
    trip = row_hashes([on_route, flight, duration])
    return dict(zip(KINDS, (route, on_route, trip), strict=True))


def _quote_days(rows: Columns) -> Integers:
    """Return the day of each quote, counted from 1970-01-01; one not known is last."""
    if QUOTE_DATE not in rows:
        return np.full(len(rows["date"]), _EVER)
    days = rows[QUOTE_DATE].astype("datetime64[D]")
    return np.where(np.isnat(days), _EVER, days.astype(np.int64))
