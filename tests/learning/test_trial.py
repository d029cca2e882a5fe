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
    hold_a_trial,
    later_rows,
    leaves_tried,
    part_of,
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
    assert one.recipe.leaves in leaves_tried(parameters)


def test_every_planned_round_is_done_or_taken_out(
    training: pd.DataFrame, parameters: TrainingParameters
) -> None:
    assert tried(training, parameters)[1] == 0
    assert tried(training[: MIN_ROWS - 1], parameters)[1] == 0
    quoted = training.assign(quote_date=training["date"] - pd.Timedelta(days=9))
    assert tried(quoted, parameters)[1] == 0


def test_few_rows_get_the_most_careful_recipe(
    training: pd.DataFrame, parameters: TrainingParameters
) -> None:
    found, _ = tried(training[: MIN_ROWS - 1], parameters)
    assert found.recipe.leaves == min(leaves_tried(parameters))
    assert found.residuals is None


def test_pure_noise_gets_few_rounds(
    make_frame: MakeFrame, parameters: TrainingParameters
) -> None:
    frame = make_frame(2_000)
    prices = np.random.default_rng(3).lognormal(5, 1, len(frame))
    many = parameters.model_copy(update={"boosting_rounds": 200})
    found, _ = tried(frame.assign(price=prices), many)
    assert found.recipe.rounds < 40


def test_leaves_are_light_only_where_fares_hardly_differ_from_their_likes(
    make_frame: MakeFrame, parameters: TrainingParameters
) -> None:
    frame = make_frame(2_000)
    rng = np.random.default_rng(3)
    alike = pd.factorize(frame["airline"] + frame["start_city"] + frame["end_city"])[0]
    exact = frame.assign(price=rng.lognormal(5, 0.5, alike.max() + 1)[alike])
    noisy = exact.assign(price=exact["price"] * rng.lognormal(0, 0.5, len(frame)))
    assert tried(exact, parameters)[0].recipe.light
    assert not tried(noisy, parameters)[0].recipe.light


def test_trial_of_few_rounds_does_not_take_to_light_leaves_for_learning_faster(
    make_frame: MakeFrame,
    parameters: TrainingParameters,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = make_frame(2_000)
    alike = pd.factorize(frame["airline"] + frame["start_city"] + frame["end_city"])[0]
    exact = frame.assign(price=100.0 + alike)
    monkeypatch.setattr(trial_module, "TRIAL_ROWS", len(frame) // 2)
    found, left_in_plan = tried(exact, parameters)
    assert not found.recipe.light
    assert left_in_plan == 0


def test_residuals_are_of_later_days_and_of_seen_ones(
    training: pd.DataFrame, parameters: TrainingParameters
) -> None:
    residuals = tried(training, parameters)[0].residuals
    assert residuals is not None
    assert 0.3 < residuals.later.mean() < 0.7
    assert residuals.missed.std() < 0.2
    assert residuals.features.shape[0] == residuals.missed.size


def test_later_rows_are_the_last_flights_and_the_last_quotes(
    make_frame: MakeFrame,
) -> None:
    frame = make_frame(2_000)
    frame["quote_date"] = frame["date"] - pd.to_timedelta(
        np.random.default_rng(1).integers(1, 200, len(frame)), unit="D"
    )
    later = later_rows(stored(frame))
    for name in ("date", "quote_date"):
        assert frame[name][~later].max() < frame[name].quantile(0.9)
    flights_alone = later_rows(stored(frame.drop(columns="quote_date")))
    assert (later & ~flights_alone).any()


@pytest.mark.parametrize("odd", ["one day", "some quotes undated"])
def test_days_that_do_not_tell_later_from_earlier_make_no_cut(
    make_frame: MakeFrame, odd: str
) -> None:
    frame = make_frame(500)
    if odd == "one day":
        assert not later_rows(
            stored(frame.assign(date=pd.Timestamp("2025-03-01")))
        ).any()
        return
    quotes = frame["date"].where(frame.index % 2 == 0)
    later = later_rows(stored(frame.assign(quote_date=quotes)))
    np.testing.assert_array_equal(later, later_rows(stored(frame)))


def groups_and_hashes(sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    groups = np.repeat(np.arange(len(sizes), dtype=np.uint64), sizes)
    hashes = np.random.default_rng(5).permutation(groups.size).astype(np.uint64)
    return groups, hashes


def test_part_of_many_rows_is_made_of_whole_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trial_module, "TRIAL_ROWS", 1_000)
    groups, hashes = groups_and_hashes([50] * 200)
    part = part_of(groups, hashes, seed=7)
    assert part.size == 1_000
    counts = np.bincount(groups[part].astype(int))
    assert sorted(set(counts)) == [0, 50]


def test_large_group_does_not_crowd_out_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trial_module, "TRIAL_ROWS", 1_000)
    groups, hashes = groups_and_hashes([5_000, *[50] * 100])
    part = part_of(groups, hashes, seed=7)
    assert (groups[part] == 0).sum() <= 100
    alone = part_of(groups[:5_000], hashes[:5_000], seed=7)
    assert alone.size == 1_000


def test_part_is_the_same_in_whatever_order_rows_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trial_module, "TRIAL_ROWS", 300)
    groups, hashes = groups_and_hashes([40] * 50)
    there = hashes[part_of(groups, hashes, seed=7)]
    back = hashes[::-1][part_of(groups[::-1], hashes[::-1], seed=7)]
    assert set(there) == set(back)


def test_trial_on_a_part_leaves_the_scale_of_trees_to_all_rows(
    training: pd.DataFrame,
    parameters: TrainingParameters,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trial_module, "TRIAL_ROWS", len(training) // 4)
    part, _ = tried(training, parameters)
    assert part.recipe.leaves in leaves_tried(parameters)
    assert part.residuals is not None
    assert part.residuals.missed.size <= len(training) // 4
