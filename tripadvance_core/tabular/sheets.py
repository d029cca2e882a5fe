"""What the readers hand on: sheets as they stand in a file, and the table in one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tripadvance_core.tabular.cells import Cell
from tripadvance_core.tabular.dates import EXCEL_EPOCH

Row = Sequence[Cell]


@dataclass(frozen=True)
class Sheet:
    """One sheet of a file without its blank rows; a CSV file is one sheet.

    ``row_numbers`` are those that a spreadsheet program shows, from 1; in CSV they
    count the records, and blank lines are no records.
    """

    name: str
    row_numbers: list[int]
    rows: list[Row]
    visible: bool = True
    hidden_rows: frozenset[int] = frozenset()
    epoch: date = EXCEL_EPOCH
    # In CSV a field too many means that a value was cut in two.
    surplus_is_fault: bool = False


@dataclass(frozen=True)
class RawTable:
    """A header and the n rows under it, as they stand in the file.

    ``columns`` has one sequence of n cells for each header; ``row_numbers``, shape
    (n,), are the sheet's. A column without a header has the header ``""``.
    """

    headers: tuple[str, ...]
    columns: tuple[Sequence[Cell], ...]
    row_numbers: NDArray[np.int64] = field(repr=False)

    def __len__(self) -> int:
        return len(self.row_numbers)

    def column(self, place: int) -> Sequence[Cell]:
        """Return the cells of one column."""
        return self.columns[place]
