"""How sure a paired gain is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tripadvance_core.domain.resampling import GroupRatio


def ratio(
    numerator: list[float], groups: list[int] | None = None, resamples: int = 1999
) -> GroupRatio:
    values = np.array(numerator)
    numbers = np.arange(values.size) if groups is None else np.array(groups)
    return GroupRatio.of(
        values, np.full(values.size, 2.0), numbers, resamples=resamples, seed=7
    )


def test_ratio_is_of_the_sums() -> None:
    assert ratio([1, 2, 3, 6]).value == 12 / 8


def test_bounds_lie_around_the_value_and_widen_with_certainty() -> None:
    found = ratio([1, 2, 3, 4, 5, 6, 7, 8])
    wide, narrow = found.bounds(0.01), found.bounds(0.1)
    assert wide[0] < narrow[0] < found.value < narrow[1] < wide[1]


@pytest.mark.parametrize(("groups", "level"), [(10, 0.05), (20, 0.01), (60, 0.01)])
def test_bound_is_wrong_as_often_as_it_says(groups: int, level: float) -> None:
    random = np.random.default_rng(3)
    nights = 1500
    wrong = sum(
        ratio(list(random.standard_normal(groups)), resamples=999).bounds(level)[0] > 0
        for _ in range(nights)
    )
    assert wrong / nights == pytest.approx(level, abs=0.35 * level + 0.004)


def test_rows_of_one_group_are_one_observation() -> None:
    once = ratio([1, 2, 3, 4])
    copied = ratio([1, 2, 3, 4] * 5, [0, 1, 2, 3] * 5)
    assert copied[:3] == pytest.approx(once[:3])


def test_one_group_proves_nothing() -> None:
    assert ratio([5, 6], [1, 1]).bounds(0.05) == (-np.inf, np.inf)


def test_equal_groups_leave_no_doubt() -> None:
    assert ratio([3, 3, 3]).bounds(0.001) == (1.5, 1.5)


def test_too_few_resamples_for_so_rare_an_event_prove_nothing() -> None:
    assert ratio([1, 2, 3, 4], resamples=100).bounds(1e-4) == (-np.inf, np.inf)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 50), st.integers(0, 2**32 - 1))
def test_same_rows_give_the_same_bounds(groups: int, seed: int) -> None:
    values = list(np.random.default_rng(seed).standard_normal(groups))
    assert ratio(values).bounds(0.01) == ratio(values).bounds(0.01)
    below, above = ratio([-value for value in values]).bounds(0.01)
    assert ratio(values).bounds(0.01) == pytest.approx((-above, -below))
