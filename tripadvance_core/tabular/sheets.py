"""What the readers hand on: sheets as they stand in a file, and the table in one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from tripadvance_core.tabular.cells import Cell
from tripadvance_core.tabular.dates import EXCEL_EPOCH

Row = Sequence[Cell]


@dataclass(frozen=True)
class Sheet:
    """One sheet of a file without its blank rows; a CSV file is one sheet.

    ``row_numbers`` are those that a spreadsheet program shows, from 1; in CSV they
    count the records, and blank lines are no records. ``epoch`` is day 0 of its serial
    days. ``is_text`` tells CSV, whose cells are all text.
    """

    name: str
    row_numbers: list[int]
    rows: list[Row]
    visible: bool = True
    hidden_rows: frozenset[int] = frozenset()
    epoch: date = EXCEL_EPOCH
    is_text: bool = False


@dataclass(frozen=True)
class RawTable:
    """A header and the n rows under it, as they stand in the file.

    ``columns`` has one sequence of n cells for each header; ``row_numbers``, shape
    (n,), are the sheet's. A column without a header has the header ``""``.
    ``is_text`` is the sheet's.
    """

    headers: tuple[str, ...]
    columns: tuple[Sequence[Cell], ...]
    row_numbers: NDArray[np.int64]
    is_text: bool

    def __len__(self) -> int:
        return len(self.row_numbers)
