"""Exact medians of many groups, of more values than should be sorted at once."""

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_VALUES_AT_ONCE: Final = 1_000_000


def group_medians(
    groups: NDArray[np.integer[Any]], values: NDArray[np.floating[Any]], count: int
) -> NDArray[np.float64]:
    """Return the median of each of ``count`` groups, NaN where it has no value.

    Parameters
    ----------
    groups
        The number of each value's group, from 0, shape (n,).
    values
        Shape (n,); NaN is no value.

    Examples
    --------
    >>> group_medians(np.array([0, 0, 2]), np.array([1.0, 3.0, 5.0]), 3).tolist()
    [2.0, nan, 5.0]
    """
    medians = np.full(count, np.nan)
    parts = 1 + values.size // _VALUES_AT_ONCE
    for part in range(parts):
        mine = groups % parts == part
        found = pd.Series(values[mine]).groupby(groups[mine]).median()
        medians[found.index.to_numpy()] = found.to_numpy()
    return medians
