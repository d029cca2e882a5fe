"""A small training on a part of the rows that finds how to train on all of them.

The part is made of whole airlines on whole routes, so its rows lie as dense in time as
all of them: rows drawn one by one would each have lost the neighbours from which the
model learns. Some of its rows judge: those of the days after the last one that the
trial has seen, and some of the days that it has seen, with equal weight, for a model is
asked for both.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, Self

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
from tripadvance_core.learning.matrices import EncodedFares, Sample
from tripadvance_core.tabular.features import QUOTE_DATE, FeatureType, columns_of
from tripadvance_core.tabular.former_fares import FormerFares, airline_route_hashes
from tripadvance_core.tabular.joining import ROW_HASH, FareRows

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
# Trees whose errors differ by less are equals; of those the smallest are grown, and
# with leaves of the weight that the settings say.
_TIE: Final = 0.02
_FEWEST_LEAVES: Final = 16

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]
Hashes = NDArray[np.uint64]


class Recipe(Value):
    """How the trees of one model are grown.

    Attributes
    ----------
    leaves
        Most leaves of each tree.
    rounds
        Of the booster of log prices.
    log_share
        Share of the booster of log prices in the predicted price; the rest is that of
        the booster of plain prices. 1: there is no such booster.
    former
        Whether former fares are features.
    light
        Whether leaves weigh a third of what the settings say.
    """

    leaves: int
    rounds: int
    log_share: float = 1.0
    former: bool = False
    light: bool = False

    def applied_to(self, parameters: TrainingParameters) -> TrainingParameters:
        """Return the parameters that trees of this recipe are grown by."""
        return parameters.with_light_leaves() if self.light else parameters


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


def has_all_rounds(rows: int) -> bool:
    """Return whether a trial sees all rows, and so may have all rounds."""
    return rows <= TRIAL_ROWS


def trial_rounds(rows: int, parameters: TrainingParameters) -> int:
    """Return the most rounds that one booster of a trial has."""
    most = parameters.boosting_rounds
    return most if has_all_rounds(rows) else min(most, TRIAL_ROUNDS)


def planned_rounds(rows: int, parameters: TrainingParameters) -> int:
    """Return the most rounds of a whole trial."""
    rounds = trial_rounds(rows, parameters)
    boosters = len(leaves_tried(parameters)) + 1 + has_all_rounds(rows)
    return boosters * rounds + plain_rounds(rounds)


def hold_a_trial(
    rows: FareRows,
    fares: EncodedFares,
    parameters: TrainingParameters,
    progress: Progress,
) -> Trial:
    """Find how trees are grown best on rows like these.

    Rows of one identity are on one side of a cut.

    Parameters
    ----------
    fares
        The same rows, encoded.
    """
    if len(rows) < MIN_ROWS:
        progress.skip(planned_rounds(len(rows), parameters))
        careful = Recipe(
            leaves=leaves_tried(parameters)[0],
            rounds=parameters.boosting_rounds,
        )
        return Trial(careful, None)
    return Contest.of(rows, fares, parameters, progress).decided()


def later_rows(rows: FareRows) -> Mask:
    """Return which rows are of the last tenth of the flights or of the dated quotes.

    A history of few days has no such rows.
    """
    later = np.zeros(len(rows), dtype=np.bool_)
    for name in ("date", QUOTE_DATE):
        if name not in rows.shared:
            continue
        days = pd.Series(rows.column(name))
        if days.isna().any() or days.nunique() < _MIN_DAYS:
            continue
        cut = days.quantile(1 - _LATER_SHARE, interpolation="higher")
        last = days >= cut
        later |= (last if last.mean() < 0.5 else days > cut).to_numpy(np.bool_)
    return later


def part_of(groups: Hashes, hashes: Hashes, seed: int) -> Places:
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


class _FormerFares(NamedTuple):
    """Former fares as further features of the rows of a trial."""

    train: NDArray[np.float32]
    judge: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        rows: FareRows,
        judging: Mask,
        train: Places,
        judge: Places,
        seed: int,
    ) -> Self | None:
        """Learn from all rows that do not judge, in the trial or not."""
        former = FormerFares.of(rows.where(~judging))
        if former is None:
            return None
        theirs, ours = (_frame_at(rows, places) for places in (judge, train))
        hashes = ours[ROW_HASH].to_numpy(np.uint64)
        return cls(
            former.learnable_from(columns_of(ours), hashes, seed),
            former.known_to(columns_of(theirs)),
        )


def _frame_at(rows: FareRows, places: Places) -> pd.DataFrame:
    chosen = np.zeros(len(rows), dtype=np.bool_)
    chosen[places] = True
    return rows.where(chosen).frame()


class _Arena(NamedTuple):
    """What is trained on and what judges."""

    seen: Sample
    judge: Sample
    later: Mask
    types: list[FeatureType]

    def with_former(self, former: _FormerFares) -> Self:
        """Return the same rows with former fares among their features."""
        added: list[FeatureType] = ["float"] * former.train.shape[1]
        return self._replace(
            seen=_widened(self.seen, former.train),
            judge=_widened(self.judge, former.judge),
            types=self.types + added,
        )


def _widened(sample: Sample, features: NDArray[np.float32]) -> Sample:
    return sample._replace(features=np.hstack([sample.features, features]))


class _Matrices:
    """An arena as XGBoost takes it."""

    def __init__(self, arena: _Arena, threads: int) -> None:
        self.features = arena.judge.features
        self.seen = xgb.QuantileDMatrix(
            arena.seen.features,
            label=np.log(arena.seen.prices),
            weight=arena.seen.weights,
            feature_types=arena.types,
            enable_categorical=True,
            nthread=threads,
        )
        self.judge = xgb.QuantileDMatrix(
            self.features,
            label=np.log(arena.judge.prices),
            weight=_even(arena.later),
            feature_types=arena.types,
            ref=self.seen,
            enable_categorical=True,
            nthread=threads,
        )

    def predicted(self, booster: xgb.Booster) -> Floats:
        return np.asarray(booster.inplace_predict(self.features), dtype=np.float64)


class Contest:
    """The boosters of a trial, and the rows that judge them."""

    def __init__(
        self,
        arena: _Arena,
        former: _FormerFares | None,
        *,
        rows: int,
        parameters: TrainingParameters,
        progress: Progress,
    ) -> None:
        self._arena = arena
        self._former = former
        self._rows = rows
        self._scale = rows / (arena.seen.prices.size + arena.judge.prices.size)
        self._rounds = trial_rounds(rows, parameters)
        self._parameters = parameters
        self._progress = progress
        self._matrices = _Matrices(arena, parameters.threads)

    @classmethod
    def of(
        cls,
        rows: FareRows,
        fares: EncodedFares,
        parameters: TrainingParameters,
        progress: Progress,
    ) -> Self:
        """Draw the rows that are trained on, and those that judge; see the module."""
        hashes = rows.column(ROW_HASH)
        later = later_rows(rows)
        judging = later | (mixed(hashes) % _SEEN_DAYS_ONE_IN == 0)
        part = part_of(airline_route_hashes(rows), hashes, parameters.seed)
        train, judge = part[~judging[part]], part[judging[part]]
        return cls(
            _Arena(fares.sample(train), fares.sample(judge), later[judge], fares.types),
            _FormerFares.of(rows, judging, train, judge, parameters.seed),
            rows=len(rows),
            parameters=parameters,
            progress=progress,
        )

    def error_of(self, parameters: TrainingParameters) -> float:
        """Return the mean absolute error of log prices with other parameters.

        Those of a large history, see ``TrainingParameters.for_rows``. Slow learning
        has as many more rounds here as it has in the end.
        """
        parameters = parameters.for_rows(self._rows)
        slower = self._parameters.learning_rate / parameters.learning_rate
        booster = boost(
            parameters.for_xgboost(
                self._scaled(parameters.max_leaves),
                eval_metric="mae",
            ),
            self._matrices.seen,
            max(1, round(self._rounds * slower)),
            self._progress,
            judged_on=self._matrices.judge,
            patience=max(1, round(PATIENCE * slower)),
        )
        return float(booster.best_score)

    def decided(self) -> Trial:
        """Return what is found: size of the trees, their leaf, former fares, the blend."""
        matrices, parameters, former = self._matrices, self._parameters, False
        leaves, best = self._smallest_of_equals()
        lighter = self._better_with_light_leaves(leaves, best)
        if lighter is not None:
            best, parameters = lighter, parameters.with_light_leaves()
        if self._former is None:
            self._progress.skip(self._rounds)
        else:
            arena = self._arena.with_former(self._former)
            wider = _Matrices(arena, parameters.threads)
            booster = self._boost(wider, parameters, leaves)
            if booster.best_score < best.best_score:
                best, matrices, former = booster, wider, True
        logs = matrices.predicted(best)
        used = best.best_iteration + 1
        recipe = Recipe(
            leaves=leaves,
            rounds=self._rounds_for_all(used),
            log_share=self._log_share(matrices, parameters, logs, leaves, used),
            former=former,
            light=lighter is not None,
        )
        missed = np.log(self._arena.judge.prices) - logs
        return Trial(
            recipe, Residuals(matrices.features, logs, missed, self._arena.later)
        )

    def _smallest_of_equals(self) -> tuple[int, xgb.Booster]:
        tried = {
            leaves: self._boost(self._matrices, self._parameters, leaves)
            for leaves in leaves_tried(self._parameters)
        }
        bar = (1 + _TIE) * min(booster.best_score for booster in tried.values())
        return next(found for found in tried.items() if found[1].best_score <= bar)

    def _better_with_light_leaves(
        self, leaves: int, best: xgb.Booster
    ) -> xgb.Booster | None:
        # They learn faster, so a trial of fewer rounds than there will be favours them.
        if not has_all_rounds(self._rows):
            return None
        lighter = self._parameters.with_light_leaves()
        booster = self._boost(self._matrices, lighter, leaves)
        return booster if booster.best_score < (1 - _TIE) * best.best_score else None

    def _boost(
        self, matrices: _Matrices, parameters: TrainingParameters, leaves: int
    ) -> xgb.Booster:
        return boost(
            parameters.for_xgboost(self._scaled(leaves), eval_metric="mae"),
            matrices.seen,
            self._rounds,
            self._progress,
            judged_on=matrices.judge,
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
        self,
        matrices: _Matrices,
        parameters: TrainingParameters,
        logs: Floats,
        leaves: int,
        used: int,
    ) -> float:
        """Return the share that makes RMSE least at hardly a higher MAPE."""
        prices, weights = self._arena.judge.prices, _even(self._arena.later)
        mean = float(self._arena.seen.prices.mean())
        matrices.seen.set_label(self._arena.seen.prices / mean)
        rounds = plain_rounds(used)
        plain = parameters.for_plain_prices(self._scaled(leaves))
        booster = boost(plain, matrices.seen, rounds, self._progress)
        self._progress.skip(plain_rounds(self._rounds) - rounds)
        ours, theirs = np.exp(logs), mean * matrices.predicted(booster)

        def errors(share: float) -> tuple[float, float]:
            missed = share * ours + (1 - share) * theirs - prices
            mape = np.average(np.abs(missed) / prices, weights=weights)
            return float(mape), float(np.average(missed**2, weights=weights)) ** 0.5

        mape, rmse = errors(1.0)
        borne = [s for s in _LOG_SHARES if errors(s)[0] <= (1 + _TOLERATED) * mape]
        best = min(borne, key=lambda share: errors(share)[1])
        return best if errors(best)[1] < (1 - _WORTH_A_BOOSTER) * rmse else 1.0


def _even(later: Mask) -> Floats:
    """Return weights with which both kinds of rows count as much."""
    share = float(later.mean())
    if share in (0.0, 1.0):
        return np.ones(later.size)
    return np.where(later, 0.5 / share, 0.5 / (1 - share))
