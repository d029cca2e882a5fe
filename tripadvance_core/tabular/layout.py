"""Where the fares stand in a file: which sheet, which header row, which rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Cell, is_blank, written
from tripadvance_core.tabular.columns import (
    CORE,
    Header,
    find_header,
    known_columns,
    missing_columns,
    place_columns,
)
from tripadvance_core.tabular.sheets import RawTable, Sheet
from tripadvance_core.tabular.texts import fold


@dataclass(frozen=True)
class Layout:
    """The sheet of the fares, its header, and the place of each canonical column."""

    sheet: Sheet
    header: Header
    places: dict[str, int]

    @property
    def further(self) -> list[int]:
        """The places of the named columns beyond the six."""
        core = {self.places.get(name) for name in CORE}
        named = (place for place, text in enumerate(self.header.texts) if text)
        return [place for place in named if place not in core]

    def table(self) -> RawTable:
        """Return the rows under the header, short ones filled up with blanks."""
        header = [written(cell) for cell in self.sheet.rows[self.header.place]]
        rows = self.sheet.rows[self.header.place + 1 :]
        columns: list[Sequence[Cell]] = list(zip_longest(*rows))
        width = max(len(header), len(columns))
        blank: Sequence[Cell] = [None] * len(rows)
        return RawTable(
            tuple(header + [""] * (width - len(header))),
            tuple(columns + [blank] * (width - len(columns))),
            np.array(self.sheet.row_numbers[self.header.place + 1 :], dtype=np.int64),
            self.sheet.is_text,
        )

    def has_unnamed(self, table: RawTable) -> bool:
        """Whether a column without a header holds anything."""
        columns = zip(table.headers, table.columns, strict=True)
        return any(
            not all(map(is_blank, cells))
            for header, cells in columns
            if is_blank(header)
        )


def find_layout(
    sheets: Sequence[Sheet], mapping: ColumnMapping, *, price_required: bool
) -> Layout:
    """Find the one sheet that has every compulsory column.

    Raises
    ------
    FileRefused
        ``SHEET_NOT_FOUND``, ``SHEET_AMBIGUOUS``, ``MISSING_COLUMN``, or what
        ``columns.place_columns`` raises.
    """
    headed = [
        (sheet, find_header(sheet.rows, mapping))
        for sheet in _eligible(sheets, mapping.sheet)
    ]
    complete = [
        (sheet, header)
        for sheet, header in headed
        if not missing_columns(
            known_columns(header, mapping), mapping, price_required=price_required
        )
    ]
    if len(complete) > 1:
        raise FileRefused(
            "SHEET_AMBIGUOUS", sheets=", ".join(sheet.name for sheet, _ in complete)
        )
    sheet, header = (
        complete[0]
        if complete
        else max(headed, key=lambda pair: len(known_columns(pair[1], mapping)))
    )
    places = place_columns(header, mapping)
    missing = missing_columns(places, mapping, price_required=price_required)
    if missing:
        raise FileRefused("MISSING_COLUMN", columns=", ".join(missing))
    return Layout(sheet, header, places)


def _eligible(sheets: Sequence[Sheet], name: str | None) -> list[Sheet]:
    if name is None:
        visible = [sheet for sheet in sheets if sheet.visible]
        if not visible:
            raise FileRefused("EMPTY")
        return visible
    named = [sheet for sheet in sheets if fold(sheet.name) == fold(name)]
    if not named:
        found = ", ".join(sheet.name for sheet in sheets if sheet.name)
        raise FileRefused("SHEET_NOT_FOUND", sheet=name, sheets=found or "–")
    return named
