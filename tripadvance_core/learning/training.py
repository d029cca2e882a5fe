"""The training of a fare model: gradient-boosted trees that a trial has fitted out."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain.holdout import is_reserved
from tripadvance_core.errors import Refused
from tripadvance_core.learning.boosting import (
    Progress,
    TrainingParameters,
    boost,
    plain_rounds,
)
from tripadvance_core.learning.intervals import BAND_ROUNDS, Band
from tripadvance_core.learning.matrices import training_matrix
from tripadvance_core.learning.model import FareModel
from tripadvance_core.learning.trial import hold_a_trial, planned_rounds
from tripadvance_core.tabular.features import FeatureEncoder, columns_of
from tripadvance_core.tabular.identity import row_hashes
from tripadvance_core.tabular.past_fares import PastFares


def fit(
    frame: pd.DataFrame,
    parameters: TrainingParameters,
    *,
    stop_at: Callable[[], bool],
    on_round: Callable[[int, int], None],
) -> FareModel:
    """Train a model, its ranges not yet calibrated, on every row of a frame.

    The trees learn the logarithm of the price, for a fare that is 10 % off is as
    wrong when cheap as when dear. Where a trial says that it pays, more trees learn
    the plain price, which dear fares decide.

    Parameters
    ----------
    frame
        Cleaned rows with their price in the base currency, none of them reserved.
    stop_at
        Asked after every round but the last whether training must stop.
    on_round
        Told after every round how many are done, of how many at most.

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
    hashes = row_hashes(frame).to_numpy(np.uint64)
    if is_reserved(hashes).any():
        raise ValueError("rows of the holdout must never be trained on")
    progress = Progress(most_rounds(len(frame), parameters), stop_at, on_round)
    return grow(frame, hashes, parameters, progress)


def grow(
    frame: pd.DataFrame,
    hashes: NDArray[np.uint64],
    parameters: TrainingParameters,
    progress: Progress,
) -> FareModel:
    """Train on every row of a frame, whoever chose them.

    Parameters
    ----------
    hashes
        The identity of each row, shape (n,).
    """
    given, parameters = parameters, parameters.for_rows(len(frame))
    encoder = FeatureEncoder.fit(frame)
    trial = hold_a_trial(encoder, frame, hashes, parameters, progress)
    band = Band.fit(trial.residuals, parameters, progress)
    recipe = trial.recipe
    past = PastFares.of(columns_of(frame)) if recipe.past else None
    if past is not None:
        encoder = encoder.with_past()
        frame = frame.assign(
            **past.learnable_from(columns_of(frame), hashes, parameters.seed)
        )
    plain, scale = None, float(frame["price"].mean())
    rounds_of_plain = plain_rounds(recipe.rounds) if recipe.log_share < 1 else 0
    progress.plan(recipe.rounds + rounds_of_plain)
    matrix = training_matrix(encoder, frame, np.log, parameters.threads)
    booster = boost(
        parameters.for_xgboost(recipe.leaves, recipe.leaf),
        matrix,
        recipe.rounds,
        progress,
    )
    if rounds_of_plain:
        matrix.set_label(frame["price"].to_numpy(np.float64) / scale)
        plain = boost(
            parameters.for_plain_prices(recipe.leaves),
            matrix,
            rounds_of_plain,
            progress,
        )
    return FareModel(
        booster=booster,
        encoder=encoder,
        parameters=given.model_dump(mode="json"),
        recipe=recipe,
        plain=plain,
        price_scale=scale,
        band=band,
        past=past,
    )


def most_rounds(rows: int, parameters: TrainingParameters) -> int:
    """Return the most rounds of all boosters of a model of so many rows."""
    parameters = parameters.for_rows(rows)
    rounds = parameters.boosting_rounds
    return (
        planned_rounds(rows, parameters)
        + 2 * BAND_ROUNDS
        + rounds
        + plain_rounds(rounds)
    )
