"""What a trial finds: from the rows themselves, within the bounds, the same each time."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tests.stored import stored
from tripadvance_core.learning import trial as trial_module
from tripadvance_core.learning.boosting import Progress, TrainingParameters
from tripadvance_core.learning.matrices import EncodedFares
from tripadvance_core.learning.trial import (
    MIN_ROWS,
    Trial,
    depths,
    hold_a_trial,
    planned_rounds,
)
from tripadvance_core.tabular.features import FeatureEncoder

MakeFrame = Callable[..., pd.DataFrame]


def tried(frame: pd.DataFrame, parameters: TrainingParameters) -> tuple[Trial, int]:
    """Hold a trial; return it and the rounds that are left in the plan."""
    rows = stored(frame)
    planned = planned_rounds(len(frame), parameters)
    progress = Progress(planned, lambda: False, lambda _done, _of: None)
    found = hold_a_trial(
        rows, EncodedFares(FeatureEncoder.fit(rows), rows), parameters, progress
    )
    return found, progress.planned - progress.done


def test_same_rows_give_the_same_recipe(
    training: pd.DataFrame, parameters: TrainingParameters
) -> None:
    one, other = (tried(training, parameters)[0] for _ in range(2))
    assert one.recipe == other.recipe
    assert 1 <= one.recipe.rounds <= parameters.boosting_rounds
    assert one.recipe.depth in depths(parameters)


def test_every_planned_round_is_done_or_taken_out(
    training: pd.DataFrame, parameters: TrainingParameters
) -> None:
    assert tried(training, parameters)[1] == 0
    assert tried(training[: MIN_ROWS - 1], parameters)[1] == 0


def test_few_rows_get_the_most_careful_recipe(
    training: pd.DataFrame, parameters: TrainingParameters
) -> None:
    found, _ = tried(training[: MIN_ROWS - 1], parameters)
    assert found.recipe.depth == min(depths(parameters))
    assert found.residuals is None


def test_pure_noise_gets_few_rounds(
    make_frame: MakeFrame, parameters: TrainingParameters
) -> None:
    frame = make_frame(2_000)
    prices = np.random.default_rng(3).lognormal(5, 1, len(frame))
    many = parameters.model_copy(update={"boosting_rounds": 200})
    found, _ = tried(frame.assign(price=prices), many)
    assert found.recipe.rounds < 40


def test_residuals_are_of_later_days_and_of_seen_ones(
    training: pd.DataFrame, parameters: TrainingParameters
) -> None:
    residuals = tried(training, parameters)[0].residuals
    assert residuals is not None
    assert 0.3 < residuals.later.mean() < 0.7
    assert residuals.missed.std() < 0.2
    assert residuals.features.shape[0] == residuals.missed.size


def test_trial_on_a_part_scales_depth_and_rounds_to_all_rows(
    training: pd.DataFrame,
    parameters: TrainingParameters,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, _ = tried(training, parameters)
    monkeypatch.setattr(trial_module, "TRIAL_ROWS", len(training) // 4)
    part, _ = tried(training, parameters)
    assert part.recipe.depth >= whole.recipe.depth
    assert part.recipe.depth <= parameters.max_depth
    assert part.residuals is not None
    assert part.residuals.missed.size <= len(training) // 4
