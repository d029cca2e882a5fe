"""Cleaned rows of many files made one, each observation counted once, in batches.

A history may be larger than memory, and may be thousands of small files. Its rows lie
in a temporary folder, files of one shape joined, and are gone through as often as is
needed, some at a time.
"""

import io
import itertools
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
    """The rows of files of one shape that follow one another, and which rows count.

    ``file_rows`` is how many rows each of the files has, counted or not.
    """

    path: Path
    file_rows: tuple[int, ...]
    kept: Mask

    @property
    def masks(self) -> list[Mask]:
        """Which rows of each file count."""
        return np.split(self.kept, np.cumsum(self.file_rows)[:-1])

    @property
    def sizes(self) -> list[int]:
        """How many rows of each file count."""
        return [int(kept.sum()) for kept in self.masks]


@dataclass(frozen=True)
class RowShare:
    """Some rows of some files, for a process that reads these files itself.

    Attributes
    ----------
    rows
        How many.
    files
        The places of their files among all, ascending.
    kept
        Which rows of each of these files are among them, packed into bits.
    mixed
        The columns that are not of one kind in all files.
    """

    rows: int
    files: tuple[int, ...]
    kept: tuple[bytes, ...]
    mixed: frozenset[str]


class _Shelf:
    """Puts the rows of files down, one file after the other.

    Parameters
    ----------
    compared
        Whether rows will be told from their copies, which takes their fingerprints.
    """

    def __init__(self, folder: Path, *, compared: bool) -> None:
        self._folder = folder
        self._compared = compared
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self.schemas: list[pa.Schema] = []
        self.paths: list[Path] = []
        self.file_rows: list[list[int]] = []
        self.fingerprints: list[NDArray[np.uint64]] = []

    def put(self, content: bytes) -> None:
        """Add the rows of a Parquet file."""
        with pq.ParquetFile(io.BytesIO(content)) as file:
            schema = file.schema_arrow
            if not self.schemas or not schema.equals(self.schemas[-1]):
                self._begin(schema)
            self.file_rows[-1].append(file.metadata.num_rows)
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                self._waiting.append(batch)
                self._waiting_rows += batch.num_rows
                if self._waiting_rows >= BATCH_ROWS:
                    self._write()

    def close(self) -> None:
        """Write what waits."""
        if self._writer is not None:
            self._write()
            self._writer.close()

    def _begin(self, schema: pa.Schema) -> None:
        self.close()
        self.schemas.append(schema)
        self.paths.append(self._folder / f"{len(self.paths)}.parquet")
        self.file_rows.append([])
        self._writer = pq.ParquetWriter(self.paths[-1], schema)

    def _write(self) -> None:
        if self._waiting_rows and self._writer is not None:
            table = pa.Table.from_batches(self._waiting)
            if self._compared:
                self.fingerprints.append(_fingerprints(table))
            self._writer.write_table(table)
        self._waiting, self._waiting_rows = [], 0


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
        shelf = _laid_down(contents, folder, compared=True)
        return cls._of(shelf, folder, _firsts(shelf), _of_several_kinds(shelf.schemas))

    @classmethod
    def of_share(cls, share: RowShare, contents: Iterable[bytes]) -> Self:
        """Take the rows of a share; ``contents`` are its files, in their order."""
        folder = ScratchFolder()
        shelf = _laid_down(contents, folder, compared=False)
        sizes = itertools.chain(*shelf.file_rows)
        kept = np.concatenate(list(map(_unpacked, share.kept, sizes)))
        return cls._of(shelf, folder, kept, share.mixed)

    @classmethod
    def _of(
        cls, shelf: _Shelf, folder: ScratchFolder, kept: Mask, mixed: frozenset[str]
    ) -> Self:
        parts = np.split(kept, np.cumsum([sum(rows) for rows in shelf.file_rows]))
        names = [schema.names for schema in shelf.schemas]
        return cls(
            columns=tuple(dict.fromkeys(itertools.chain(*names))),
            shared=frozenset.intersection(*map(frozenset, names))
            if names
            else frozenset(),
            _parts=tuple(map(_Part, shelf.paths, map(tuple, shelf.file_rows), parts)),
            _mixed=mixed,
            _folder=folder,
        )

    def __len__(self) -> int:
        return sum(int(part.kept.sum()) for part in self._parts)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many of the rows each file has."""
        return tuple(size for part in self._parts for size in part.sizes)

    def where(self, chosen: Mask) -> Self:
        """Return those of these n rows that are chosen, shape (n,)."""
        parts, start = [], 0
        for part in self._parts:
            kept = part.kept.copy()
            stop = start + int(kept.sum())
            kept[kept] = chosen[start:stop]
            parts.append(replace(part, kept=kept))
            start = stop
        return replace(self, _parts=tuple(parts))

    def shares(self, count: int) -> list[RowShare]:
        """Cut the rows into so many shares of equal size, in their order."""
        ends = np.linspace(0, len(self), count + 1).astype(np.int64)
        return [self._share(*pair) for pair in itertools.pairwise(ends.tolist())]

    def _share(self, start: int, stop: int) -> RowShare:
        chosen = np.zeros(len(self), dtype=np.bool_)
        chosen[start:stop] = True
        parts = self.where(chosen)._parts
        masks = enumerate(itertools.chain(*(part.masks for part in parts)))
        taken = {
            place: np.packbits(mask).tobytes() for place, mask in masks if mask.any()
        }
        return RowShare(stop - start, tuple(taken), tuple(taken.values()), self._mixed)

    def batches(self, columns: Collection[str] | None = None) -> Iterator[pd.DataFrame]:
        """Go through the rows in frames of at most ``BATCH_ROWS``.

        Text is categories, moments count seconds. A column that is text in one file
        and something else in another is text; a frame lacks the columns that its files
        lack.
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


def _laid_down(
    contents: Iterable[bytes], folder: ScratchFolder, *, compared: bool
) -> _Shelf:
    shelf = _Shelf(folder.path, compared=compared)
    for content in contents:
        shelf.put(content)
    shelf.close()
    return shelf


def _unpacked(kept: bytes, rows: int) -> Mask:
    bits = np.unpackbits(np.frombuffer(kept, dtype=np.uint8), count=rows)
    return bits.astype(np.bool_)


def _read(path: Path, columns: Collection[str] | None) -> Iterator[Any]:
    """Give the rows of a part in batches, text as dictionaries."""
    schema = pq.read_schema(path)
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    known = None if columns is None else [n for n in schema.names if n in columns]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        yield from file.iter_batches(batch_size=BATCH_ROWS, columns=known)


def _firsts(shelf: _Shelf) -> Mask:
    """Tell of each row whether it is the first of its observation, shape (n,).

    An observation is a row and how many like it stand before it in its file.
    """
    if not shelf.fingerprints:
        return np.empty(0, dtype=np.bool_)
    fingerprints = np.concatenate(shelf.fingerprints)
    sizes = list(itertools.chain(*shelf.file_rows))
    file = np.repeat(np.arange(len(sizes), dtype=np.uint64), sizes)
    in_file = pd.Series(holdout.row_hashes([fingerprints, file]))
    again = in_file.duplicated(keep=False).to_numpy()
    number = np.zeros_like(fingerprints)
    copies = in_file[again]
    number[again] = copies.groupby(copies).cumcount()
    observations = pd.Series(holdout.row_hashes([fingerprints, number]))
    first: Mask = ~observations.duplicated().to_numpy()
    return first


def _fingerprints(table: pa.Table) -> NDArray[np.uint64]:
    frame = _in_seconds(table.to_pandas(strings_to_categorical=True))
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
