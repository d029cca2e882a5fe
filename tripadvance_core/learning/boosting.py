"""One way to boost trees: watched after every round, repeatable to the bit."""

from collections.abc import Callable
from typing import Any, Final, Self

import xgboost as xgb
from pydantic import Field

from tripadvance_core.domain.entities import Value
from tripadvance_core.errors import WindowClosed
from tripadvance_core.settings import Device

FULL_RATE_ROWS: Final = 200_000
"""From so many rows on trees learn at the full rate, for each costs much."""
_FEWEST_LEAVES: Final = 16
_ROWS_A_LEAF: Final = 16
_PLAIN_ROUNDS: Final = 0.5
_PLAIN_LEAVES: Final = 0.7
_LIGHTER: Final = 3.0


def plain_rounds(rounds: int) -> int:
    """Return the rounds of plain prices beside so many of log prices."""
    return max(1, round(_PLAIN_ROUNDS * rounds))


class TrainingParameters(Value):
    """What decides on a model beside its rows: same rows and these, same bytes.

    ``learning_rate``, ``boosting_rounds`` and ``leaf`` are those of a large history, see
    ``for_rows``. Rounds and ``max_leaves`` are bounds; a trial on the rows themselves
    finds what serves below them. ``leaf`` is the least weight of a leaf, and as many
    fares that say 0 are added to each: leaves of one or two fares learn noise, and
    mistake the last days that they have seen for all that come. ``max_cat_threshold``
    is the most categories that one side of a split names: with the 64 of XGBoost, fares
    of days among those trained on were met hardly better, and of later days much worse.
    """

    boosting_rounds: int = Field(ge=1)
    learning_rate: float = Field(gt=0, lt=1)
    max_leaves: int = Field(ge=2)
    leaf: float = Field(default=2.0, gt=0)
    subsample: float = Field(default=1.0, gt=0, le=1)
    colsample_bynode: float = Field(default=0.8, gt=0, le=1)
    max_cat_threshold: int = Field(default=16, ge=1)
    device: Device = "cpu"
    threads: int = Field(ge=1)
    seed: int

    def for_rows(self, rows: int) -> Self:
        """Return the parameters for so many rows: fewer learn slower, in more rounds.

        The rate falls with the fourth root of the rows, and what a round costs falls
        with the rows themselves: small steps are better wherever they are cheap. The
        leaves of fewer rows are heavier, for there is more luck in what few have in
        common. Trees of more leaves than rows fill are of no use.
        """
        factor = min(1.0, (rows / FULL_RATE_ROWS) ** 0.25)
        leaves = max(_FEWEST_LEAVES, rows // _ROWS_A_LEAF)
        return self.at_rate(self.learning_rate * factor).model_copy(
            update={
                "leaf": self.leaf / factor**0.5,
                "max_leaves": min(self.max_leaves, leaves),
            }
        )

    def at_rate(self, learning_rate: float) -> Self:
        """Return the parameters of another rate, with as many rounds as make up for it."""
        rounds = round(self.boosting_rounds * self.learning_rate / learning_rate)
        return self.model_copy(
            update={"learning_rate": learning_rate, "boosting_rounds": max(1, rounds)}
        )

    def with_light_leaves(self) -> Self:
        """Return the parameters for fares that hardly differ from their likes."""
        return self.model_copy(update={"leaf": self.leaf / _LIGHTER})

    def for_xgboost(self, leaves: int, **special: Any) -> dict[str, Any]:
        """Return the parameters under XGBoost's names, all but the rounds.

        Parameters
        ----------
        leaves
            Most leaves of a tree. The one that gains most is split next, however deep
            it lies: few places need many splits, and most need few.
        """
        return {
            "objective": "reg:squarederror",
            "tree_method": "hist",
            "learning_rate": self.learning_rate,
            "grow_policy": "lossguide",
            "max_leaves": leaves,
            "max_depth": 0,
            "subsample": self.subsample,
            "colsample_bynode": self.colsample_bynode,
            "max_cat_threshold": self.max_cat_threshold,
            "min_child_weight": self.leaf,
            "reg_lambda": self.leaf,
            "device": self.device,
            "nthread": self.threads,
            "seed": self.seed,
        } | special

    def for_plain_prices(self, leaves: int) -> dict[str, Any]:
        """Return the parameters of the trees of plain prices.

        Dear fares decide these trees and are few, hence fewer leaves and
        rounds. Another seed makes errors that differ from the others' and partly
        cancel them.
        """
        fewer = max(2, round(_PLAIN_LEAVES * leaves))
        return self.for_xgboost(fewer, seed=self.seed + 1)


class Progress:
    """Counts rounds over all boosters of a model, and asks whether to stop.

    Parameters
    ----------
    stop_at
        Asked after every round but the last whether training must stop.
    on_round
        Told after every round how many are done, of how many.
    """

    def __init__(
        self,
        planned: int,
        stop_at: Callable[[], bool],
        on_round: Callable[[int, int], None],
    ) -> None:
        self.done = 0
        self.planned = planned
        self._stop_at = stop_at
        self._on_round = on_round

    def step(self) -> None:
        """Count one round.

        Raises
        ------
        WindowClosed
            ``TRAINING_STOPPED`` when ``stop_at`` says so before the last round.
        """
        self.done += 1
        self._on_round(self.done, self.planned)
        if self.done < self.planned and self._stop_at():
            raise WindowClosed("TRAINING_STOPPED", rounds=self.done, of=self.planned)

    def plan(self, rounds: int) -> None:
        """Say that exactly so many rounds are left."""
        self.planned = self.done + rounds

    def skip(self, rounds: int) -> None:
        """Take rounds that are not needed out of the plan."""
        self.planned -= rounds


class _Watch(xgb.callback.TrainingCallback):
    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def after_iteration(
        self,
        model: xgb.Booster,  # noqa: ARG002 - XGBoost's signature
        epoch: int,  # noqa: ARG002
        evals_log: xgb.callback.TrainingCallback.EvalsLog,  # noqa: ARG002
    ) -> bool:
        """Count the round; training goes on unless the count raises."""
        self._progress.step()
        return False


def boost(
    parameters: dict[str, Any],
    matrix: xgb.DMatrix,
    rounds: int,
    progress: Progress,
    *,
    judged_on: xgb.DMatrix | None = None,
    patience: int | None = None,
) -> xgb.Booster:
    """Train trees; with ``judged_on`` stop once ``patience`` rounds were in vain.

    A booster that stopped early keeps its trees up to the best round.
    """
    callbacks: list[xgb.callback.TrainingCallback] = [_Watch(progress)]
    if judged_on is not None:
        callbacks.append(xgb.callback.EarlyStopping(rounds=patience, save_best=True))
    planned = progress.done + rounds
    booster = xgb.train(
        parameters,
        matrix,
        num_boost_round=rounds,
        evals=[(judged_on, "judged")] if judged_on is not None else None,
        verbose_eval=False,
        callbacks=callbacks,
    )
    progress.skip(planned - progress.done)
    # Rows to predict lie in this machine's memory, whatever trained.
    booster.set_param({"device": "cpu"})
    return booster
