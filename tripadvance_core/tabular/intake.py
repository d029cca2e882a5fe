"""The one way in: a fare spreadsheet becomes a table of fares, or is refused.

Rows that can be used are kept, every other row is named with its reason, and what a
careful colleague would mention is noted. Nothing is guessed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Booleans
from tripadvance_core.tabular.columns import CORE, QUOTE_DATE, SEATS, unique_names
from tripadvance_core.tabular.dates import FIRST_YEAR, LAST_YEAR
from tripadvance_core.tabular.durations import MAX_MINUTES, USUAL_MINUTES
from tripadvance_core.tabular.further import typed
from tripadvance_core.tabular.joining import RESERVED, ROW_HASH, SHEET_ROW
from tripadvance_core.tabular.layout import Layout, find_layout
from tripadvance_core.tabular.names import MAX_LENGTH, REPLACEMENT
from tripadvance_core.tabular.notes import Note, RefusedRow
from tripadvance_core.tabular.places import AIRPORTS
from tripadvance_core.tabular.prices import max_price
from tripadvance_core.tabular.reading import read_sheets
from tripadvance_core.tabular.rows import ParsedRows, RowParser, Verdicts, judge
from tripadvance_core.tabular.sheets import RawTable, Sheet

__all__ = ["FareTable", "Note", "RefusedRow", "read_fares"]

_FRAME_NAMES: Final = {"duration": "duration_minutes"}
# Names that further columns may not take; some are added to kept rows later.
_RESERVED: Final = (
    *CORE,
    *_FRAME_NAMES.values(),
    *AIRPORTS.values(),
    QUOTE_DATE,
    SEATS,
    SHEET_ROW,
    ROW_HASH,
    RESERVED,
)


@dataclass(frozen=True)
class FareTable:
    """What was read from a file.

    ``rows`` has one line for each kept row: ``sheet_row`` (int64), ``date``
    (datetime64[s], midnight), ``start_city``, ``end_city`` and ``airline`` (str, as the
    file spells them), ``duration_minutes`` (float64, missing where files
    of this kind lack it), ``price`` (float64 in the base currency, absent where it was
    not asked for), where the file tells them ``quote_date`` (datetime64[s], may be
    missing) and ``seats`` (float64), then every further named column under its own
    header, as ``further.typed`` has it. ``coded`` is the same, its text as categories:
    ten times faster to work on.

    ``kept``, shape (n,), tells which of the n rows of ``original`` these are.
    """

    coded: pd.DataFrame
    kept: Booleans
    refused: tuple[RefusedRow, ...]
    warnings: tuple[Note, ...]
    original: RawTable

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The kept rows, text as str."""
        texts = self.coded.select_dtypes("category").columns
        return self.coded.astype(dict.fromkeys(texts, "str"))

    @property
    def rows_total(self) -> int:
        """Rows under the header that are not blank."""
        return len(self.original)


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
    dated from the day on which its prices were seen.

    Parameters
    ----------
    file_name
        Only its extension matters.
    base_currency
        ISO 4217 code; other currencies are refused unless the mapping has their rate.
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
    parser = RowParser(layout, table, base_currency)
    parsed = parser.parse(with_price=price_required)
    verdicts = judge(layout, table, parsed)
    refused = tuple(_refused_rows(table, verdicts, base_currency))
    if not verdicts.kept.any():
        raise _no_valid_rows(refused)
    rows = _frame(layout, table, parsed)
    if refused:
        rows = rows[verdicts.kept].reset_index(drop=True)
    notes = (
        *_notes_on_file(sheets, layout, table, parsed),
        *_notes_on_rows(rows),
    )
    return FareTable(rows, verdicts.kept, refused, notes, table)


def _frame(layout: Layout, table: RawTable, parsed: ParsedRows) -> pd.DataFrame:
    frame: dict[str, Any] = {SHEET_ROW: table.row_numbers}
    for name in CORE:
        if name in parsed.core:
            frame[_FRAME_NAMES.get(name, name)] = parsed.core[name].series()
        elif name == "duration":
            frame[_FRAME_NAMES[name]] = np.nan
    frame["date"] = frame["date"].astype("datetime64[s]")
    if parsed.quoted is not None:
        frame[QUOTE_DATE] = parsed.quoted.astype("datetime64[s]")
    if parsed.seats is not None:
        frame[SEATS] = parsed.seats.series()
    headers = [layout.header.texts[place] for place in layout.further]
    names = unique_names(headers, _RESERVED)
    for name, place in zip(names, layout.further, strict=True):
        column = table.columns[place]
        frame[name] = typed(column, parsed.day_order, layout.mapping.decimal_mark)
    return pd.DataFrame(frame)


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
            table.sheet_names[place] if table.sheet_names is not None else None,
        )


def _no_valid_rows(refused: tuple[RefusedRow, ...]) -> FileRefused:
    reasons = Counter(row.code for row in refused).most_common(1)
    return FileRefused(
        "NO_VALID_ROWS",
        rows=len(refused),
        reason=reasons[0][0] if reasons else "EMPTY",
    )


def _notes_on_file(
    sheets: list[Sheet], layout: Layout, table: RawTable, parsed: ParsedRows
) -> Iterator[Note]:
    read = {id(part.sheet) for part in layout.parts}
    unread = [sheet for sheet in sheets if id(sheet) not in read]
    hidden_sheets = sum(not sheet.visible for sheet in unread)
    if hidden_sheets:
        yield Note("hidden_sheets", hidden_sheets)
    if len(unread) > hidden_sheets and layout.mapping.sheet is None:
        yield Note("other_sheets", len(unread) - hidden_sheets)
    if len(read) > 1:
        yield Note("sheets_joined", len(read))
    hidden_rows = sum(part.hidden_rows for part in layout.parts)
    if hidden_rows:
        yield Note("hidden_rows", hidden_rows)
    if layout.has_unnamed(table):
        yield Note("unnamed_column")
    if parsed.months_only:
        yield Note("months_only")


def _notes_on_rows(rows: pd.DataFrame) -> Iterator[Note]:
    names = ("start_city", "end_city", "airline")
    spelled = {name for column in names for name in rows[column].unique()}
    if any(REPLACEMENT in name for name in spelled):
        yield Note("replacement_characters")
    fingerprints = pd.util.hash_pandas_object(
        rows.drop(columns=SHEET_ROW), index=False, categorize=False
    )
    duplicates = int(fingerprints.duplicated().sum())
    if duplicates:
        yield Note("duplicate_rows", duplicates)
    if rows["duration_minutes"].median() < USUAL_MINUTES:
        yield Note("durations_maybe_hours")
    if QUOTE_DATE in rows and (unknown := int(rows[QUOTE_DATE].isna().sum())):
        yield Note("quote_dates_unknown", unknown)
