"""The refused rows of a file with the reason against each, to be mended and handed in."""

from collections.abc import Sequence

import numpy as np

from tripadvance_core.messages import Language, sentence
from tripadvance_core.tabular.cells import Cell
from tripadvance_core.tabular.columns import unique_names
from tripadvance_core.tabular.intake import FareTable
from tripadvance_core.tabular.writing import write_xlsx

_ADDED = ("REPORT_ROW", "REPORT_COLUMN", "REPORT_REASON")


def write_refusals(table: FareTable, language: Language) -> bytes:
    """Return a workbook of the refused rows: their own columns, row, column, reason.

    Text that looks like a formula stays text.
    """
    original, refused = table.original, table.refused
    rows = np.array([row.row for row in refused], dtype=np.int64)
    places = np.searchsorted(original.row_numbers, rows)
    own: list[Sequence[Cell]] = [
        [column[place] for place in places] for column in original.columns
    ]
    added: list[Sequence[Cell]] = [
        [row.row for row in refused],
        [row.column for row in refused],
        [row.sentence(language) for row in refused],
    ]
    titles = (sentence(code, language) for code in _ADDED)
    headers = (*original.headers, *unique_names(titles, original.headers))
    return write_xlsx(headers, [*own, *added])
