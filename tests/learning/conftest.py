"""Cleaned frames with learnable fares, as the reader would hand them over."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tests.stored import stored
from tripadvance_core.learning.boosting import TrainingParameters
from tripadvance_core.learning.model import FareModel
from tripadvance_core.learning.training import fit
from tripadvance_core.tabular.identity import reserved_rows


def _fares(rows: int, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    cities = np.array(["Recife", "Belém", "São Paulo", "Curitiba", "Salvador"])
    airlines = np.array(["Gol", "Latam", "Azul"])
    start = random.integers(0, 5, rows)
    end = (start + random.integers(1, 5, rows)) % 5
    airline = random.integers(0, 3, rows)
    cabin = random.integers(0, 2, rows)
    minutes = 60.0 + 35 * np.abs(start - end)
    noise = random.uniform(0.97, 1.03, rows)
    return pd.DataFrame(
        {
            "date": pd.Timestamp("2025-01-01")
            + pd.to_timedelta(random.integers(0, 365, rows), unit="D"),
            "start_city": cities[start],
            "end_city": cities[end],
            "airline": airlines[airline],
            "duration_minutes": minutes,
            "price": minutes * (1 + 0.2 * airline) * (1 + cabin) * noise,
            "cabin": np.array(["Economy", "Business"])[cabin],
        }
    )


@pytest.fixture(scope="session")
def make_frame() -> Callable[..., pd.DataFrame]:
    """Give a maker of frames, always the same for a seed."""
    return _fares


@pytest.fixture(scope="session")
def training() -> pd.DataFrame:
    frame = _fares(2_000)
    return frame[~reserved_rows(frame)].reset_index(drop=True)


@pytest.fixture(scope="session")
def holdout() -> pd.DataFrame:
    frame = _fares(2_000)
    return frame[reserved_rows(frame)].reset_index(drop=True)


@pytest.fixture(scope="session")
def parameters() -> TrainingParameters:
    return TrainingParameters(
        boosting_rounds=30, learning_rate=0.2, max_leaves=24, threads=1, seed=7
    )


@pytest.fixture(scope="session")
def train() -> Callable[..., FareModel]:
    """Give a plain way to train: nobody stops it, nobody is told."""

    def plain_fit(frame: pd.DataFrame, parameters: TrainingParameters) -> FareModel:
        return fit(
            stored(frame),
            parameters,
            stop_at=lambda: False,
            on_round=lambda _done, _of: None,
        )

    return plain_fit


@pytest.fixture(scope="session")
def model(
    training: pd.DataFrame,
    holdout: pd.DataFrame,
    parameters: TrainingParameters,
    train: Callable[..., FareModel],
) -> FareModel:
    return train(training, parameters).calibrated(holdout)
