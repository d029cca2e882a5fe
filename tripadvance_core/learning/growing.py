"""The trees of a model, grown on every row once a trial has found how.

The same work is done on one machine, and by each worker of a cluster on its own share
of the rows: there XGBoost sums the histograms of all shares.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import xgboost as xgb

from tripadvance_core.learning.boosting import (
    Progress,
    TrainingParameters,
    boost,
    plain_rounds,
)
from tripadvance_core.learning.matrices import (
    EncodedFares,
    is_for_the_disk,
    training_matrix,
)
from tripadvance_core.learning.trial import Recipe
from tripadvance_core.tabular.features import FeatureEncoder
from tripadvance_core.tabular.former_fares import FormerFares
from tripadvance_core.tabular.joining import FareRows


@dataclass(frozen=True)
class Order:
    """Everything that decides on the trees beside the rows.

    Attributes
    ----------
    price_scale
        What the trees of plain prices count in, in the base currency.
    """

    encoder: FeatureEncoder
    former: FormerFares | None
    parameters: TrainingParameters
    recipe: Recipe
    price_scale: float

    @property
    def rounds_of_plain(self) -> int:
        """How many rounds the trees of plain prices have, 0 where there are none."""
        return plain_rounds(self.recipe.rounds) if self.recipe.log_share < 1 else 0

    @property
    def rounds(self) -> int:
        """How many rounds there are in all."""
        return self.recipe.rounds + self.rounds_of_plain

    def encoded(self, rows: FareRows) -> EncodedFares:
        """Return rows with all features that the trees are grown on."""
        return EncodedFares(self.encoder, rows, self.former, self.parameters.seed)


class Trees(NamedTuple):
    """The boosters of log prices and of plain prices; None where the latter do not pay."""

    logs: xgb.Booster
    plain: xgb.Booster | None


class Grower(Protocol):
    """Grows trees, wherever that is done."""

    def __call__(
        self,
        order: Order,
        rows: FareRows,
        fares: EncodedFares | None,
        progress: Progress,
    ) -> Trees:
        """Grow the trees on all rows.

        Parameters
        ----------
        fares
            The rows with all features, where they are encoded already.

        Raises
        ------
        WindowClosed
            ``TRAINING_STOPPED`` when ``progress`` said so.
        """


def grow_here(
    order: Order, rows: FareRows, fares: EncodedFares | None, progress: Progress
) -> Trees:
    """Grow the trees in this process; see ``Grower``."""
    fares = order.encoded(rows) if fares is None else fares
    on_disk = is_for_the_disk(len(fares))
    return grow_trees(order, fares, progress, on_disk=on_disk)


def grow_trees(
    order: Order,
    fares: EncodedFares,
    progress: Progress,
    *,
    on_disk: bool,
    **special: Any,
) -> Trees:
    """Grow the trees on these rows, and on those of the other workers if there are any.

    Parameters
    ----------
    on_disk
        Whether the binned matrix lies there; the same for all workers.
    special
        Further parameters under XGBoost's names.
    """
    parameters, recipe = order.parameters, order.recipe
    matrix = training_matrix(fares, np.log, parameters.threads, on_disk=on_disk)
    logs = boost(
        parameters.for_xgboost(recipe.leaves) | special, matrix, recipe.rounds, progress
    )
    if not order.rounds_of_plain:
        return Trees(logs, None)
    matrix.set_label(fares.prices / order.price_scale)
    plain = boost(
        parameters.for_plain_prices(recipe.leaves) | special,
        matrix,
        order.rounds_of_plain,
        progress,
    )
    return Trees(logs, plain)
