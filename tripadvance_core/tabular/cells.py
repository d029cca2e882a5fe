"""Cells as a file holds them, and how a column of them is parsed.

A column is parsed by its distinct cells: a fare file repeats its days, cities and
airlines thousands of times, and what one cell means never depends on its row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple, Self, TypeGuard, TypeVar

import numpy as np
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


class Parsed(NamedTuple):
    """A parsed column of n rows.

    ``values`` and ``faults`` have shape (n,). Where ``faults`` holds a message code
    instead of None, the value means nothing.
    """

    values: NDArray[Any]
    faults: NDArray[np.object_]


@dataclass(frozen=True)
class Column:
    """A column of n cells as its distinct cells and, by row, the place among them."""

    distinct: list[Cell]
    places: NDArray[np.int64]

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> Self:
        """Take the distinct cells; True, 1 and 1.0 are three."""
        types = set(map(type, cells))
        if len(types) == 1 and types <= _ENCODED_BY_ARROW:
            encoded = pa.array(cells).dictionary_encode()
            places = encoded.indices.to_numpy().astype(np.int64)
            return cls(encoded.dictionary.to_pylist(), places)
        known: dict[tuple[type, Cell], int] = {}
        each = [known.setdefault((type(cell), cell), len(known)) for cell in cells]
        return cls([cell for _, cell in known], np.array(each, dtype=np.int64))

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
            Stands in ``values`` where there is a fault.
        """
        outcomes = [_general_fault(c, missing) or parse_cell(c) for c in self.distinct]
        values = [filler if isinstance(o, Fault) else o for o in outcomes]
        faults = [o.code if isinstance(o, Fault) else None for o in outcomes]
        return Parsed(
            np.array(values, dtype=dtype)[self.places],
            np.array(faults, dtype=np.object_)[self.places],
        )


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


def _is_error(cell: Cell) -> bool:
    return isinstance(cell, str) and cell.strip() in _ERRORS


def _general_fault(cell: Cell, missing: str) -> Fault | None:
    if is_blank(cell):
        return Fault(missing)
    if _is_error(cell):
        return Fault("CELL_ERROR")
    if isinstance(cell, str) and len(cell) > MAX_CELL_LENGTH:
        return Fault("CELL_TOO_LONG")
    return None
