"""Cleaned rows of many files made one, each observation counted once, in batches.

A history may be larger than memory. Its rows lie in a temporary folder, as the Parquet
they were stored in, and are gone through as often as is needed, some at a time.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tripadvance_core.domain import holdout
from tripadvance_core.domain.holdout import is_reserved
from tripadvance_core.scratch import ScratchFolder
from tripadvance_core.tabular.identity import row_hashes

ROW_HASH = "row_hash"
RESERVED = "reserved"
SHEET_ROW = "sheet_row"
BATCH_ROWS: Final = 100_000

Mask = NDArray[np.bool_]


def with_identity(frame: pd.DataFrame) -> pd.DataFrame:
    """Add each row's identity and whether it is reserved for the holdout."""
    hashes = row_hashes(frame)
    return frame.assign(row_hash=hashes, reserved=is_reserved(hashes.to_numpy()))


@dataclass(frozen=True)
class _Part:
    """The rows of one file, and which of them count."""

    path: Path
    kept: Mask


@dataclass(frozen=True)
class FareRows:
    """Cleaned rows of several files, in the order of the files.

    Attributes
    ----------
    columns
        The columns that any of the files has.
    shared
        Those that every file has.
    """

    columns: tuple[str, ...]
    shared: frozenset[str]
    _parts: tuple[_Part, ...]
    _mixed: frozenset[str]
    _folder: ScratchFolder

    @classmethod
    def distinct(cls, contents: Iterable[bytes]) -> Self:
        """Take the rows of Parquet files with an identity; copies are left out.

        Equal rows inside one file are separate observations and stay. The same rows in
        another file are the same observations: they count as often as in the file that
        has them most, and stand where the first file has them.
        """
        folder = ScratchFolder()
        paths, schemas, keys = [], [], [np.empty(0, dtype=np.uint64)]
        for number, content in enumerate(contents):
            path = folder.path / f"{number}.parquet"
            path.write_bytes(content)
            paths.append(path)
            schemas.append(pq.read_schema(path))
            keys.append(_occurrences(path))
        first = ~pd.Series(np.concatenate(keys)).duplicated().to_numpy()
        ends = np.cumsum([key.size for key in keys])[:-1]
        kept = np.split(first, ends)[1:]
        return cls(
            columns=tuple(dict.fromkeys(n for schema in schemas for n in schema.names)),
            shared=frozenset.intersection(
                *(frozenset(schema.names) for schema in schemas)
            )
            if schemas
            else frozenset(),
            _parts=tuple(map(_Part, paths, kept)),
            _mixed=_of_several_kinds(schemas),
            _folder=folder,
        )

    def __len__(self) -> int:
        return sum(self.sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many of the rows each file has."""
        return tuple(int(part.kept.sum()) for part in self._parts)

    def where(self, chosen: Mask) -> Self:
        """Return those of these n rows that are chosen, shape (n,)."""
        parts, start = [], 0
        for part in self._parts:
            kept = part.kept.copy()
            stop = start + int(kept.sum())
            kept[kept] = chosen[start:stop]
            parts.append(_Part(part.path, kept))
            start = stop
        return replace(self, _parts=tuple(parts))

    def batches(self, columns: Collection[str] | None = None) -> Iterator[pd.DataFrame]:
        """Go through the rows in frames of at most ``BATCH_ROWS``.

        Text is categories, moments count seconds. A column that is text in one file
        and something else in another is text; a frame lacks the columns that its file
        lacks.
        """
        for part in self._parts:
            start = 0
            if not part.kept.any():
                continue
            for batch in _read(part.path, columns):
                chosen = part.kept[start : start + batch.num_rows]
                start += batch.num_rows
                if chosen.any():
                    yield self._frame(batch.filter(pa.array(chosen)))

    def column(self, name: str) -> NDArray[Any]:
        """Return all values of a shared column, shape (n,)."""
        parts = [batch[name].to_numpy() for batch in self.batches([name])]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.bool_)

    def frame(self, columns: Collection[str] | None = None) -> pd.DataFrame:
        """Return the rows as one frame, text as str: for rows that are few."""
        frames = [_plain(batch) for batch in self.batches(columns)]
        if not frames:
            return pd.DataFrame(columns=list(self.columns))
        return pd.concat(frames, ignore_index=True)

    def _frame(self, batch: pa.RecordBatch) -> pd.DataFrame:
        frame = _in_seconds(batch.to_pandas())
        mixed = self._mixed.intersection(frame.columns)
        return frame.assign(**{name: _as_text(frame[name]) for name in mixed})


def _read(path: Path, columns: Collection[str] | None = None) -> Iterator[Any]:
    """Give the rows of a file in batches, text as dictionaries."""
    schema = pq.read_schema(path)
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    known = None if columns is None else [n for n in schema.names if n in columns]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        yield from file.iter_batches(batch_size=BATCH_ROWS, columns=known)


def _occurrences(path: Path) -> NDArray[np.uint64]:
    """Return 64 bits for each row and how many like it stand before it, shape (n,)."""
    hashes = [np.empty(0, dtype=np.uint64), *map(_fingerprints, _read(path))]
    fingerprints = np.concatenate(hashes)
    number = np.zeros_like(fingerprints)
    again = pd.Series(fingerprints).duplicated(keep=False).to_numpy()
    copies = pd.Series(fingerprints[again])
    number[again] = copies.groupby(copies).cumcount()
    return holdout.row_hashes([fingerprints, number])


def _fingerprints(batch: pa.RecordBatch) -> NDArray[np.uint64]:
    frame = _in_seconds(batch.to_pandas())
    columns = sorted(set(frame.columns) - {SHEET_ROW})
    hashes = pd.util.hash_pandas_object(frame[columns], index=False)
    return np.asarray(hashes, dtype=np.uint64)


def _of_several_kinds(schemas: Sequence[pa.Schema]) -> frozenset[str]:
    """Return the columns that are not of one kind in all files."""
    kinds: dict[str, set[str]] = {}
    for schema in schemas:
        for field in schema:
            kinds.setdefault(field.name, set()).update(_kind(field.type))
    return frozenset(name for name, found in kinds.items() if len(found) > 1)


def _kind(of: pa.DataType) -> set[str]:
    """Return the kind of a column; of one that holds nothing, none."""
    if pa.types.is_null(of):
        return set()
    if pa.types.is_string(of):
        return {"text"}
    return {"moment" if pa.types.is_timestamp(of) else "number"}


def _in_seconds(frame: pd.DataFrame) -> pd.DataFrame:
    moments = frame.select_dtypes("datetime").columns
    return frame.astype(dict.fromkeys(moments, "datetime64[s]"))


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    texts = frame.select_dtypes("category").columns
    return frame.astype(dict.fromkeys(texts, "str"))


def _as_text(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Write numbers and moments as text; what is text stays."""
    if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == object:
        return column
    moments = column.dtype.kind == "M"
    write = "{:%Y-%m-%d}".format if moments else "{:g}".format
    texts: pd.Series[Any] = column.map(write, na_action="ignore")
    return texts.astype("category")
