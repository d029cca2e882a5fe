"""CSV: the encoding and the delimiter are decided from the bytes themselves."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pyarrow as pa
import pyarrow.csv

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.cells import Column
from tripadvance_core.tabular.sheets import Sheet, columns_of, filled_rows

_DELIMITERS = ",;\t|"
_SAMPLE_RECORDS = 100
_SAMPLE_LENGTH = 256 * 1024
# A zip, a page of the web or XML (what some systems export as .csv), a PDF.
_OTHER_FILES = (b"PK\x03\x04", b"<", b"%PDF-")
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r")) + b"\x7f"
# A text may hold a stray control character; other files hold them everywhere.
_MOST_CONTROLS = 0.01
# The module's default refuses the file for one long cell; here its row is refused.
_FIELD_SIZE = 2**30
_TEXTS = pa.dictionary(pa.int32(), pa.string())


def read_csv(content: bytes) -> Sheet:
    """Read CSV text as one sheet of text cells.

    Raises
    ------
    FileRefused
        ``NOT_CSV`` for other kinds of files, ``CSV_QUOTE`` for a quotation mark that
        is never closed, ``EMPTY`` for text without a record.
    """
    csv.field_size_limit(_FIELD_SIZE)
    utf8 = _as_utf8(content)
    delimiter = _delimiter(_sample(utf8))
    columns = _plain_columns(utf8, delimiter) or _columns(utf8.decode(), delimiter)
    filled = filled_rows(columns)
    if not len(filled):
        raise FileRefused("EMPTY")
    return Sheet(
        name="",
        columns=[column.rows(filled) for column in columns],
        row_numbers=filled + 1,
        is_text=True,
    )


def _plain_columns(utf8: bytes, delimiter: str) -> list[Column] | None:
    """Read text without quotation marks whose records are of one length, fast.

    None where the text is of another kind: there the details matter.
    """
    if b'"' in utf8:
        return None
    first = next(_records(_sample(utf8), delimiter), [])
    names = [str(place) for place in range(len(first))]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(utf8),
            read_options=pyarrow.csv.ReadOptions(column_names=names, use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter, quote_char=False
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, _TEXTS), null_values=[]
            ),
        )
    except pa.ArrowInvalid:
        return None
    one_dictionary = table.unify_dictionaries().combine_chunks()
    return [Column.of_arrow(column.chunk(0)) for column in one_dictionary.columns]


def _columns(text: str, delimiter: str) -> list[Column]:
    try:
        return columns_of(list(_records(text, delimiter, strict=True)))
    except csv.Error as error:
        raise FileRefused("CSV_QUOTE") from error


def _as_utf8(content: bytes) -> bytes:
    """Return the text of a file in UTF-8; the very same bytes where it is ASCII."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace").encode(errors="replace")
    beginning = content[:_SAMPLE_LENGTH]
    controls = len(beginning) - len(beginning.translate(None, delete=_CONTROLS))
    begins_otherwise = beginning.lstrip().startswith(_OTHER_FILES)
    if begins_otherwise or controls > _MOST_CONTROLS * len(beginning):
        raise FileRefused("NOT_CSV")
    if content.isascii():
        return content
    text = content.removeprefix(codecs.BOM_UTF8)
    try:
        text.decode()
    except UnicodeDecodeError:
        return _decode_not_quite_utf8(text).encode()
    return text


def _decode_not_quite_utf8(content: bytes) -> str:
    """Decode cp1252, or UTF-8 with damage where most of it is sound UTF-8.

    Read as cp1252, the latter would turn every accent of the file into two letters.
    """
    as_utf8 = content.decode(errors="replace")
    damaged = as_utf8.count("\ufffd")
    not_ascii = len(as_utf8) - len(as_utf8.encode("ascii", errors="ignore"))
    if damaged < not_ascii - damaged:
        return as_utf8
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise FileRefused("NOT_CSV") from error


def _sample(utf8: bytes) -> str:
    return utf8[:_SAMPLE_LENGTH].decode(errors="replace")


def _delimiter(sample: str) -> str:
    """Return the delimiter that cuts most records into the same number of fields."""
    return max(_DELIMITERS, key=lambda delimiter: _regularity(sample, delimiter))


def _regularity(sample: str, delimiter: str) -> tuple[int, int]:
    records = islice(_records(sample, delimiter), _SAMPLE_RECORDS)
    (width, count), *_ = Counter(map(len, records)).most_common(1) or [(0, 0)]
    return (count, width) if width > 1 else (0, 0)


def _records(text: str, delimiter: str, *, strict: bool = False) -> Iterator[list[str]]:
    """Go through the records; a blank line is none."""
    lines = io.StringIO(text, newline="")
    records = csv.reader(lines, delimiter=delimiter, strict=strict)
    return (r for r in records if len(r) > 1 or any(map(str.strip, r)))
