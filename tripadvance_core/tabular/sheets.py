"""What the readers hand on: sheets as they stand in a file, and the table in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import zip_longest
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tripadvance_core.tabular.cells import Cell, Column, is_blank
from tripadvance_core.tabular.dates import EXCEL_EPOCH

Row = Sequence[Cell]

HEAD_ROWS: Final = 50
"""Rows in which the header is looked for; titles and notes may stand above it."""


@dataclass(frozen=True)
class Sheet:
    """One sheet of a file without its blank rows; a CSV file is one sheet.

    ``columns`` are of one length; a row that is shorter than others is filled up with
    None. ``row_numbers``, shape (n,), are those that a spreadsheet program shows, from
    1; in CSV they count the records, and blank lines are no records. ``epoch`` is day 0
    of its serial days. ``is_text`` tells CSV, whose cells are all text. ``currencies``
    has, by the place of a column, how the formats of its cells spell their currency.
    """

    name: str
    columns: Sequence[Column]
    row_numbers: NDArray[np.int64]
    visible: bool = True
    hidden_rows: frozenset[int] = frozenset()
    epoch: date = EXCEL_EPOCH
    is_text: bool = False
    currencies: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.row_numbers)

    def head(self) -> list[list[Cell]]:
        """Return the first rows, cell by cell."""
        count = min(len(self), HEAD_ROWS)
        return [[column[row] for column in self.columns] for row in range(count)]


@dataclass(frozen=True)
class RawTable:
    """A header and the n rows under it, as they stand in the file.

    ``columns`` has one column of n cells for each header; ``row_numbers``, shape (n,),
    are the sheet's; ``sheet_names``, shape (n,), is None where the table stands in one
    sheet. A column without a header has the header ``""``. ``is_text`` tells that
    the file is CSV.
    """

    headers: tuple[str, ...]
    columns: tuple[Column, ...]
    row_numbers: NDArray[np.int64]
    is_text: bool
    sheet_names: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.row_numbers)


def columns_of(rows: Sequence[Row]) -> list[Column]:
    """Return the columns of rows, short ones filled up with None."""
    return [Column.of(cells) for cells in zip_longest(*rows)]


def filled_rows(columns: Sequence[Column]) -> NDArray[np.intp]:
    """Return the places of the rows that are not blank."""
    filled = np.zeros(len(columns[0]) if columns else 0, dtype=np.bool_)
    for column in columns:
        if filled.all():
            break
        filled |= ~column.where(is_blank)
    return np.flatnonzero(filled)
