"""Ranges: as wide as fares scatter, and stretched to hold what they promise."""

from dataclasses import replace

import numpy as np
import pytest

from tripadvance_core.learning.boosting import Progress, TrainingParameters
from tripadvance_core.learning.intervals import LEVELS, Band, conformal_quantile
from tripadvance_core.learning.trial import Residuals


def scattered(rows: int, seed: int, later_factor: float = 1.0) -> Residuals:
    """Residuals whose spread is 0.05 or 0.5, as the feature says."""
    random = np.random.default_rng(seed)
    features = random.integers(0, 2, (rows, 1)).astype(np.float32)
    later = random.random(rows) < 0.5
    spread = np.where(features[:, 0] == 1, 0.5, 0.05)
    missed = random.normal(0, spread * np.where(later, later_factor, 1.0))
    return Residuals(features, np.full(rows, 5.0), missed, later)


def fitted(residuals: Residuals, parameters: TrainingParameters) -> Band:
    progress = Progress(1_000, lambda: False, lambda _done, _of: None)
    band = Band.fit(residuals, parameters, progress)
    new = scattered(4_000, seed=2)
    return band.calibrated(band.reach(new.features, new.logs), new.missed)


@pytest.mark.parametrize("level", LEVELS)
def test_range_holds_what_it_promises_where_fares_scatter_and_where_not(
    parameters: TrainingParameters, level: int
) -> None:
    band = fitted(scattered(4_000, seed=1), parameters)
    new = scattered(4_000, seed=3)
    reach = band.reach(new.features, new.logs)
    nowhere = np.zeros(4_000, dtype=bool)
    low, high = band.around(reach, new.logs, nowhere, level)
    actual = new.logs + new.missed
    inside = (low <= actual) & (actual <= high)
    assert 100 * inside.mean() == pytest.approx(level, abs=2)
    wide = new.features[:, 0] == 1
    for part in (wide, ~wide):
        assert 100 * inside[part].mean() == pytest.approx(level, abs=4)
    assert (high - low)[wide].mean() > 5 * (high - low)[~wide].mean()


def test_later_days_are_as_much_wider_as_the_trial_was_worse_there(
    parameters: TrainingParameters,
) -> None:
    band = fitted(scattered(8_000, seed=1, later_factor=1.3), parameters)
    assert band.later_stretch is not None
    assert band.later_stretch[80] == pytest.approx(1.3, rel=0.1)


def test_one_odd_later_period_is_believed_up_to_a_limit(
    parameters: TrainingParameters,
) -> None:
    band = fitted(scattered(8_000, seed=1, later_factor=9.0), parameters)
    assert band.later_stretch == {80: 1.4, 95: 1.4}


def test_days_that_are_no_worse_get_no_wider_ranges(
    parameters: TrainingParameters,
) -> None:
    """A band fits the rows that it knows; they must not pass for easier ones."""
    random = np.random.default_rng(4)
    residuals = scattered(4_000, seed=1)
    noise = random.normal(0, 1, (4_000, 8)).astype(np.float32)
    noisy = replace(residuals, features=np.hstack([residuals.features, noise]))
    progress = Progress(1_000, lambda: False, lambda _done, _of: None)
    stretch = Band.fit(noisy, parameters, progress).later_stretch
    assert stretch is not None
    assert stretch[80] < 1.08


def test_later_days_are_never_narrower(parameters: TrainingParameters) -> None:
    band = fitted(scattered(8_000, seed=1, later_factor=0.5), parameters)
    assert band.later_stretch == {80: 1.0, 95: 1.0}


def test_few_residuals_give_a_band_of_one_width(
    parameters: TrainingParameters,
) -> None:
    band = fitted(scattered(300, seed=1), parameters)
    assert band.booster is None
    new = scattered(10, seed=3)
    reach, nowhere = band.reach(new.features, new.logs), np.zeros(10, dtype=bool)
    low, high = band.around(reach, new.logs, nowhere, 80)
    assert np.ptp(high - low) == pytest.approx(0)


def test_conformal_quantile_is_the_finite_sample_one() -> None:
    """Of 9 scores the 8th: ⌈(9 + 1) · 0.8⌉."""
    scores = np.arange(9, 0, -1.0)
    assert conformal_quantile(scores, 80) == 8
    assert conformal_quantile(scores, 95) is None
