"""The training of a fare model: gradient-boosted trees that a trial has fitted out."""

from collections.abc import Callable
from typing import Final

from tripadvance_core.domain.holdout import is_reserved
from tripadvance_core.errors import Refused
from tripadvance_core.learning.boosting import (
    Progress,
    TrainingParameters,
    plain_rounds,
)
from tripadvance_core.learning.growing import Grower, Order, grow_here
from tripadvance_core.learning.intervals import BAND_ROUNDS, Band
from tripadvance_core.learning.matrices import EncodedFares
from tripadvance_core.learning.model import FareModel
from tripadvance_core.learning.trial import hold_a_trial, planned_rounds
from tripadvance_core.tabular.features import FeatureEncoder
from tripadvance_core.tabular.former_fares import FormerFares
from tripadvance_core.tabular.joining import ROW_HASH, FareRows

LEARNER: Final = 3
"""Counts changes by which the same rows and parameters give another model."""


def fit(
    rows: FareRows,
    parameters: TrainingParameters,
    *,
    stop_at: Callable[[], bool],
    on_round: Callable[[int, int], None],
    grower: Grower = grow_here,
) -> FareModel:
    """Train a model, its ranges not yet calibrated, on every row.

    The trees learn the logarithm of the price, for a fare that is 10 % off is as
    wrong when cheap as when dear. Where a trial says that it pays, more trees learn
    the plain price, which dear fares decide.

    Parameters
    ----------
    rows
        Cleaned rows with their identity and their price in the base currency, none of
        them reserved.
    stop_at
        Asked after every round but the last whether training must stop.
    on_round
        Told after every round how many are done, of how many at most.
    grower
        Grows the trees once the trial has found how.

    Raises
    ------
    Refused
        ``NOTHING_TO_TRAIN_ON`` for no rows.
    WindowClosed
        ``TRAINING_STOPPED`` when ``stop_at`` said so.
    ValueError
        When a row belongs to the holdout.
    """
    if not len(rows):
        raise Refused("NOTHING_TO_TRAIN_ON")
    if is_reserved(rows.column(ROW_HASH)).any():
        raise ValueError("rows of the holdout must never be trained on")
    progress = Progress(most_rounds(len(rows), parameters), stop_at, on_round)
    return grow(rows, parameters, progress, grower)


def grow(
    rows: FareRows,
    parameters: TrainingParameters,
    progress: Progress,
    grower: Grower = grow_here,
) -> FareModel:
    """Train on every row, whoever chose them."""
    given, parameters = parameters, parameters.for_rows(len(rows))
    encoder = FeatureEncoder.fit(rows)
    fares = EncodedFares(encoder, rows)
    trial = hold_a_trial(rows, fares, parameters, progress)
    band = Band.fit(trial.residuals, parameters, progress)
    recipe = trial.recipe
    order = Order(
        encoder=encoder,
        former=FormerFares.of(rows) if recipe.former else None,
        parameters=recipe.applied_to(parameters),
        recipe=recipe,
        price_scale=float(fares.prices.mean()),
    )
    progress.plan(order.rounds)
    encoded = fares if order.former is None else None
    del fares  # with former fares another one takes its place in memory
    trees = grower(order, rows, encoded, progress)
    return FareModel(
        booster=trees.logs,
        encoder=encoder,
        parameters=given.model_dump(mode="json"),
        recipe=recipe,
        plain=trees.plain,
        price_scale=order.price_scale,
        band=band,
        former=order.former,
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
