"""The identity of every row of a frame, and the side of the holdout it falls on."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from tripadvance_core.domain.holdout import (
    canonical_name,
    is_reserved,
    row_hash,
    written_day,
    written_name,
    written_number,
)

_WRITERS: dict[str, Callable[[Any], str]] = {
    "date": written_day,
    "start_city": written_name,
    "end_city": written_name,
    "airline": written_name,
    "duration_minutes": written_number,
    "price": written_number,
}


def canonical_names(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column of names in the form in which they are equal.

    Missing names stay missing.
    """
    return _each_once(column, canonical_name)


def row_hashes(frame: pd.DataFrame) -> "pd.Series[str]":
    """Return the identity of each row of a cleaned frame, on the frame's index.

    Only the six core columns count: rows that differ in a further column alone share
    one identity, hence one side of the holdout.
    """
    written = [
        _each_once(frame[name], write).tolist() for name, write in _WRITERS.items()
    ]
    hashes = [row_hash(values) for values in zip(*written, strict=True)]
    return pd.Series(hashes, index=frame.index, name="row_hash", dtype=str)


def reserved_rows(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Return for each row of a cleaned frame whether it belongs to the holdout."""
    return row_hashes(frame).map(is_reserved).astype(bool)


def _each_once(
    column: "pd.Series[Any]", write: Callable[[Any], str]
) -> "pd.Series[Any]":
    """Apply ``write`` once per distinct value; missing values stay missing."""
    return column.map({value: write(value) for value in column.dropna().unique()})
