"""Rows as XGBoost takes them, in batches, so that no whole matrix is ever held."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from tripadvance_core.domain.metrics import Floats
from tripadvance_core.tabular.features import WEIGHT, FeatureEncoder

BATCH_ROWS: Final = 100_000
EXTERNAL_MEMORY_ROWS: Final = 2_000_000
"""From so many rows on the binned matrix lies on disk, not in memory."""

Target = Callable[[Floats], Floats]


class FareBatches(xgb.DataIter):
    """A frame with prices, encoded batch by batch."""

    def __init__(
        self,
        encoder: FeatureEncoder,
        frame: pd.DataFrame,
        target: Target,
        cache_prefix: str | None = None,
    ) -> None:
        self._encoder = encoder
        self._frame = frame
        self._target = target
        self._start = 0
        super().__init__(cache_prefix=cache_prefix, release_data=True)

    def next(self, input_data: Callable[..., Any]) -> bool:
        """Hand the next batch to XGBoost; False after the last one."""
        batch = self._frame.iloc[self._start : self._start + BATCH_ROWS]
        if batch.empty:
            return False
        self._start += BATCH_ROWS
        input_data(
            data=self._encoder.transform(batch),
            label=self._target(batch["price"].to_numpy(np.float64)),
            weight=weights_of(batch),
            feature_types=self._encoder.types,
        )
        return True

    def reset(self) -> None:
        """Begin again."""
        self._start = 0


@contextmanager
def training_matrix(
    encoder: FeatureEncoder, frame: pd.DataFrame, target: Target, threads: int
) -> Iterator[xgb.DMatrix]:
    """Give the binned features and targets of all rows of a frame.

    Parameters
    ----------
    target
        What the trees learn, from prices in the base currency.
    """
    if len(frame) < EXTERNAL_MEMORY_ROWS:
        batches = FareBatches(encoder, frame, target)
        yield xgb.QuantileDMatrix(batches, enable_categorical=True, nthread=threads)
        return
    with tempfile.TemporaryDirectory() as folder:
        prefix = str(Path(folder) / "fares")
        batches = FareBatches(encoder, frame, target, cache_prefix=prefix)
        yield xgb.ExtMemQuantileDMatrix(
            batches, enable_categorical=True, nthread=threads
        )


def weights_of(frame: pd.DataFrame) -> NDArray[np.float64] | None:
    """Return how many fares each row stands for, shape (n,); None where one each.

    A row that does not say counts once.
    """
    if WEIGHT not in frame:
        return None
    seats = frame[WEIGHT].to_numpy(np.float64)
    return np.where(seats > 0, seats, 1.0)
