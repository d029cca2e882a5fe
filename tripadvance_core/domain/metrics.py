"""The six figures by which a fare model is judged."""

import math
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Floats = NDArray[np.float64]


class RegressionMetrics(BaseModel):
    """Scores of one model on one set of rows; prices in the base currency.

    ``mean_absolute_percentage_error`` and ``accuracy_10_percent`` are per cent;
    the latter is the share of predictions within 10 % of the true price.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    mean_absolute_error: float
    mean_squared_error: float
    root_mean_squared_error: float
    r2_score: float | None
    mean_absolute_percentage_error: float
    accuracy_10_percent: float

    @classmethod
    def of(
        cls, actual: Floats, predicted: Floats, weights: Floats | None = None
    ) -> Self:
        """Score predictions of shape (n,) against true prices of shape (n,).

        A row with a weight counts as so many fares; ``rows`` counts rows.

        ``r2_score`` is None where all true prices are equal.

        Raises
        ------
        ValueError
            For no rows, shapes that differ, or true prices that are not above 0.
        """
        if actual.shape != predicted.shape or actual.ndim != 1 or not actual.size:
            raise ValueError("actual and predicted must be of one shape (n,), n > 0")
        if not (actual > 0).all():
            raise ValueError("every true price must be above 0")
        error = predicted - actual
        relative = np.abs(error) / actual
        mean = partial(np.average, weights=weights)
        squared = float(mean(error**2))
        variance = float(mean((actual - mean(actual)) ** 2))
        return cls(
            rows=int(actual.size),
            mean_absolute_error=float(mean(np.abs(error))),
            mean_squared_error=squared,
            root_mean_squared_error=math.sqrt(squared),
            r2_score=1 - squared / variance if variance > 0 else None,
            mean_absolute_percentage_error=100 * float(mean(relative)),
            accuracy_10_percent=100 * float(mean(relative <= 0.10)),
        )
