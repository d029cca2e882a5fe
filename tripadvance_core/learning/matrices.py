"""Rows as XGBoost takes them, in batches, so that no whole matrix is ever held."""

import tempfile
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from tripadvance_core.domain.metrics import Floats
from tripadvance_core.scratch import ScratchFolder
from tripadvance_core.tabular.features import (
    WEIGHT,
    FeatureEncoder,
    FeatureType,
    columns_of,
)
from tripadvance_core.tabular.former_fares import FEATURES, FormerFares
from tripadvance_core.tabular.joining import ROW_HASH, FareRows

BATCH_ROWS: Final = 100_000
EXTERNAL_MEMORY_ROWS: Final = 2_000_000
"""From so many rows on the binned matrix lies on disk, not in memory."""
EXTERNAL_PAGE_ROWS: Final = 2_000_000
"""How many rows of it are in memory at a time: each split goes through all pages."""


class Sample(NamedTuple):
    """Some rows: features of shape (n, features), prices and weights of shape (n,)."""

    features: NDArray[np.float32]
    prices: Floats
    weights: Floats | None


class EncodedFares:
    """The features of rows on disk, where they are encoded once and read often.

    Attributes
    ----------
    types
        The features' types as XGBoost names them.
    prices
        In the base currency, shape (n,).
    weights
        How many fares each row stands for, shape (n,); None where one each.

    Parameters
    ----------
    former
        Former fares, of which each row learns what it may, where they are features.
    seed
        Draws how old these are.
    """

    def __init__(
        self,
        encoder: FeatureEncoder,
        rows: FareRows,
        former: FormerFares | None = None,
        seed: int = 0,
    ) -> None:
        self.types = feature_types(encoder, former)
        self._width = len(self.types)
        # It has no name, and is gone when nobody reads these fares any more.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        prices, weights = [], []
        for batch in rows.batches():
            features = encoder.transform(batch)
            if former is not None:
                hashes = batch[ROW_HASH].to_numpy(np.uint64)
                known = former.learnable_from(columns_of(batch), hashes, seed)
                features = np.hstack([features, known])
            self._file.write(features.data)
            prices.append(batch["price"].to_numpy(np.float64))
            weights.append(weights_of(batch))
        self.prices: Floats = np.concatenate(prices)
        weight = np.concatenate(weights)
        # Without weights XGBoost needs less memory.
        self.weights: Floats | None = None if (weight == 1).all() else weight

    def __len__(self) -> int:
        return len(self.prices)

    def batches(self, size: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Go through the rows, so many at a time: which they are, and their features.

        The batches are the same however many files the rows come from.
        """
        for start in range(0, len(self), size):
            rows = slice(start, min(start + size, len(self)))
            yield rows, self._read(rows)

    def sample(self, places: NDArray[np.int64]) -> Sample:
        """Return the rows at places that rise."""
        features = [
            batch[places[(rows.start <= places) & (places < rows.stop)] - rows.start]
            for rows, batch in self.batches(BATCH_ROWS)
        ]
        weights = None if self.weights is None else self.weights[places]
        return Sample(np.concatenate(features), self.prices[places], weights)

    def _read(self, rows: slice) -> NDArray[np.float32]:
        row_bytes = self._width * np.dtype(np.float32).itemsize
        self._file.seek(rows.start * row_bytes)
        content = self._file.read((rows.stop - rows.start) * row_bytes)
        return np.frombuffer(content, dtype=np.float32).reshape(-1, self._width)


def feature_types(
    encoder: FeatureEncoder, former: FormerFares | None
) -> list[FeatureType]:
    """Return the types of all features as XGBoost names them; former fares are last."""
    added: list[FeatureType] = [] if former is None else ["float"] * len(FEATURES)
    return encoder.types + added


class FareBatches(xgb.DataIter):
    """Encoded fares, handed to XGBoost batch by batch."""

    def __init__(
        self,
        fares: EncodedFares,
        target: Callable[[Floats], Floats],
        rows_a_batch: int,
        cache_prefix: str | None = None,
    ) -> None:
        self._fares = fares
        self._target = target
        self._rows_a_batch = rows_a_batch
        self.reset()
        super().__init__(cache_prefix=cache_prefix, release_data=True)

    def next(self, input_data: Callable[..., Any]) -> bool:
        """Hand the next batch to XGBoost; False after the last one."""
        for rows, features in self._batches:
            weights = self._fares.weights
            input_data(
                data=features,
                label=self._target(self._fares.prices[rows]),
                weight=None if weights is None else weights[rows],
                feature_types=self._fares.types,
            )
            return True
        return False

    def reset(self) -> None:
        """Begin again."""
        self._batches = self._fares.batches(self._rows_a_batch)


def is_for_the_disk(rows: int) -> bool:
    """Tell whether the binned matrix of so many rows is too large for the memory."""
    return rows >= EXTERNAL_MEMORY_ROWS


def training_matrix(
    fares: EncodedFares,
    target: Callable[[Floats], Floats],
    threads: int,
    *,
    on_disk: bool,
) -> xgb.DMatrix:
    """Return the binned features and targets of all rows.

    Parameters
    ----------
    target
        What the trees learn, from prices in the base currency.
    on_disk
        Whether it lies there, in pages; see ``is_for_the_disk``.
    """
    if not on_disk:
        batches = FareBatches(fares, target, BATCH_ROWS)
        return xgb.QuantileDMatrix(batches, enable_categorical=True, nthread=threads)
    folder = ScratchFolder()
    cache = str(folder.path / "fares")
    batches = FareBatches(fares, target, EXTERNAL_PAGE_ROWS, cache)
    matrix = xgb.ExtMemQuantileDMatrix(
        batches, enable_categorical=True, nthread=threads
    )
    # The matrix takes its own files away; the folder must be there until then.
    weakref.finalize(matrix, folder.close)
    return matrix


def weights_of(frame: pd.DataFrame) -> Floats:
    """Return how many fares each row stands for, shape (n,).

    A row that does not say counts once.
    """
    if WEIGHT not in frame:
        return np.ones(len(frame))
    seats = frame[WEIGHT].to_numpy(np.float64)
    return np.where(seats > 0, seats, 1.0)
