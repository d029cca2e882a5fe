"""Cells as a file holds them, and how a column of them is parsed.

A column is parsed by its distinct cells: a fare file repeats its days, cities and
airlines thousands of times, and what one cell means never depends on its row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple, Self, TypeGuard, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

Cell = str | int | float | bool | datetime | date | time | timedelta | None
Booleans = NDArray[np.bool_]
T = TypeVar("T")

MAX_CELL_LENGTH = 32_767
"""Excel's own limit, in characters."""

# As Excel writes them; its Portuguese edition exports its own spellings to CSV.
_ERRORS_EN = "#NULL! #DIV/0! #VALUE! #REF! #NAME? #NUM! #N/A #SPILL! #CALC! #FIELD!"
_ERRORS_PT = "#NULO! #VALOR! #NOME? #NÚM! #N/D #DESPEJAR! #CAMPO!"
_ERRORS = frozenset(f"{_ERRORS_EN} {_ERRORS_PT}".split())


# What a column of one type is encoded by much faster than cell by cell.
_ENCODED_BY_ARROW = {str, float, date}


class Fault(NamedTuple):
    """Why a cell cannot be used: a message code."""

    code: str


@dataclass(frozen=True)
class Parsed:
    """A parsed column of n rows, by its k distinct cells.

    ``meanings`` and ``reasons``, shape (k,), are the value of each distinct cell or the
    message code against it; ``places``, shape (n,), are the cells of the rows. Where
    there is a reason, the meaning means nothing.
    """

    meanings: NDArray[Any]
    reasons: NDArray[np.object_]
    places: NDArray[np.intp]

    @property
    def values(self) -> NDArray[Any]:
        """The value of each row, shape (n,)."""
        return self.meanings[self.places]

    @property
    def faults(self) -> NDArray[np.object_]:
        """The message code against each row or None, shape (n,)."""
        return self.reasons[self.places]

    @property
    def faulty(self) -> Booleans:
        """Whether there is a reason against each row, shape (n,)."""
        return given(self.reasons)[self.places]

    def series(self) -> "pd.Series[Any]":
        """Return the n values; text as categories."""
        if self.meanings.dtype == np.object_:
            return pd.Series(categories(self.meanings, self.places))
        return pd.Series(self.values)


@dataclass(frozen=True)
class Column:
    """A column of n cells as its distinct cells and, by row, the place among them."""

    distinct: Sequence[Cell]
    places: NDArray[np.intp]

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> Self:
        """Take the distinct cells; True, 1 and 1.0 are three."""
        types = set(map(type, cells))
        if len(types) == 1 and types <= _ENCODED_BY_ARROW:
            return cls.of_arrow(pa.array(cells))
        known: dict[tuple[type, Cell], int] = {}
        each = [known.setdefault((type(cell), cell), len(known)) for cell in cells]
        return cls([cell for _, cell in known], np.array(each, dtype=np.intp))

    @classmethod
    def of_arrow(cls, cells: pa.Array) -> Self:
        """Take an Arrow array of one type, encoded as a dictionary or not."""
        encoded = cells
        if not pa.types.is_dictionary(cells.type):
            encoded = cells.dictionary_encode(null_encoding="encode")
        places = encoded.indices.to_numpy(zero_copy_only=False)
        return cls(encoded.dictionary.to_pylist(), places.astype(np.intp))

    @classmethod
    def blank(cls, count: int) -> Self:
        """Return a column of n blank cells."""
        return cls([None], np.zeros(count, dtype=np.intp))

    @classmethod
    def joined(cls, columns: "Sequence[Column]") -> Self:
        """Put columns under one another."""
        merged = cls.of([cell for column in columns for cell in column.distinct])
        sizes = [len(column.distinct) for column in columns]
        begins = np.cumsum([0, *sizes[:-1]])
        places = [
            merged.places[begin + column.places]
            for begin, column in zip(begins, columns, strict=True)
        ]
        return cls(merged.distinct, np.concatenate(places))

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, row: int) -> Cell:
        return self.distinct[int(self.places[row])]

    def cells(self) -> list[Cell]:
        """Return the n cells."""
        return [self.distinct[place] for place in self.places.tolist()]

    def rows(self, rows: slice | Booleans | NDArray[np.intp]) -> "Column":
        """Return the column of some rows alone, with the cells that they hold."""
        places = self.places[rows]
        if len(places) == len(self.places):
            return Column(self.distinct, places)
        held = np.zeros(len(self.distinct), dtype=np.bool_)
        held[places] = True
        if held.all():
            return Column(self.distinct, places)
        distinct = [
            cell for cell, is_held in zip(self.distinct, held, strict=True) if is_held
        ]
        return Column(distinct, (np.cumsum(held) - 1)[places])

    @property
    def texts(self) -> list[str]:
        """The distinct texts that are not blank."""
        texts = (cell.strip() for cell in self.distinct if isinstance(cell, str))
        return [text for text in texts if text]

    def where(self, holds: Callable[[Cell], bool]) -> Booleans:
        """Return for each row whether its cell fulfils a condition, shape (n,)."""
        return np.array([holds(cell) for cell in self.distinct], dtype=np.bool_)[
            self.places
        ]

    def parse(
        self,
        missing: str,
        parse_cell: Callable[[Cell], T | Fault],
        *,
        filler: T | None,
        dtype: DTypeLike,
    ) -> Parsed:
        """Parse each distinct cell once.

        Parameters
        ----------
        missing
            The code that blank cells get.
        parse_cell
            Value or fault of a cell that is neither blank, overlong nor an error.
        filler
            Stands for the value where there is a fault.
        """
        outcomes = [_general_fault(c, missing) or parse_cell(c) for c in self.distinct]
        values = [filler if isinstance(o, Fault) else o for o in outcomes]
        faults = [o.code if isinstance(o, Fault) else None for o in outcomes]
        return Parsed(
            np.array(values, dtype=dtype),
            np.array(faults, dtype=np.object_),
            self.places,
        )


def given(reasons: NDArray[np.object_]) -> Booleans:
    """Whether there is a reason in each place, in the shape of the reasons."""
    return np.asarray(pd.notna(reasons), dtype=np.bool_)


def categories(
    texts: Sequence[str | None] | NDArray[np.object_], places: NDArray[np.intp]
) -> pd.Categorical:
    """Return the text of each row, shape (n,), from k texts; None is missing."""
    codes, distinct = pd.factorize(np.array(texts, dtype=np.object_))
    return pd.Categorical.from_codes(codes[places], pd.Index(distinct, dtype="str"))


def is_blank(cell: Cell) -> bool:
    """Whether a cell holds nothing that can be seen."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def is_number(cell: Cell) -> TypeGuard[int | float]:
    """Whether a cell holds a number; TRUE is none."""
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def written(cell: Cell) -> str:
    """Write a cell as text: days and moments in ISO 8601, whole numbers plainly."""
    match cell:
        case None:
            return ""
        case bool():
            return str(cell).upper()
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime() if cell.time() == time():
            return cell.date().isoformat()
        case datetime() | date() | time():
            return cell.isoformat()
        case timedelta():
            hours, minutes = divmod(round(cell.total_seconds() / 60), 60)
            return f"{hours}:{minutes:02}"
        case _:
            return str(cell)


def _general_fault(cell: Cell, missing: str) -> Fault | None:
    if not isinstance(cell, str):
        return Fault(missing) if cell is None else None
    text = cell.strip()
    if not text:
        return Fault(missing)
    if text in _ERRORS:
        return Fault("CELL_ERROR")
    return Fault("CELL_TOO_LONG") if len(cell) > MAX_CELL_LENGTH else None
