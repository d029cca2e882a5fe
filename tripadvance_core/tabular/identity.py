"""The identity of every row of a frame, and the side of the holdout it falls on."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain import holdout
from tripadvance_core.domain.holdout import (
    canonical_name,
    value_hash,
    written_day,
    written_number,
)

_WRITERS: dict[str, Callable[[Any], str]] = {
    "date": written_day,
    "start_city": canonical_name,
    "end_city": canonical_name,
    "airline": canonical_name,
    "duration_minutes": written_number,
    "price": written_number,
}
_MISSING = np.uint64(0)


def canonical_names(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column of names in the form in which they are equal.

    Missing names stay missing.
    """
    return column.map({name: canonical_name(name) for name in column.dropna().unique()})


def row_hashes(frame: pd.DataFrame) -> "pd.Series[Any]":
    """Return the identity of each row of a cleaned frame, uint64, on its index.

    Only the six core columns count: rows that differ in a further column alone share
    one identity, hence one side of the holdout.
    """
    columns = (hashed(frame[name], write) for name, write in _WRITERS.items())
    return pd.Series(holdout.row_hashes(columns), index=frame.index, name="row_hash")


def reserved_rows(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Return for each row of a cleaned frame whether it belongs to the holdout."""
    hashes = row_hashes(frame)
    return pd.Series(holdout.is_reserved(hashes.to_numpy()), index=frame.index)


def hashed(
    column: "pd.Series[Any] | NDArray[Any]", write: Callable[[Any], str]
) -> NDArray[np.uint64]:
    """Hash the values of a column, each distinct one once; 0 for a missing one."""
    places, distinct = pd.factorize(column)
    hashes = [value_hash(write(value)) for value in distinct]
    # Missing values are at place -1, the last.
    return np.array([*hashes, _MISSING], dtype=np.uint64)[places]
