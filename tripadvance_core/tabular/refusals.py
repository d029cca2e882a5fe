"""The refused rows of a file with the reason against each, to be mended and handed in."""

from collections.abc import Sequence

import numpy as np

from tripadvance_core.messages import Language, sentence
from tripadvance_core.tabular.cells import Cell
from tripadvance_core.tabular.columns import unique_names
from tripadvance_core.tabular.intake import FareTable
from tripadvance_core.tabular.writing import write_xlsx


def write_refusals(table: FareTable, language: Language) -> bytes:
    """Return a workbook of the refused rows: their own columns, row, column, reason.

    Text that looks like a formula stays text.
    """
    original, refused = table.original, table.refused
    rows = np.flatnonzero(~table.kept)
    own: list[Sequence[Cell]] = [
        column.rows(rows).cells() for column in original.columns
    ]
    added: dict[str, Sequence[Cell]] = {
        "REPORT_ROW": [row.row for row in refused],
        "REPORT_COLUMN": [row.column for row in refused],
        "REPORT_REASON": [row.sentence(language) for row in refused],
    }
    if original.sheet_names is not None:
        added = {"REPORT_SHEET": [row.sheet for row in refused]} | added
    titles = (sentence(code, language) for code in added)
    headers = (*original.headers, *unique_names(titles, original.headers))
    return write_xlsx(headers, [*own, *added.values()])
