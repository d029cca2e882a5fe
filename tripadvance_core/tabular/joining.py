"""Cleaned frames of many files made one, each observation counted once."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain import holdout
from tripadvance_core.domain.holdout import is_reserved
from tripadvance_core.tabular.identity import row_hashes

ROW_HASH = "row_hash"
RESERVED = "reserved"
SHEET_ROW = "sheet_row"


def with_identity(frame: pd.DataFrame) -> pd.DataFrame:
    """Add each row's identity and whether it is reserved for the holdout."""
    hashes = row_hashes(frame)
    return frame.assign(row_hash=hashes, reserved=is_reserved(hashes.to_numpy()))


def join_distinct(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put frames with an identity together; a row of a former file is left out.

    Equal rows inside one file are separate observations and stay. The same rows in
    another file are the same observations: they count as often as in the file that
    has them most.
    """
    kept: list[pd.DataFrame] = []
    seen = np.empty(0, dtype=np.uint64)
    for frame in frames:
        keys = _occurrences(frame)
        kept.append(frame[~np.isin(keys, seen)])
        seen = np.union1d(seen, keys)
    return _one_type_a_column(kept) if kept else pd.DataFrame({RESERVED: []})


def _occurrences(frame: pd.DataFrame) -> NDArray[np.uint64]:
    """Return 64 bits for each row and how many like it stand before it, shape (n,)."""
    columns = sorted(set(frame.columns) - {SHEET_ROW})
    fingerprint = pd.util.hash_pandas_object(frame[columns], index=False)
    number = fingerprint.groupby(fingerprint).cumcount()
    pair = (column.to_numpy().astype(np.uint64) for column in (fingerprint, number))
    return holdout.row_hashes(pair)


def _one_type_a_column(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Join; a column that is numeric in one file and text in another becomes text."""
    texts = {
        name
        for frame in frames
        for name in frame.columns
        if pd.api.types.is_string_dtype(frame[name])
    }
    return pd.concat([_as_text(frame, texts) for frame in frames], ignore_index=True)


def _as_text(frame: pd.DataFrame, names: set[str]) -> pd.DataFrame:
    mixed = [
        name
        for name in names & set(frame.columns)
        if pd.api.types.is_numeric_dtype(frame[name])
    ]
    text = {
        name: frame[name].map(lambda v: f"{v:g}", na_action="ignore") for name in mixed
    }
    return frame.assign(**text)
