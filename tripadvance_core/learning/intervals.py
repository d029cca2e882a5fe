"""Ranges that hold a stated share of true prices.

What a trial missed on rows that it never trained on teaches a quantile booster where
fares scatter. Its band is then stretched until it holds the stated share of reserved
rows, which no model trains on (conformalised quantile regression, Romano, Patterson
and Candès 2019, with the scaled score of Sesia and Romano 2021).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Self

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from tripadvance_core.domain.metrics import Floats
from tripadvance_core.learning.boosting import Progress, TrainingParameters, boost
from tripadvance_core.learning.trial import Residuals

LEVELS: Final = (80, 95)
"""How many of 100 true prices each range is to hold."""

BAND_ROUNDS: Final = 40
_BAND_LEAVES: Final = 32
_BAND_LEAF: Final = 20.0
_MIN_RESIDUALS: Final = 500
_QUANTILES: Final = (0.1, 0.9)
_WIDEST_FOR_LATER: Final = 1.4
# A band without width could never be stretched to hold anything.
_NARROWEST: Final = 0.005


class Reach(NamedTuple):
    """How far a band reaches below and above n predicted log prices, shape (n,)."""

    low: Floats
    high: Floats

    def scores(self, missed: Floats) -> Floats:
        """Return by what factor the band must be stretched to hold each row."""
        return np.where(missed < 0, -missed / self.low, missed / self.high)


@dataclass(frozen=True)
class Band:
    """Where fares scatter around the predicted log price, and how far.

    Attributes
    ----------
    booster
        The 10 and 90 % quantiles of the log residuals; None: the same for all rows.
    stretch
        By level, the factor that makes the band hold so many of 100 reserved rows.
    later_stretch
        By level, the further factor for days after the last one trained on.
    """

    booster: xgb.Booster | None = None
    stretch: Mapping[int, float] | None = None
    later_stretch: Mapping[int, float] | None = None

    @classmethod
    def fit(
        cls,
        residuals: Residuals | None,
        parameters: TrainingParameters,
        progress: Progress,
    ) -> Self:
        """Learn from what a trial missed; from too few rows nothing is learned.

        How much wider later days are is judged by a band that knows one half of the
        other rows on the other half, for every band fits the rows that it knows.
        """
        if residuals is None:
            progress.skip(2 * BAND_ROUNDS)
            return cls()
        later = residuals.later
        half = ~later & (np.cumsum(~later) % 2 == 0)
        judged = ~later & ~half
        judge = cls(cls._boosted(residuals, half, parameters, progress))
        reach = judge.reach(residuals.features, residuals.logs)
        scores = reach.scores(residuals.missed)
        return cls(
            cls._boosted(residuals, ~later, parameters, progress),
            later_stretch=_further(scores[later], scores[judged]),
        )

    @staticmethod
    def _boosted(
        residuals: Residuals,
        rows: NDArray[np.bool_],
        parameters: TrainingParameters,
        progress: Progress,
    ) -> xgb.Booster | None:
        if rows.sum() < _MIN_RESIDUALS:
            progress.skip(BAND_ROUNDS)
            return None
        matrix = xgb.QuantileDMatrix(
            _with_logs(residuals.features[rows], residuals.logs[rows]),
            label=residuals.missed[rows],
            nthread=parameters.threads,
        )
        special = {
            "objective": "reg:quantileerror",
            "quantile_alpha": np.array(_QUANTILES),
            "min_child_weight": _BAND_LEAF,
            "reg_lambda": _BAND_LEAF,
        }
        return boost(
            parameters.for_xgboost(_BAND_LEAVES, **special),
            matrix,
            BAND_ROUNDS,
            progress,
        )

    def calibrated(self, reach: Reach, missed: Floats) -> Self:
        """Return this band stretched to hold what it should of n reserved rows.

        The factor is the ⌈(n + 1) · level⌉-th smallest score; too few rows for it
        leave the band without the level.
        """
        scores = reach.scores(missed)
        stretch = {}
        for level in LEVELS:
            quantile = conformal_quantile(scores, level)
            if quantile is not None:
                stretch[level] = quantile
        return replace(self, stretch=stretch)

    def around(
        self, reach: Reach, logs: Floats, later: NDArray[np.bool_], level: int
    ) -> tuple[Floats, Floats]:
        """Return the ends of the range in log price, NaN where it is not known."""
        factor = (self.stretch or {}).get(level, np.nan)
        further = (self.later_stretch or {}).get(level, 1.0)
        factors = factor * np.where(later, further, 1.0)
        return logs - factors * reach.low, logs + factors * reach.high

    def reach(self, features: NDArray[np.float32], logs: Floats) -> Reach:
        """Return how far the band reaches around each prediction, unstretched."""
        if self.booster is None or not logs.size:
            return Reach(np.ones(logs.size), np.ones(logs.size))
        ends = self.booster.inplace_predict(_with_logs(features, logs))
        low, high = np.asarray(ends, dtype=np.float64).T
        return Reach(np.maximum(-low, _NARROWEST), np.maximum(high, _NARROWEST))


def conformal_quantile(scores: Floats, level: int) -> float | None:
    """Return the ⌈(n + 1) · level⌉-th smallest score, None if n is too small."""
    rank = -(-(scores.size + 1) * level // 100)
    if rank > scores.size:
        return None
    return float(np.sort(scores)[rank - 1])


def _further(later: Floats, seen: Floats) -> dict[int, float]:
    """Return how much wider the band must be for later days; never narrower.

    As much as the trial was worse there at the level where it was so most: one later
    period says little of one level alone. And it may have been an odd one, so it is
    believed up to a limit.
    """
    ratios = [1.0]
    for level in LEVELS:
        wide, narrow = (conformal_quantile(scores, level) for scores in (later, seen))
        if wide is not None and narrow:
            ratios.append(wide / narrow)
    return dict.fromkeys(LEVELS, min(max(ratios), _WIDEST_FOR_LATER))


def _with_logs(features: NDArray[np.float32], logs: Floats) -> NDArray[np.float32]:
    # Codes of categories stand as numbers here: bands need no finer cut.
    return np.column_stack([features, logs]).astype(np.float32)
