"""The one way in: a fare spreadsheet becomes a table of fares, or is refused.

Rows that can be used are kept, every other row is named with its reason, and what a
careful colleague would mention is noted. Nothing is guessed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Column, Parsed
from tripadvance_core.tabular.columns import CORE, unique_names
from tripadvance_core.tabular.dates import FIRST_YEAR, LAST_YEAR
from tripadvance_core.tabular.durations import MAX_MINUTES
from tripadvance_core.tabular.further import typed
from tripadvance_core.tabular.joining import RESERVED, ROW_HASH, SHEET_ROW
from tripadvance_core.tabular.layout import Layout, find_layout
from tripadvance_core.tabular.names import MAX_LENGTH, REPLACEMENT
from tripadvance_core.tabular.notes import Note, RefusedRow
from tripadvance_core.tabular.places import AIRPORTS
from tripadvance_core.tabular.prices import max_price
from tripadvance_core.tabular.reading import read_sheets
from tripadvance_core.tabular.rows import Verdicts, judge, parse_core
from tripadvance_core.tabular.sheets import RawTable, Sheet

__all__ = ["FareTable", "Note", "RefusedRow", "read_fares"]

_FRAME_NAMES: Final = {"duration": "duration_minutes"}
# Names that further columns may not take; some are added to kept rows later.
_RESERVED: Final = (
    *CORE,
    *_FRAME_NAMES.values(),
    *AIRPORTS.values(),
    SHEET_ROW,
    ROW_HASH,
    RESERVED,
)

# Half of the flights of a file that counts in minutes last longer than this.
_USUAL_MINUTES: Final = 30


@dataclass(frozen=True)
class FareTable:
    """What was read from a file.

    ``rows`` has one line for each kept row: ``sheet_row`` (int64), ``date``
    (datetime64[s], midnight), ``start_city``, ``end_city`` and ``airline`` (str, as
    the file spells them), ``duration_minutes`` and ``price`` (float64, the latter in
    the base currency and absent where it was not asked for), then every further named
    column under its own header (float64 or str; blank cells are missing).
    """

    rows: pd.DataFrame
    refused: tuple[RefusedRow, ...]
    warnings: tuple[Note, ...]
    original: RawTable

    @property
    def rows_total(self) -> int:
        """Rows under the header that are not blank."""
        return len(self.rows) + len(self.refused)


def read_fares(
    content: bytes,
    file_name: str,
    mapping: ColumnMapping,
    base_currency: str,
    *,
    price_required: bool = True,
) -> FareTable:
    """Read the fares of an .xlsx or .csv file.

    A file without a date column that counts the days to departure (``lead_days``) is
    dated from the mapping's ``quote_date``.

    Parameters
    ----------
    file_name
        Only its extension matters.
    base_currency
        ISO 4217 code; a file in another currency is refused.
    price_required
        False to read the trips of a file whose prices are to be predicted: its price
        column, if there is one, is not looked at.

    Raises
    ------
    FileRefused
        When nothing of the file can be used, or a whole column cannot be understood.
    SettingRefused
        ``COLUMN_UNKNOWN`` where the mapping names no column.
    """
    sheets = read_sheets(content, file_name)
    layout = find_layout(sheets, mapping, price_required=price_required)
    table = layout.table()
    columns = {name: Column.of(table.columns[p]) for name, p in layout.places.items()}
    parsed = parse_core(
        layout, columns, mapping, base_currency, with_price=price_required
    )
    verdicts = judge(layout, table, columns, parsed)
    refused = tuple(_refused_rows(table, verdicts, base_currency))
    if not verdicts.kept.any():
        raise _no_valid_rows(refused)
    rows = _frame(layout, table, parsed)[verdicts.kept].reset_index(drop=True)
    notes = (
        *_notes_on_file(sheets, layout, table),
        *_notes_on_rows(rows),
    )
    return FareTable(rows, refused, notes, table)


def _frame(layout: Layout, table: RawTable, parsed: dict[str, Parsed]) -> pd.DataFrame:
    core: dict[str, Any] = {SHEET_ROW: table.row_numbers}
    for name, (values, _) in parsed.items():
        dtype = "str" if values.dtype == np.object_ else None
        core[_FRAME_NAMES.get(name, name)] = pd.Series(values, dtype=dtype)
    headers = [layout.header.texts[place] for place in layout.further]
    further = {
        name: typed(Column.of(table.columns[place]))
        for name, place in zip(
            unique_names(headers, _RESERVED), layout.further, strict=True
        )
    }
    return pd.DataFrame(core | further)


def _refused_rows(
    table: RawTable, verdicts: Verdicts, base_currency: str
) -> Iterator[RefusedRow]:
    limits = {
        "first_year": FIRST_YEAR,
        "last_year": LAST_YEAR,
        "max_length": MAX_LENGTH,
        "max_minutes": MAX_MINUTES,
        "max_price": max_price(base_currency),
        "currency": base_currency,
    }
    for place in np.flatnonzero(~verdicts.kept):
        yield RefusedRow(
            int(table.row_numbers[place]),
            verdicts.columns[place],
            verdicts.codes[place],
            limits,
        )


def _no_valid_rows(refused: tuple[RefusedRow, ...]) -> FileRefused:
    reasons = Counter(row.code for row in refused).most_common(1)
    return FileRefused(
        "NO_VALID_ROWS",
        rows=len(refused),
        reason=reasons[0][0] if reasons else "EMPTY",
    )


def _notes_on_file(
    sheets: list[Sheet], layout: Layout, table: RawTable
) -> Iterator[Note]:
    hidden_sheets = sum(
        not sheet.visible for sheet in sheets if sheet is not layout.sheet
    )
    if hidden_sheets:
        yield Note("hidden_sheets", hidden_sheets)
    hidden_rows = layout.sheet.hidden_rows.intersection(table.row_numbers.tolist())
    if hidden_rows:
        yield Note("hidden_rows", len(hidden_rows))
    if layout.has_unnamed(table):
        yield Note("unnamed_column")


def _notes_on_rows(rows: pd.DataFrame) -> Iterator[Note]:
    names = pd.concat([rows[name] for name in ("start_city", "end_city", "airline")])
    if any(REPLACEMENT in name for name in names.unique()):
        yield Note("replacement_characters")
    duplicates = int(rows.drop(columns=SHEET_ROW).duplicated().sum())
    if duplicates:
        yield Note("duplicate_rows", duplicates)
    if rows["duration_minutes"].median() < _USUAL_MINUTES:
        yield Note("durations_maybe_hours")
