"""What is done with the bytes of strangers, as work for a confined process.

Bytes and plain values go in, JSON and bytes come out: see ``confined``.
"""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tripadvance_core.confined import Caps, Outcome
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.messages import Language
from tripadvance_core.tabular.intake import FareTable, read_fares
from tripadvance_core.tabular.joining import ROW_HASH, with_identity
from tripadvance_core.tabular.notes import Note, RefusedRow
from tripadvance_core.tabular.places import (
    FoldedName,
    fold_names,
    names_with_another_state,
)
from tripadvance_core.tabular.preview import preview
from tripadvance_core.tabular.refusals import write_refusals
from tripadvance_core.tabular.texts import fold
from tripadvance_core.tabular.writing import write_predictions

_MEGABYTE: Final = 1024 * 1024
# A file that unpacks to nothing needs this much; the rest grows with what it holds.
_MEMORY_AT_LEAST: Final = 200 * _MEGABYTE
_MEMORY_PER_BYTE: Final = 12
_SECONDS_AT_LEAST: Final = 8.0
_SECONDS_PER_MEGABYTE: Final = 0.5


@dataclass(frozen=True)
class CleanFares:
    """The usable rows of a file as Parquet, and what is said about the others.

    ``parquet`` has the columns of ``FareTable.rows`` with names folded to one spelling
    (``places``) and the identity of each row (``joining``).
    """

    parquet: bytes
    rows_kept: int
    refused: tuple[RefusedRow, ...]
    warnings: tuple[Note, ...]
    folded: tuple[FoldedName, ...]

    @property
    def rows_total(self) -> int:
        """Rows under the header that are not blank."""
        return self.rows_kept + len(self.refused)

    def rows(self) -> pd.DataFrame:
        """Return the rows as a frame."""
        return from_parquet(self.parquet)

    def respelled(self) -> dict[str, tuple[str, ...]]:
        """Return the names that were spelled in other ways, and those ways.

        Another case or accent is not worth telling.
        """
        ways: dict[str, set[str]] = {}
        for name in self.folded:
            if fold(name.spelled) != fold(name.canonical):
                ways.setdefault(name.canonical, set()).add(name.spelled)
        return {name: tuple(sorted(ways[name])) for name in sorted(ways)}

    def with_note(self, note: Note) -> "CleanFares":
        """Return the same with one more thing worth knowing."""
        return replace(self, warnings=(*self.warnings, note))

    @classmethod
    def of(cls, outcome: Outcome) -> "CleanFares":
        """Read what ``clean_fares`` has found."""
        found = outcome.document
        return cls(
            parquet=outcome.blobs["rows"],
            rows_kept=found["rows_kept"],
            refused=tuple(RefusedRow(**row) for row in found["refused"]),
            warnings=tuple(map(Note.parse, found["warnings"])),
            folded=tuple(FoldedName(**name) for name in found["folded"]),
        )


def caps_for(content: bytes, most_memory_bytes: int) -> Caps:
    """Return the memory and time that reading a file may cost, by what it unpacks to."""
    unpacked = _unpacked_size(content)
    return Caps(
        memory_bytes=min(
            most_memory_bytes, _MEMORY_AT_LEAST + _MEMORY_PER_BYTE * unpacked
        ),
        seconds=_SECONDS_AT_LEAST + _SECONDS_PER_MEGABYTE * unpacked / _MEGABYTE,
    )


def clean_fares(
    content: bytes, name: str, mapping: ColumnMapping, base_currency: str
) -> Outcome:
    """Read a file into canonical rows; see ``read_fares`` for what is raised."""
    table = read_fares(content, name, mapping, base_currency)
    rows, folded = fold_names(table.coded)
    return _outcome(with_identity(rows), table, folded)


def preview_file(
    content: bytes,
    name: str,
    mapping: ColumnMapping,
    base_currency: str,  # noqa: ARG001 - all work on files takes the same
) -> Outcome:
    """Show what a file looks like, understood or not."""
    return Outcome(vars(preview(content, name, mapping)), {})


def read_trips(
    content: bytes, name: str, mapping: ColumnMapping, base_currency: str
) -> Outcome:
    """Read the trips whose prices are to be predicted, in canonical form."""
    table = read_fares(content, name, mapping, base_currency, price_required=False)
    rows, folded = fold_names(table.coded)
    return _outcome(rows, table, folded)


def report_refusals(
    content: bytes,
    name: str,
    mapping: ColumnMapping,
    base_currency: str,
    language: Language,
) -> Outcome:
    """Write the refused rows of a file as a workbook."""
    table = read_fares(content, name, mapping, base_currency)
    return Outcome({}, {"report": write_refusals(table, language)})


def add_predictions(
    content: bytes,
    name: str,
    mapping: ColumnMapping,
    base_currency: str,
    predictions: bytes,
    file_type: str,
) -> Outcome:
    """Write a file's own columns with its predictions, a Parquet, beside them."""
    table = read_fares(content, name, mapping, base_currency, price_required=False)
    written = write_predictions(
        table.original, table.kept, from_parquet(predictions), file_type
    )
    return Outcome({}, {"file": written})


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Write a frame so that the same rows give the same bytes; categories as text."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    texts = [field.name for field in table.schema if _is_text(field.type)]
    buffer = io.BytesIO()
    # Without pandas' and Arrow's own schemas, which would bring categories back.
    pq.write_table(
        table.replace_schema_metadata(None),
        buffer,
        use_dictionary=texts,
        write_statistics=False,
        store_schema=False,
    )
    return buffer.getvalue()


def from_parquet(content: bytes) -> pd.DataFrame:
    """Read a frame back: text is str, moments count seconds."""
    frame = pd.read_parquet(io.BytesIO(content))
    moments = frame.select_dtypes("datetime").columns
    return frame.astype(dict.fromkeys(moments, "datetime64[s]"))


def row_hashes_in(content: bytes) -> NDArray[np.uint64]:
    """Read the identities of the rows of a Parquet alone, shape (n,)."""
    table = pq.read_table(io.BytesIO(content), columns=[ROW_HASH])
    hashes: NDArray[np.uint64] = table.column(ROW_HASH).to_numpy()
    return hashes


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) or pa.types.is_large_string(kind))


def _outcome(
    rows: pd.DataFrame, table: FareTable, folded: tuple[FoldedName, ...]
) -> Outcome:
    return Outcome(
        document={
            "rows_kept": len(rows),
            "refused": [vars(row) for row in table.refused],
            "warnings": [*map(str, table.warnings), *map(str, _notes_on_names(table))],
            "folded": [vars(name) for name in folded],
        },
        blobs={"rows": to_parquet(rows)},
    )


def _notes_on_names(table: FareTable) -> Iterator[Note]:
    doubtful = names_with_another_state(table.coded)
    if doubtful:
        yield Note("state_mismatch", len(doubtful))


def _unpacked_size(content: bytes) -> int:
    """Return what a file says that it unpacks to; the guard sees whether it lies."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return len(content)
