"""CSV: the encoding and the delimiter are decided from the bytes themselves."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.sheets import Sheet

_DELIMITERS = ",;\t|"
_SAMPLE_RECORDS = 100
_ZIP = b"PK\x03\x04"
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r")) + b"\x7f"
# A text may hold a stray control character; other files hold them everywhere.
_MOST_CONTROLS = 0.01
# The module's default refuses the file for one long cell; here its row is refused.
_FIELD_SIZE = 2**30


def read_csv(content: bytes) -> Sheet:
    """Read CSV text as one sheet of text cells.

    Raises
    ------
    FileRefused
        ``NOT_CSV`` for other kinds of files, ``CSV_QUOTE`` for a quotation mark that
        is never closed, ``EMPTY`` for text without a record.
    """
    text = _decode(content)
    csv.field_size_limit(_FIELD_SIZE)
    try:
        records = list(_records(text, _delimiter(text), strict=True))
    except csv.Error as error:
        raise FileRefused("CSV_QUOTE") from error
    numbered = [
        (number, record)
        for number, record in enumerate(records, start=1)
        if any(map(str.strip, record))
    ]
    if not numbered:
        raise FileRefused("EMPTY")
    numbers, rows = zip(*numbered, strict=True)
    return Sheet("", list(numbers), list(rows), is_text=True)


def _decode(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    controls = len(content) - len(content.translate(None, delete=_CONTROLS))
    if content.startswith(_ZIP) or controls > _MOST_CONTROLS * len(content):
        raise FileRefused("NOT_CSV")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _decode_not_quite_utf8(content)


def _decode_not_quite_utf8(content: bytes) -> str:
    """Decode cp1252, or UTF-8 with damage where most of it is sound UTF-8.

    Read as cp1252, the latter would turn every accent of the file into two letters.
    """
    as_utf8 = content.decode("utf-8-sig", errors="replace")
    damaged = as_utf8.count("\ufffd")
    not_ascii = len(as_utf8) - len(as_utf8.encode("ascii", errors="ignore"))
    if damaged < not_ascii - damaged:
        return as_utf8
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise FileRefused("NOT_CSV") from error


def _delimiter(text: str) -> str:
    """Return the delimiter that cuts most records into the same number of fields."""
    return max(_DELIMITERS, key=lambda delimiter: _regularity(text, delimiter))


def _regularity(text: str, delimiter: str) -> tuple[int, int]:
    sample = islice(_records(text, delimiter, strict=False), _SAMPLE_RECORDS)
    (width, count), *_ = Counter(map(len, sample)).most_common(1) or [(0, 0)]
    return (count, width) if width > 1 else (0, 0)


def _records(text: str, delimiter: str, *, strict: bool) -> Iterator[list[str]]:
    """Go through the records; a blank line is none."""
    lines = io.StringIO(text, newline="")
    records = csv.reader(lines, delimiter=delimiter, strict=strict)
    return (r for r in records if len(r) > 1 or any(map(str.strip, r)))
