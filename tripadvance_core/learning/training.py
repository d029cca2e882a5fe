"""The training of a fare model: gradient-boosted trees on the logarithm of the price."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import xgboost as xgb
from pydantic import Field

from tripadvance_core.domain.entities import Value
from tripadvance_core.errors import Refused, WindowClosed
from tripadvance_core.learning.model import FareModel
from tripadvance_core.tabular.features import FeatureEncoder
from tripadvance_core.tabular.identity import reserved_rows


class TrainingParameters(Value):
    """What decides on a model beside its rows: same rows and these, same bytes.

    Leaves of one or two fares learn noise where rows are few, and make the files of
    a large model half as big again: hence ``min_child_weight`` and ``reg_lambda``.
    """

    boosting_rounds: int = Field(ge=1)
    learning_rate: float = Field(gt=0, lt=1)
    max_depth: int = Field(ge=1)
    subsample: float = Field(default=0.85, gt=0, le=1)
    colsample_bynode: float = Field(default=0.6, gt=0, le=1)
    min_child_weight: float = Field(default=3, ge=0)
    reg_lambda: float = Field(default=3, ge=0)
    threads: int = Field(ge=1)
    seed: int

    def for_xgboost(self) -> dict[str, object]:
        """Return the parameters under XGBoost's names, all but the rounds."""
        return {
            "objective": "reg:squarederror",
            "tree_method": "hist",
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "subsample": self.subsample,
            "colsample_bynode": self.colsample_bynode,
            "min_child_weight": self.min_child_weight,
            "reg_lambda": self.reg_lambda,
            "nthread": self.threads,
            "seed": self.seed,
        }


class _Watch(xgb.callback.TrainingCallback):
    """Tells after each round how far training is, and asks whether to stop."""

    def __init__(
        self,
        rounds: int,
        stop_at: Callable[[], bool],
        on_round: Callable[[int, int], None],
    ) -> None:
        self._rounds = rounds
        self._stop_at = stop_at
        self._on_round = on_round

    def after_iteration(
        self,
        model: xgb.Booster,  # noqa: ARG002 - XGBoost's signature
        epoch: int,
        evals_log: xgb.callback.TrainingCallback.EvalsLog,  # noqa: ARG002
    ) -> bool:
        """Return True to stop; the last round is never stopped."""
        done = epoch + 1
        self._on_round(done, self._rounds)
        return done < self._rounds and self._stop_at()


def fit(
    frame: pd.DataFrame,
    parameters: TrainingParameters,
    *,
    stop_at: Callable[[], bool],
    on_round: Callable[[int, int], None],
) -> FareModel:
    """Train a model, without an interval yet, on every row of a frame.

    The trees learn the logarithm of the price, for a fare that is 10 % off is as
    wrong when cheap as when dear.

    Parameters
    ----------
    frame
        Cleaned rows with their price in the base currency, none of them reserved.
    stop_at
        Asked after every round but the last whether training must stop.
    on_round
        Told after every round how many are done, of how many.

    Raises
    ------
    Refused
        ``NOTHING_TO_TRAIN_ON`` for a frame without rows.
    WindowClosed
        ``TRAINING_STOPPED`` when ``stop_at`` said so.
    ValueError
        When a row belongs to the holdout.
    """
    if frame.empty:
        raise Refused("NOTHING_TO_TRAIN_ON")
    if reserved_rows(frame).any():
        raise ValueError("rows of the holdout must never be trained on")
    encoder = FeatureEncoder.fit(frame)
    rounds = parameters.boosting_rounds
    booster = xgb.train(
        parameters.for_xgboost(),
        training_matrix(encoder, frame, parameters),
        num_boost_round=rounds,
        callbacks=[_Watch(rounds, stop_at, on_round)],
    )
    done = booster.num_boosted_rounds()
    if done < rounds:
        raise WindowClosed("TRAINING_STOPPED", rounds=done, of=rounds)
    return FareModel(booster, encoder, parameters.model_dump(mode="json"))


def training_matrix(
    encoder: FeatureEncoder, frame: pd.DataFrame, parameters: TrainingParameters
) -> xgb.QuantileDMatrix:
    """Return features and log prices of all rows as XGBoost takes them."""
    return xgb.QuantileDMatrix(
        encoder.transform(frame),
        label=np.log(frame["price"].to_numpy(float)),
        feature_types=encoder.types,
        enable_categorical=True,
        nthread=parameters.threads,
    )
