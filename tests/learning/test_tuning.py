"""The search: never worse than the settings, never longer than its budget."""

import itertools
from collections.abc import Callable

import pandas as pd
import pytest

from tests.stored import stored
from tripadvance_core.learning.boosting import TrainingParameters
from tripadvance_core.learning.trial import MIN_ROWS
from tripadvance_core.learning.tuning import Tuned, tune

ROUNDS = 500


def ticking() -> Callable[[], float]:
    """Return a clock that is read once a round and moves on by a second each time."""
    ticks = itertools.count()
    return lambda: float(next(ticks))


def searched(
    frame: pd.DataFrame,
    parameters: TrainingParameters,
    former: Tuned | None = None,
    seconds: float = ROUNDS,
) -> Tuned | None:
    return tune(
        stored(frame), parameters, seconds=seconds, former=former, clock=ticking()
    )


@pytest.fixture(scope="module")
def tuned(training: pd.DataFrame, parameters: TrainingParameters) -> Tuned:
    found = searched(training, parameters)
    assert found is not None
    return found


def test_search_finds_nothing_worse_than_the_settings(tuned: Tuned) -> None:
    assert 0 < tuned.error <= tuned.error_of_settings
    assert tuned.tries > 1


def test_same_rows_and_seed_are_searched_in_the_same_way(
    training: pd.DataFrame, parameters: TrainingParameters, tuned: Tuned
) -> None:
    assert searched(training, parameters) == tuned


def test_next_search_starts_from_what_was_found(
    training: pd.DataFrame, parameters: TrainingParameters, tuned: Tuned
) -> None:
    """With time for the settings and one more try, that try is the former find."""
    for seconds in range(100, ROUNDS, 50):
        again = searched(training, parameters, former=tuned, seconds=seconds)
        if again is not None and again.tries == 2:
            assert again.error == pytest.approx(tuned.error)
            return
    pytest.fail("no budget was enough for two tries alone")


def test_budget_ends_the_search(
    training: pd.DataFrame, parameters: TrainingParameters
) -> None:
    assert searched(training, parameters, seconds=1) is None


def test_few_rows_are_not_searched(
    training: pd.DataFrame, parameters: TrainingParameters
) -> None:
    assert searched(training[: MIN_ROWS - 1], parameters) is None


def test_parameters_found_are_trained_with(
    parameters: TrainingParameters, tuned: Tuned
) -> None:
    applied = tuned.applied_to(parameters)
    assert applied.max_leaves == tuned.max_leaves
    assert applied.leaf == tuned.leaf
    learned = applied.learning_rate * applied.boosting_rounds
    assert learned == pytest.approx(
        parameters.learning_rate * parameters.boosting_rounds, rel=0.1
    )
