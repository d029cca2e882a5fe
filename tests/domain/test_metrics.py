"""The six figures, checked by hand and against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tripadvance_core.domain.metrics import RegressionMetrics

PRICES = st.floats(min_value=1, max_value=1e5)
PAIRS = st.lists(st.tuples(PRICES, PRICES), min_size=1, max_size=30)


def score(actual: list[float], predicted: list[float]) -> RegressionMetrics:
    return RegressionMetrics.of(np.array(actual), np.array(predicted))


def test_figures_are_those_computed_by_hand() -> None:
    expected = {
        "rows": 3,
        "mean_absolute_error": 130 / 3,
        "mean_squared_error": 3500,
        "root_mean_squared_error": math.sqrt(3500),
        "r2_score": 1 - 3500 / np.var([100, 200, 400]),
        "mean_absolute_percentage_error": 45 / 3,
        "accuracy_10_percent": 200 / 3,
    }
    metrics = score([100, 200, 400], [110, 180, 300])
    assert metrics.model_dump() == pytest.approx(expected)


def test_perfect_predictions_score_perfectly() -> None:
    metrics = score([100, 250], [100, 250])
    assert metrics.mean_absolute_error == 0
    assert metrics.r2_score == 1
    assert metrics.accuracy_10_percent == 100


def test_predicting_the_mean_explains_nothing() -> None:
    assert score([100, 300], [200, 200]).r2_score == 0


def test_equal_prices_have_no_r2() -> None:
    assert score([100, 100], [90, 110]).r2_score is None


def test_just_over_ten_percent_off_is_not_accurate() -> None:
    assert score([100, 100], [110.001, 109.999]).accuracy_10_percent == 50


@given(PAIRS, st.data())
def test_row_of_a_weight_counts_as_so_many_rows(
    pairs: list[tuple[float, float]], data: st.DataObject
) -> None:
    size = len(pairs)
    times = data.draw(st.lists(st.integers(1, 5), min_size=size, max_size=size))
    actual, predicted = np.array(pairs).T
    once = RegressionMetrics.of(actual, predicted, np.array(times, dtype=float))
    often = RegressionMetrics.of(np.repeat(actual, times), np.repeat(predicted, times))
    assert once.rows == size
    for name in set(RegressionMetrics.model_fields) - {"rows", "r2_score"}:
        assert getattr(once, name) == pytest.approx(getattr(often, name))
    if once.r2_score is not None and often.r2_score is not None:
        assert 1 - once.r2_score == pytest.approx(1 - often.r2_score, rel=1e-3)


@pytest.mark.parametrize(
    ("actual", "predicted"),
    [
        ([], []),
        ([1, 2], [1]),
        ([[1.0]], [[1.0]]),
        ([0.0], [1.0]),
        ([-5.0], [1.0]),
        ([math.nan], [1.0]),
    ],
)
def test_what_cannot_be_scored_is_refused(actual: list, predicted: list) -> None:
    with pytest.raises(ValueError, match=r"one shape|above 0"):
        RegressionMetrics.of(np.array(actual, float), np.array(predicted, float))


@settings(deadline=None)
@given(PAIRS, st.randoms())
def test_order_of_rows_does_not_matter(pairs: list, random: object) -> None:
    shuffled = random.sample(pairs, len(pairs))  # type: ignore[attr-defined]
    one, other = (
        score(*map(list, zip(*pairs, strict=True))),
        score(*map(list, zip(*shuffled, strict=True))),
    )
    assert one.model_dump() == pytest.approx(other.model_dump(), nan_ok=True)


@settings(deadline=None)
@given(PAIRS, st.floats(min_value=0.01, max_value=100))
def test_shares_do_not_depend_on_the_currency(pairs: list, rate: float) -> None:
    actual, predicted = (np.array(side) for side in zip(*pairs, strict=True))
    one = RegressionMetrics.of(actual, predicted)
    other = RegressionMetrics.of(actual * rate, predicted * rate)
    assert other.mean_absolute_percentage_error == pytest.approx(
        one.mean_absolute_percentage_error
    )
    assert other.mean_absolute_error == pytest.approx(one.mean_absolute_error * rate)
