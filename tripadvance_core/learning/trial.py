"""A small training on a part of the rows that finds how to train on all of them.

The rest of the rows judges it: rows of the days after the last one that the trial has
seen, and rows of the days that it has seen, with equal weight, for a model is asked
for both.
"""

from dataclasses import dataclass
from math import log2
from typing import Final

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from tripadvance_core.domain.entities import Value
from tripadvance_core.domain.metrics import Floats
from tripadvance_core.learning.boosting import (
    Progress,
    TrainingParameters,
    boost,
    plain_rounds,
)
from tripadvance_core.learning.matrices import EncodedFares
from tripadvance_core.tabular.features import QUOTE_DATE
from tripadvance_core.tabular.joining import ROW_HASH, FareRows

TRIAL_ROWS: Final = 20_000
"""Most rows that a trial trains on, and most that judge it."""
TRIAL_ROUNDS: Final = 80
"""Most rounds of a trial that sees a part of the rows only."""
PATIENCE: Final = 15
MIN_ROWS: Final = 200
"""Fewer rows are too few to choose by: the most careful recipe serves."""

_LATER_SHARE: Final = 0.1
_SEEN_DAYS_ONE_IN: Final = np.uint64(10)
_MIN_DAYS: Final = 5
_LOG_SHARES: Final = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
# Plain prices may cost so much of the relative error, and must save so much of the
# squared one to be worth a second booster.
_TOLERATED: Final = 0.02
_WORTH_A_BOOSTER: Final = 0.005
# Depths whose errors differ by less are equals; of those the least deep is grown.
_TIE: Final = 0.02
_CAREFUL_LEAF: Final = 3.0
_FINE_LEAF: Final = 1.0

Mask = NDArray[np.bool_]


class Recipe(Value):
    """How the trees of one model are grown.

    Attributes
    ----------
    depth, leaf
        Of each booster; ``leaf`` is the least weight of a leaf.
    rounds
        Of the booster of log prices.
    log_share
        Share of the booster of log prices in the predicted price; the rest is that of
        the booster of plain prices. 1: there is no such booster.
    """

    depth: int
    leaf: float
    rounds: int
    log_share: float = 1.0


@dataclass(frozen=True)
class Residuals:
    """What the trial missed on rows that it never trained on.

    Attributes
    ----------
    features
        Shape (n, features).
    logs
        Predicted log prices, shape (n,).
    missed
        True minus predicted log price, shape (n,).
    later
        Whether the row is of a day after the last one trained on, shape (n,).
    """

    features: NDArray[np.float32]
    logs: Floats
    missed: Floats
    later: Mask


@dataclass(frozen=True)
class Trial:
    """What was found out."""

    recipe: Recipe
    residuals: Residuals | None


def depths(parameters: TrainingParameters) -> list[int]:
    """Return the depths that are tried: a half, three quarters and all of the bound."""
    deepest = parameters.max_depth
    return sorted({max(1, deepest // 2), max(1, deepest * 3 // 4), deepest})


def trial_rounds(rows: int, parameters: TrainingParameters) -> int:
    """Return the most rounds that one booster of a trial has."""
    most = parameters.boosting_rounds
    return most if rows <= TRIAL_ROWS else min(most, TRIAL_ROUNDS)


def planned_rounds(rows: int, parameters: TrainingParameters) -> int:
    """Return the most rounds of a whole trial."""
    rounds = trial_rounds(rows, parameters)
    return (len(depths(parameters)) + 1) * rounds + plain_rounds(rounds)


def hold_a_trial(
    rows: FareRows,
    fares: EncodedFares,
    parameters: TrainingParameters,
    progress: Progress,
) -> Trial:
    """Find depth, rounds and the share of plain prices for rows like these.

    A trial on a part of the rows knows what serves so many. All of them bear more: one
    level of depth with each doubling, and rounds in proportion, within the bounds.
    Rows of one identity are on one side of a cut.

    Parameters
    ----------
    fares
        The same rows, encoded.
    """
    if len(rows) < MIN_ROWS:
        progress.skip(planned_rounds(len(rows), parameters))
        careful = Recipe(
            depth=min(depths(parameters)),
            leaf=_CAREFUL_LEAF,
            rounds=parameters.boosting_rounds,
        )
        return Trial(careful, None)
    later = _later(rows)
    judging = later | (rows.column(ROW_HASH) % _SEEN_DAYS_ONE_IN == 0)
    train = _sampled(~judging, TRIAL_ROWS, parameters.seed)
    judge = _sampled(judging, TRIAL_ROWS, parameters.seed)
    found = _Contest(fares, later, train, judge, parameters, progress)
    return found.decided(scale=(~judging).sum() / len(train))


class _Contest:
    """The boosters of a trial, and the rows that judge them."""

    def __init__(
        self,
        fares: EncodedFares,
        later: Mask,
        train: NDArray[np.int64],
        judge: NDArray[np.int64],
        parameters: TrainingParameters,
        progress: Progress,
    ) -> None:
        self._rounds = trial_rounds(len(fares), parameters)
        self._parameters = parameters
        self._progress = progress
        seen, judged = fares.sample(train), fares.sample(judge)
        self._features = judged.features
        self._prices = judged.prices
        self._later = later[judge]
        self._mean = float(seen.prices.mean())
        self._matrix = xgb.QuantileDMatrix(
            seen.features,
            label=np.log(seen.prices),
            weight=seen.weights,
            feature_types=fares.types,
            enable_categorical=True,
            nthread=parameters.threads,
        )
        self._plain = seen.prices / self._mean
        self._judge = xgb.QuantileDMatrix(
            self._features,
            label=np.log(self._prices),
            weight=_even(self._later),
            feature_types=fares.types,
            ref=self._matrix,
            enable_categorical=True,
            nthread=parameters.threads,
        )

    def decided(self, scale: float) -> Trial:
        """Return what is found.

        Parameters
        ----------
        scale
            How many times as many rows as here the model itself will have.
        """
        tried = {d: self._boost(d, _CAREFUL_LEAF) for d in depths(self._parameters)}
        bar = (1 + _TIE) * min(booster.best_score for booster in tried.values())
        depth = min(d for d, booster in tried.items() if booster.best_score <= bar)
        booster, leaf = tried[depth], _CAREFUL_LEAF
        fine = self._boost(depth, _FINE_LEAF)
        if fine.best_score < booster.best_score:
            booster, leaf = fine, _FINE_LEAF
        logs = self._predicted(booster)
        used = booster.best_iteration + 1
        recipe = Recipe(
            depth=min(self._parameters.max_depth, depth + round(log2(max(scale, 1)))),
            leaf=leaf,
            rounds=self._rounds_for_all(used, scale),
            log_share=self._log_share(logs, depth, used),
        )
        missed = np.log(self._prices) - logs
        return Trial(recipe, Residuals(self._features, logs, missed, self._later))

    def _boost(self, depth: int, leaf: float) -> xgb.Booster:
        return boost(
            self._parameters.for_xgboost(depth, leaf, eval_metric="mae"),
            self._matrix,
            self._rounds,
            self._progress,
            judged_on=self._judge,
            patience=PATIENCE,
        )

    def _rounds_for_all(self, used: int, scale: float) -> int:
        """Return as many rounds as the rows bear; all where the trial had too few."""
        most = self._parameters.boosting_rounds
        cut_short = used + PATIENCE > self._rounds
        return most if cut_short else min(most, round(used * max(scale, 1.0)))

    def _log_share(self, logs: Floats, depth: int, used: int) -> float:
        """Return the share that makes RMSE least at hardly a higher MAPE."""
        self._matrix.set_label(self._plain)
        rounds = plain_rounds(used)
        parameters = self._parameters.for_plain_prices(depth)
        booster = boost(parameters, self._matrix, rounds, self._progress)
        self._progress.skip(plain_rounds(self._rounds) - rounds)
        ours, theirs = np.exp(logs), self._mean * self._predicted(booster)
        weights = _even(self._later)

        def errors(share: float) -> tuple[float, float]:
            missed = share * ours + (1 - share) * theirs - self._prices
            mape = np.average(np.abs(missed) / self._prices, weights=weights)
            return float(mape), float(np.average(missed**2, weights=weights)) ** 0.5

        mape, rmse = errors(1.0)
        borne = [s for s in _LOG_SHARES if errors(s)[0] <= (1 + _TOLERATED) * mape]
        best = min(borne, key=lambda share: errors(share)[1])
        return best if errors(best)[1] < (1 - _WORTH_A_BOOSTER) * rmse else 1.0

    def _predicted(self, booster: xgb.Booster) -> Floats:
        return np.asarray(booster.inplace_predict(self._features), dtype=np.float64)


def _later(rows: FareRows) -> Mask:
    """Return the rows of the last days: of those of the quote, where all are given."""
    days = pd.Series(rows.column("date"))
    if QUOTE_DATE in rows.shared:
        quoted = pd.Series(rows.column(QUOTE_DATE))
        if quoted.notna().all() and quoted.nunique() >= _MIN_DAYS:
            days = quoted
    if days.nunique() < _MIN_DAYS:
        return np.zeros(len(days), dtype=np.bool_)
    cut = days.quantile(1 - _LATER_SHARE, interpolation="higher")
    last = days >= cut
    return (last if last.mean() < 0.5 else days > cut).to_numpy(dtype=np.bool_)


def _sampled(chosen: Mask, most: int, seed: int) -> NDArray[np.int64]:
    places = np.flatnonzero(chosen)
    if places.size <= most:
        return places
    drawn = np.random.default_rng(seed).choice(places, most, replace=False)
    return np.sort(drawn)


def _even(later: Mask) -> Floats:
    """Return weights with which both kinds of rows count as much."""
    share = float(later.mean())
    if share in (0.0, 1.0):
        return np.ones(later.size)
    return np.where(later, 0.5 / share, 0.5 / (1 - share))
