"""A small training on a part of the rows that finds how to train on all of them.

The part is made of whole airlines on whole routes, so its rows lie as dense in time as
all of them: rows drawn one by one would each have lost the neighbours from which the
model learns. Some of its rows judge: those of the days after the last one that the
trial has seen, and some of the days that it has seen, with equal weight, for a model is
asked for both.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from tripadvance_core.domain.entities import Value
from tripadvance_core.domain.holdout import mixed
from tripadvance_core.domain.metrics import Floats
from tripadvance_core.learning.boosting import (
    Progress,
    TrainingParameters,
    boost,
    plain_rounds,
)
from tripadvance_core.learning.matrices import weights_of
from tripadvance_core.tabular.columns import QUOTE_DATE
from tripadvance_core.tabular.features import FeatureEncoder, columns_of
from tripadvance_core.tabular.past_fares import PastFares, airline_route_hashes

TRIAL_ROWS: Final = 25_000
"""Most rows of a trial, those that judge it among them."""
TRIAL_ROUNDS: Final = 80
"""Most rounds of a trial that sees a part of the rows only."""
PATIENCE: Final = 15
MIN_ROWS: Final = 200
"""Fewer rows are too few to choose by: the most careful recipe serves."""
MIN_GROUPS: Final = 10
"""Of fewer airlines on routes a trial is not made, where there are so many."""

_LATER_SHARE: Final = 0.1
_SEEN_DAYS_ONE_IN: Final = np.uint64(6)
_MIN_DAYS: Final = 5
_LOG_SHARES: Final = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
# Plain prices may cost so much of the relative error, and must save so much of the
# squared one to be worth a second booster.
_TOLERATED: Final = 0.02
_WORTH_A_BOOSTER: Final = 0.005
# What errs by so little more is as good: the smallest of such trees are grown, with the
# most careful leaf, for these err least where something is new.
_TIE: Final = 0.02
_CAREFUL_LEAF: Final = 3.0
_FINE_LEAF: Final = 1.0
_FEWEST_LEAVES: Final = 16

Mask = NDArray[np.bool_]
Hashes = NDArray[np.uint64]


class Recipe(Value):
    """How the trees of one model are grown.

    Attributes
    ----------
    leaves, leaf
        Of each tree: most leaves, and the least weight of one.
    rounds
        Of the booster of log prices.
    log_share
        Share of the booster of log prices in the predicted price; the rest is that of
        the booster of plain prices. 1: there is no such booster.
    past
        Whether former fares are features.
    """

    leaves: int
    leaf: float
    rounds: int
    log_share: float = 1.0
    past: bool = False


@dataclass(frozen=True)
class Residuals:
    """What the trial missed on n rows that it never trained on.

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


def leaves_tried(parameters: TrainingParameters) -> list[int]:
    """Return the sizes of trees that are tried: up to the bound, each four times more."""
    most = parameters.max_leaves
    return sorted({min(most, max(most // part, _FEWEST_LEAVES)) for part in (16, 4, 1)})


def trial_rounds(rows: int, parameters: TrainingParameters) -> int:
    """Return the most rounds that one booster of a trial has."""
    most = parameters.boosting_rounds
    return most if rows <= TRIAL_ROWS else min(most, TRIAL_ROUNDS)


def planned_rounds(rows: int, parameters: TrainingParameters) -> int:
    """Return the most rounds of a whole trial."""
    rounds = trial_rounds(rows, parameters)
    return (len(leaves_tried(parameters)) + 2) * rounds + plain_rounds(rounds)


def hold_a_trial(
    encoder: FeatureEncoder,
    frame: pd.DataFrame,
    hashes: Hashes,
    parameters: TrainingParameters,
    progress: Progress,
) -> Trial:
    """Find how trees are grown best on rows like these.

    Parameters
    ----------
    hashes
        The identity of each row, shape (n,); equal rows are on one side of a cut.
    """
    if len(frame) < MIN_ROWS:
        progress.skip(planned_rounds(len(frame), parameters))
        careful = Recipe(
            leaves=leaves_tried(parameters)[0],
            leaf=_CAREFUL_LEAF,
            rounds=parameters.boosting_rounds,
        )
        return Trial(careful, None)
    later = later_rows(frame)
    judging = later | (mixed(hashes) % _SEEN_DAYS_ONE_IN == 0)
    groups = airline_route_hashes(columns_of(frame))
    part = part_of(groups, hashes, parameters.seed)
    past = PastFares.of(columns_of(frame[~judging]))
    train, judge = part[~judging[part]], part[judging[part]]
    found = _Contest(
        encoder,
        _Rows(frame.iloc[train], hashes[train]),
        _Rows(frame.iloc[judge], hashes[judge]),
        later[judge],
        past,
        scale=len(frame) / part.size,
        rounds=trial_rounds(len(frame), parameters),
        parameters=parameters,
        progress=progress,
    )
    return found.decided()


def later_rows(frame: pd.DataFrame) -> Mask:
    """Return which rows are of the last tenth of the flights or of the dated quotes.

    A history of few days has no such rows.
    """
    later = np.zeros(len(frame), dtype=np.bool_)
    for name in ("date", QUOTE_DATE):
        days = frame.get(name)
        if days is None or days.isna().any() or days.nunique() < _MIN_DAYS:
            continue
        cut = days.quantile(1 - _LATER_SHARE, interpolation="higher")
        last = days >= cut
        later |= (last if last.mean() < 0.5 else days > cut).to_numpy(np.bool_)
    return later


def part_of(groups: Hashes, hashes: Hashes, seed: int) -> NDArray[np.int64]:
    """Return the places of the rows of a trial, ascending: whole groups, at random.

    Parameters
    ----------
    groups
        What is kept together, shape (n,).
    hashes
        The identity of each row, shape (n,). The draw rests on both alone, not on the
        order of rows.
    """
    drawn = mixed(groups ^ np.uint64(seed))
    order = np.lexsort((hashes, drawn))
    starts = np.flatnonzero(np.r_[True, np.diff(drawn[order]) != 0])
    rank = np.arange(order.size) - np.repeat(starts, np.diff(np.r_[starts, order.size]))
    # What a large group has too much is taken last.
    too_much = rank >= TRIAL_ROWS // MIN_GROUPS
    return np.sort(order[np.argsort(too_much, kind="stable")][:TRIAL_ROWS])


@dataclass(frozen=True)
class _Rows:
    frame: pd.DataFrame
    hashes: Hashes

    @property
    def prices(self) -> Floats:
        return self.frame["price"].to_numpy(np.float64)


class _Contest:
    """The boosters of a trial, and the rows that judge them."""

    def __init__(
        self,
        encoder: FeatureEncoder,
        seen: _Rows,
        judge: _Rows,
        later: Mask,
        past: PastFares | None,
        *,
        scale: float,
        rounds: int,
        parameters: TrainingParameters,
        progress: Progress,
    ) -> None:
        self._encoder = encoder
        self._seen = seen
        self._judge = judge
        self._later = later
        self._past = past
        self._scale = scale
        self._rounds = rounds
        self._parameters = parameters
        self._progress = progress
        self._weights = _even(later)

    def decided(self) -> Trial:
        """Return what is found: size of the trees, their leaf, past fares, the blend."""
        arena = self._arena(None)
        leaves, tried = self._smallest_of_equals(arena)
        best, leaf = tried, _CAREFUL_LEAF
        fine = self._boost(arena, leaves, _FINE_LEAF)
        if fine.best_score < (1 - _TIE) * best.best_score:
            best, leaf = fine, _FINE_LEAF
        past = False
        if self._past is None:
            self._progress.skip(self._rounds)
        else:
            with_past = self._arena(self._past)
            booster = self._boost(with_past, leaves, leaf)
            if booster.best_score < best.best_score:
                best, arena, past = booster, with_past, True
        logs = arena.predicted(best)
        used = best.best_iteration + 1
        recipe = Recipe(
            leaves=leaves,
            leaf=leaf,
            rounds=self._rounds_for_all(used),
            log_share=self._log_share(arena, logs, leaves, used),
            past=past,
        )
        missed = np.log(self._judge.prices) - logs
        return Trial(recipe, Residuals(arena.features, logs, missed, self._later))

    def _arena(self, past: PastFares | None) -> "_Arena":
        return _Arena(
            self._encoder,
            self._seen,
            self._judge,
            past,
            self._weights,
            self._parameters,
        )

    def _smallest_of_equals(self, arena: "_Arena") -> tuple[int, xgb.Booster]:
        tried = {
            leaves: self._boost(arena, leaves, _CAREFUL_LEAF)
            for leaves in leaves_tried(self._parameters)
        }
        bar = (1 + _TIE) * min(booster.best_score for booster in tried.values())
        return next(found for found in tried.items() if found[1].best_score <= bar)

    def _boost(self, arena: "_Arena", leaves: int, leaf: float) -> xgb.Booster:
        parameters = self._parameters.for_xgboost(
            self._scaled(leaves), leaf, eval_metric="mae"
        )
        return boost(
            parameters,
            arena.matrix,
            self._rounds,
            self._progress,
            judged_on=arena.judge,
            patience=PATIENCE,
        )

    def _scaled(self, leaves: int) -> int:
        """Return as many leaves as leave each the same rows in the trial as in all."""
        return max(2, round(leaves / self._scale))

    def _rounds_for_all(self, used: int) -> int:
        """Return as many rounds as served; all where the trial had too few."""
        most = self._parameters.boosting_rounds
        return most if used + PATIENCE > self._rounds else used

    def _log_share(
        self, arena: "_Arena", logs: Floats, leaves: int, used: int
    ) -> float:
        """Return the share that makes RMSE least at hardly a higher MAPE."""
        prices, mean = self._judge.prices, float(self._seen.prices.mean())
        arena.matrix.set_label(self._seen.prices / mean)
        rounds = plain_rounds(used)
        parameters = self._parameters.for_plain_prices(self._scaled(leaves))
        booster = boost(parameters, arena.matrix, rounds, self._progress)
        self._progress.skip(plain_rounds(self._rounds) - rounds)
        ours, theirs = np.exp(logs), mean * arena.predicted(booster)

        def errors(share: float) -> tuple[float, float]:
            missed = share * ours + (1 - share) * theirs - prices
            mape = np.average(np.abs(missed) / prices, weights=self._weights)
            return float(mape), float(np.average(missed**2, weights=self._weights))

        mape, squared = errors(1.0)
        borne = [s for s in _LOG_SHARES if errors(s)[0] <= (1 + _TOLERATED) * mape]
        best = min(borne, key=lambda share: errors(share)[1])
        worth_it = errors(best)[1] < (1 - _WORTH_A_BOOSTER) ** 2 * squared
        return best if worth_it else 1.0


class _Arena:
    """What is trained on and what judges, with or without past fares."""

    def __init__(
        self,
        encoder: FeatureEncoder,
        seen: _Rows,
        judge: _Rows,
        past: PastFares | None,
        weights: Floats,
        parameters: TrainingParameters,
    ) -> None:
        ours, theirs = seen.frame, judge.frame
        if past is not None:
            encoder = encoder.with_past()
            learned = past.learnable_from(
                columns_of(ours), seen.hashes, parameters.seed
            )
            ours = ours.assign(**learned)
            theirs = theirs.assign(**past.known_to(columns_of(theirs)))
        self.features = encoder.transform(theirs)
        self.matrix = xgb.QuantileDMatrix(
            encoder.transform(ours),
            label=np.log(seen.prices),
            weight=weights_of(ours),
            feature_types=encoder.types,
            enable_categorical=True,
            nthread=parameters.threads,
        )
        self.judge = xgb.QuantileDMatrix(
            self.features,
            label=np.log(judge.prices),
            weight=weights,
            feature_types=encoder.types,
            ref=self.matrix,
            enable_categorical=True,
            nthread=parameters.threads,
        )

    def predicted(self, booster: xgb.Booster) -> Floats:
        return np.asarray(booster.inplace_predict(self.features), dtype=np.float64)


def _even(later: Mask) -> Floats:
    """Return weights with which both kinds of rows count as much."""
    share = float(later.mean())
    if share in (0.0, 1.0):
        return np.ones(later.size)
    return np.where(later, 0.5 / share, 0.5 / (1 - share))
