"""What a workbook must be before any parser sees it.

A parser believes what a file says of itself: a claimed count is allocated, a cell far
away makes a dense table up to it, an entity is expanded. Here every part is unpacked as
a stream, once, and only looked at as bytes.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Booleans

_Letters = NDArray[np.uint8]

_MEGABYTE: Final = 1024 * 1024
# So small that the arrays over it take memory that was just given back: four times
# faster than fresh pages.
_CHUNK: Final = 96 * 1024
# Longer than any tag whose parts have to be seen together.
_OVERLAP: Final = 4096

MAX_ENTRIES: Final = 5_000
MAX_UNPACKED_BYTES: Final = 2048 * _MEGABYTE
MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 16_384
MAX_CELLS_OF_RANGE: Final = 40_000_000
"""Cells of the rectangle around all cells, which the reader allocates."""

MAX_FORMATS: Final = 4 * 65_490
"""Cell formats; Excel's own limit is a quarter of it."""

_RATIO_FROM_BYTES: Final = 16 * _MEGABYTE
# Sheets of repeated rows shrink up to some 60 times; bombs a thousand times.
_MAX_RATIO: Final = 250

_MACROS: Final = "vbaproject.bin"
_DTD = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ILLEGAL = bytes(set(range(32)) - set(b"\t\n\r"))
_REFERENCE = re.compile(rb"<(?:\w+:)?c\b[^>]*?\br\s*=\s*[\"']([A-Z]+)([0-9]+)")
_ROW = re.compile(rb"<(?:\w+:)?row\b[^>]*?\br\s*=\s*[\"']([0-9]+)")
_CELL_IN_ERROR = re.compile(rb"<(?:\w+:)?c\b(?=[^>]*?\bt\s*=\s*(?:\"e\"|'e'))[^>]*>")
_HIDDEN_ROW = re.compile(
    rb"<(?:\w+:)?row\b(?=[^>]*?\bhidden\s*=\s*[\"'](?:1|true))"
    rb"[^>]*?\br\s*=\s*[\"']([0-9]+)"
)
_CLAIMED = re.compile(rb"\b(?:uniqueC|c)ount\s*=\s*[\"']([0-9]+)[\"']")
_FORMATS = re.compile(rb"<(?:\w+:)?xf\b")


@dataclass(frozen=True)
class SheetFacts:
    """What the parser does not tell of a sheet; rows and columns count from 1.

    ``first_row`` and ``last_row`` are the numbers that the first and the last row of
    the part bear, None where it bears none.
    """

    hidden_rows: frozenset[int] = frozenset()
    error_cells: tuple[tuple[int, int], ...] = ()
    first_row: int | None = None
    last_row: int | None = None


def check_workbook(archive: zipfile.ZipFile) -> dict[str, SheetFacts]:
    """Refuse a workbook that is damaged, dangerous, or not one at all.

    Returns
    -------
    dict
        Name of a sheet's part → its facts.

    Raises
    ------
    FileRefused
        ``MACRO``, ``NOT_XLSX``, ``ENCRYPTED``, ``XML_DTD``, ``SHEET_TOO_LARGE`` or
        ``CORRUPT``.
    """
    entries = archive.infolist()
    _check_names(entries)
    _check_sizes(entries)
    facts: dict[str, SheetFacts] = {}
    for entry in entries:
        if entry.filename.lower().endswith((".xml", ".rels", ".vml")):
            facts[entry.filename] = _check_xml(archive, entry)
        else:
            for _ in _chunks(archive, entry):
                pass
    return facts


def _check_names(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename.lower().replace("\\", "/") for entry in entries]
    if any(name.endswith(_MACROS) for name in names):
        raise FileRefused("MACRO")
    if not any(name.startswith("xl/") and name.endswith(".xml") for name in names):
        raise FileRefused("NOT_XLSX")
    # Two parts of one name: two readers would read two different files.
    if len(names) > MAX_ENTRIES or len(set(names)) < len(names):
        raise FileRefused("CORRUPT")
    if any(name.startswith("/") or ".." in name.split("/") for name in names):
        raise FileRefused("CORRUPT")
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise FileRefused("ENCRYPTED")


def _check_sizes(entries: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if unpacked > MAX_UNPACKED_BYTES:
        raise FileRefused("SHEET_TOO_LARGE")
    if unpacked > _RATIO_FROM_BYTES and unpacked > _MAX_RATIO * max(packed, 1):
        raise FileRefused("SHEET_TOO_LARGE")


def _chunks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Unpack one part piece by piece; its checksum is proven at its end."""
    size = 0
    try:
        with archive.open(entry) as part:
            while chunk := part.read(_CHUNK):
                size += len(chunk)
                if size > entry.file_size:
                    raise FileRefused("CORRUPT")
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise FileRefused("CORRUPT") from error


def _check_xml(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> SheetFacts:
    look = _Looks(entry.filename.lower(), entry.file_size)
    for piece, known in _pieces(archive, entry):
        look.at(piece, known)
    if look.is_wide:
        for piece, _ in _pieces(archive, entry):
            look.measure_rows(piece)
    return look.at_the_end()


def _pieces(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo
) -> Iterator[tuple[bytes, int]]:
    """Unpack one part into pieces, each with the end of the one before.

    With each piece comes the number of its bytes that were seen before.
    """
    rest = b""
    for chunk in _chunks(archive, entry):
        yield rest + chunk, len(rest)
        rest = chunk[-_OVERLAP:]


class _Looks:
    """Looks at the pieces of one XML part, and remembers what adds up."""

    def __init__(self, name: str, size: int) -> None:
        self._size = size
        self._first = True
        self._is_sheet = name.startswith("xl/worksheets/")
        self._is_strings = name.endswith("sharedstrings.xml")
        self._is_styles = name.endswith("styles.xml")
        self._formats = 0
        self._farthest = (1, 1)
        self._first_row: int | None = None
        self._last_row: int | None = None
        self._hidden_rows: set[int] = set()
        self._error_cells: set[tuple[int, int]] = set()

    @property
    def is_wide(self) -> bool:
        """Whether a column has two letters or more: then the rows count, too."""
        return self._farthest[1] > 26

    def at(self, piece: bytes, known: int) -> None:
        """Look at a piece; its first ``known`` bytes were seen before."""
        letters = np.frombuffer(piece, dtype=np.uint8)
        if self._first:
            self._look_at_beginning(piece)
        if (letters == ord("!")).any() and _DTD.search(piece):
            raise FileRefused("XML_DTD")
        new = piece[known:]
        if (letters < 32).any() and len(new) != len(new.translate(None, _ILLEGAL)):
            raise FileRefused("CORRUPT")
        if self._is_sheet:
            self._look_at_rows(piece)
            self._look_at_references(piece, letters)
        if self._is_styles:
            self._formats += len(_FORMATS.findall(new))

    def measure_rows(self, piece: bytes) -> None:
        """Find the farthest row of a piece, in whatever order its rows stand."""
        for number in _ROW.findall(piece):
            self._reach(int(number), 1)

    def at_the_end(self) -> SheetFacts:
        """Judge what has added up over the part, and return what is worth knowing."""
        if self._formats > MAX_FORMATS:
            raise FileRefused("CORRUPT")
        rows, columns = self._farthest
        if rows * columns > MAX_CELLS_OF_RANGE:
            raise FileRefused("SHEET_TOO_LARGE")
        return SheetFacts(
            frozenset(self._hidden_rows),
            tuple(sorted(self._error_cells)),
            self._first_row,
            self._last_row,
        )

    def _look_at_beginning(self, piece: bytes) -> None:
        self._first = False
        # In UTF-16 none of what is looked for would be found.
        if b"\x00" in piece[:4] or piece.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise FileRefused("CORRUPT")
        if self._is_strings:
            claimed = [int(count) for count in _CLAIMED.findall(piece[:_OVERLAP])]
            # An item takes at least <si/>, five bytes; empty ones may be counted twice.
            if max(claimed, default=0) > max(self._size, 1_000):
                raise FileRefused("CORRUPT")

    def _look_at_rows(self, piece: bytes) -> None:
        if self._first_row is None and (first := _ROW.search(piece)):
            self._first_row = int(first[1])
        if last := _ROW.match(piece, max(piece.rfind(b"<row"), 0)):
            self._last_row = int(last[1])
            self._reach(self._last_row, 1)
        if b"hidden" in piece:
            self._hidden_rows.update(map(int, _HIDDEN_ROW.findall(piece)))

    def _look_at_references(self, piece: bytes, letters: _Letters) -> None:
        quote = (letters == ord('"')) | (letters == ord("'"))
        capital = letters - ord("A") < 26
        digit = letters - ord("0") < 10
        if _has_far_reference(quote, capital, digit):
            for column, row in _REFERENCE.findall(piece):
                self._reach(int(row), column_number(column))
            self.measure_rows(piece)
        if (quote[:-2] & (letters[1:-1] == ord("e")) & quote[2:]).any():
            for tag in _CELL_IN_ERROR.findall(piece):
                if reference := _REFERENCE.match(tag):
                    row, column = int(reference[2]), column_number(reference[1])
                    self._error_cells.add((row, column))

    def _reach(self, row: int, column: int) -> None:
        if row > MAX_ROWS or column > MAX_COLUMNS or row == 0:
            raise FileRefused("CORRUPT")
        rows, columns = self._farthest
        self._farthest = (max(rows, row), max(columns, column))


def _has_far_reference(quote: Booleans, capital: Booleans, digit: Booleans) -> bool:
    """Whether a value begins with two capitals, or like a row above a million.

    Without one no sheet is larger than 26 columns of a million rows.
    """
    if (quote[:-2] & capital[1:-1] & capital[2:]).any():
        return True
    two = digit[:-1] & digit[1:]
    four = two[:-2] & two[2:]
    seven = four[:-3] & four[3:]
    return bool(((quote | capital)[: len(seven) - 1] & seven[1:]).any())


def column_number(letters: bytes) -> int:
    """Return the number of a column from its letters, A is 1.

    Raises
    ------
    FileRefused
        ``CORRUPT`` for more letters than a sheet has columns for.
    """
    if len(letters) > 3:
        raise FileRefused("CORRUPT")
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number
