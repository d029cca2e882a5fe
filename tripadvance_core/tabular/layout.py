"""Where the fares stand in a file: which sheets, which header row, which rows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Column, is_blank, written
from tripadvance_core.tabular.columns import (
    CORE,
    OPTIONAL,
    Header,
    find_header,
    known_columns,
    missing_columns,
    place_columns,
)
from tripadvance_core.tabular.presets import Preset, presets
from tripadvance_core.tabular.sheets import RawTable, Sheet
from tripadvance_core.tabular.texts import fold


@dataclass(frozen=True)
class Headed:
    """A sheet with its header and how that is to be read."""

    sheet: Sheet
    header: Header
    mapping: ColumnMapping
    preset: Preset | None = None

    @property
    def known(self) -> set[str]:
        """The canonical columns that the header names."""
        return known_columns(self.header, self.mapping)

    def missing(self, found: Iterable[str], *, price_required: bool) -> list[str]:
        """Return the compulsory columns that are not among those found."""
        return missing_columns(
            found,
            self.mapping,
            price_required=price_required,
            may_lack=self.preset.may_lack if self.preset else (),
        )

    @property
    def row_numbers(self) -> NDArray[np.int64]:
        """The numbers of the rows under the header."""
        return self.sheet.row_numbers[self.header.place + 1 :]

    @property
    def hidden_rows(self) -> int:
        """How many of them are hidden."""
        return int(np.isin(self.row_numbers, [*self.sheet.hidden_rows]).sum())

    def labels(self) -> list[tuple[str, int]]:
        """Return for each column its folded header, and which one of that name it is."""
        seen: Counter[str] = Counter()
        labels = []
        for place in range(len(self.sheet.columns)):
            texts = self.header.texts
            name = fold(texts[place]) if place < len(texts) else ""
            labels.append((name, seen[name]))
            seen[name] += 1
        return labels


@dataclass(frozen=True)
class Layout:
    """The sheets of the fares, one header, and the place of each canonical column."""

    parts: tuple[Headed, ...]
    places: Mapping[str, int]

    @property
    def header(self) -> Header:
        """The header; those of further sheets say the same."""
        return self.parts[0].header

    @property
    def sheet(self) -> Sheet:
        """The first sheet."""
        return self.parts[0].sheet

    @property
    def mapping(self) -> ColumnMapping:
        """How the header is to be read."""
        return self.parts[0].mapping

    @property
    def preset(self) -> Preset | None:
        """The kind of the file, where it is a known one."""
        return self.parts[0].preset

    @property
    def further(self) -> list[int]:
        """The places of the named columns that are none of ours."""
        ours = {self.places.get(name) for name in (*CORE, *OPTIONAL)}
        named = (place for place, text in enumerate(self.header.texts) if text)
        return [place for place in named if place not in ours]

    def currencies(self, place: int) -> frozenset[str]:
        """Return how the formats of a column's cells spell their currency."""
        label = self.parts[0].labels()[place]
        return frozenset().union(
            *(
                part.sheet.currencies.get(part.labels().index(label), frozenset())
                for part in self.parts
            )
        )

    def table(self) -> RawTable:
        """Return the rows under the header, those of all sheets under one another."""
        names = [part.sheet.name for part in self.parts]
        bodies = [_body(part) for part in self.parts]
        numbers = [part.row_numbers for part in self.parts]
        labels = list(dict.fromkeys(label for body in bodies for label in body))
        columns = tuple(_joined(bodies, label, numbers) for label in labels)
        header = [written(cell) for cell in self.sheet.head()[self.header.place]]
        return RawTable(
            headers=tuple(header + [""] * (len(columns) - len(header))),
            columns=columns,
            row_numbers=np.concatenate(numbers),
            is_text=self.sheet.is_text,
            sheet_names=(
                np.repeat(np.array(names, dtype=np.object_), list(map(len, numbers)))
                if len(names) > 1
                else None
            ),
        )

    def has_unnamed(self, table: RawTable) -> bool:
        """Whether a column without a header holds anything."""
        columns = zip(table.headers, table.columns, strict=True)
        return any(
            not all(map(is_blank, column.distinct))
            for header, column in columns
            if is_blank(header)
        )


_Body = Mapping[tuple[str, int], Column]


def _body(part: Headed) -> _Body:
    below = slice(part.header.place + 1, None)
    columns = (column.rows(below) for column in part.sheet.columns)
    return dict(zip(part.labels(), columns, strict=True))


def _joined(
    bodies: Sequence[_Body],
    label: tuple[str, int],
    numbers: Sequence[NDArray[np.int64]],
) -> Column:
    columns = [
        body.get(label, Column.blank(len(rows)))
        for body, rows in zip(bodies, numbers, strict=True)
    ]
    return columns[0] if len(columns) == 1 else Column.joined(columns)


def find_layout(
    sheets: Sequence[Sheet], mapping: ColumnMapping, *, price_required: bool
) -> Layout:
    """Find the sheets that have every compulsory column.

    Several are read as one table if their headers say the same.

    Raises
    ------
    FileRefused
        ``SHEET_NOT_FOUND``, ``SHEET_AMBIGUOUS``, ``MISSING_COLUMN``, or what
        ``columns.place_columns`` raises.
    """
    headed = headed_sheets(sheets, mapping)
    complete = [
        part
        for part in headed
        if not part.missing(part.known, price_required=price_required)
    ]
    if len({frozenset(_named(part)) for part in complete}) > 1:
        raise FileRefused(
            "SHEET_AMBIGUOUS", sheets=", ".join(part.sheet.name for part in complete)
        )
    parts = complete or [max(headed, key=lambda part: len(part.known))]
    first = parts[0]
    places = place_columns(first.header, first.mapping)
    if missing := first.missing(places, price_required=price_required):
        raise FileRefused("MISSING_COLUMN", columns=", ".join(missing))
    return Layout(tuple(parts), places)


def headed_sheets(sheets: Sequence[Sheet], mapping: ColumnMapping) -> list[Headed]:
    """Return the sheets that may hold fares, each with its most likely header.

    Raises
    ------
    FileRefused
        ``SHEET_NOT_FOUND``, or ``EMPTY`` where all of them are hidden.
    """
    return [_headed(sheet, mapping) for sheet in _eligible(sheets, mapping.sheet)]


def _named(part: Headed) -> Iterator[tuple[str, int]]:
    return (label for label in part.labels() if label[0])


def _headed(sheet: Sheet, mapping: ColumnMapping) -> Headed:
    head = sheet.head()
    for preset in presets():
        for place, row in enumerate(head):
            texts = [written(cell) for cell in row]
            known = preset.mapping(texts, mapping)
            if known is not None:
                return Headed(sheet, Header.of(place, row), known, preset)
    return Headed(sheet, find_header(head, mapping), mapping)


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
