"""When MASTER loses its place: only to a challenger that is provably better."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tripadvance_core.domain.promotion import (
    Outcome,
    Panel,
    PromotionDecision,
    PromotionPolicy,
    decide,
    measure_gain,
)

POLICY = PromotionPolicy()
RIVAL_ERROR = 10.0


def a_panel(
    true_gain: float,
    *,
    seed: int = 1,
    groups: int = 60,
    rows_per_group: int = 30,
    group_sd: float = 8,
    row_sd: float = 40,
) -> Panel:
    """Fares of 100 on which the rival is 10 off; gain and spreads in % of that.

    The fares of one group move together, as those of one route in one week do.
    """
    random = np.random.default_rng(seed)
    together = group_sd * random.standard_normal((groups, 1))
    alone = row_sd * random.standard_normal((groups, rows_per_group))
    gain = (true_gain + together + alone).ravel() / 100
    size = groups * rows_per_group
    return Panel(
        actual=np.full(size, 100.0),
        challenger=100 + RIVAL_ERROR * (1 - gain),
        rival=np.full(size, 100 + RIVAL_ERROR),
        groups=np.repeat(np.arange(groups, dtype=np.int64), rows_per_group),
    )


def judged(
    panel: Panel, policy: PromotionPolicy = POLICY, rival_id: str | None = "master"
) -> PromotionDecision:
    return decide(panel, policy, challenger_id="challenger", rival_id=rival_id)


def promoted_share(true_gain: float, *, nights: int, groups: int = 60) -> float:
    panels = (a_panel(true_gain, seed=night, groups=groups) for night in range(nights))
    return sum(judged(p).outcome is Outcome.PROMOTE for p in panels) / nights


def shuffled(panel: Panel, seed: int = 3) -> Panel:
    order = np.random.default_rng(seed).permutation(panel.actual.size)
    return Panel(*(column[order] for column in panel))


def test_much_better_challenger_is_promoted() -> None:
    decision = judged(a_panel(20))
    assert decision.outcome is Outcome.PROMOTE
    assert decision.reason == "MASTER_BEATEN"
    assert decision.gain == pytest.approx(0.20, abs=0.05)
    assert decision.gain_low is not None
    assert decision.gain_high is not None
    assert 0 < decision.gain_low < decision.gain < decision.gain_high


def test_worse_challenger_keeps_master() -> None:
    decision = judged(a_panel(-20))
    assert (decision.outcome, decision.reason) == (Outcome.REJECT, "CHALLENGER_WORSE")


def test_tie_keeps_master() -> None:
    """Errors of equal size, once above and once below the true price."""
    panel = a_panel(0, row_sd=0, group_sd=0)
    mirrored = panel._replace(challenger=200 - panel.rival)
    decision = judged(mirrored)
    assert decision.gain == 0
    assert (decision.outcome, decision.reason) == (Outcome.HOLD, "GAIN_NOT_PROVEN")


def test_sure_but_tiny_gain_keeps_master() -> None:
    decision = judged(a_panel(0.5, row_sd=0.1, group_sd=0.1))
    assert decision.gain_low is not None
    assert decision.gain_low > 0
    assert (decision.outcome, decision.reason) == (Outcome.HOLD, "GAIN_NOT_PROVEN")


def test_large_but_unsure_gain_keeps_master() -> None:
    decision = judged(a_panel(5, groups=20, group_sd=60))
    assert decision.gain is not None
    assert decision.gain > POLICY.min_gain
    assert (decision.outcome, decision.reason) == (Outcome.HOLD, "GAIN_NOT_PROVEN")


def test_gain_in_few_groups_keeps_master_however_many_rows_they_have() -> None:
    assert judged(a_panel(30, groups=20)).outcome is Outcome.PROMOTE
    decision = judged(a_panel(30, groups=19, rows_per_group=500))
    assert (decision.outcome, decision.reason) == (Outcome.HOLD, "TOO_FEW_GROUPS")


@pytest.mark.parametrize("rival_id", ["master", None])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_never_promotes(value: float, rival_id: str | None) -> None:
    panel = a_panel(50)
    panel.challenger[7] = value
    decision = judged(panel, rival_id=rival_id)
    assert decision.outcome is Outcome.REJECT
    assert decision.reason == "CHALLENGER_NOT_FINITE"


@pytest.mark.parametrize("rival_id", ["master", None])
def test_nan_of_the_rival_never_promotes(rival_id: str | None) -> None:
    panel = a_panel(50)
    panel.rival[7] = np.nan
    with pytest.raises(ValueError, match="finite"):
        judged(panel, rival_id=rival_id)


@pytest.mark.parametrize("rival_id", ["challenger", "master", None])
def test_model_does_not_beat_itself(rival_id: str | None) -> None:
    panel = a_panel(10)
    decision = judged(panel._replace(challenger=panel.rival.copy()), rival_id=rival_id)
    assert (decision.outcome, decision.reason) == (Outcome.REJECT, "SAME_MODEL")


def test_same_id_is_the_same_model_whatever_it_predicts() -> None:
    decision = judged(a_panel(50), rival_id="challenger")
    assert (decision.outcome, decision.reason) == (Outcome.REJECT, "SAME_MODEL")


@pytest.mark.parametrize("rival_id", ["master", None])
def test_without_reserved_rows_nothing_is_promoted(rival_id: str | None) -> None:
    decision = judged(a_panel(50, groups=0), rival_id=rival_id)
    assert (decision.outcome, decision.reason) == (Outcome.HOLD, "HOLDOUT_EMPTY")


def test_first_model_must_merely_beat_the_baseline() -> None:
    better = judged(a_panel(0.5, groups=2, row_sd=0, group_sd=0), rival_id=None)
    assert (better.outcome, better.reason) == (Outcome.PROMOTE, "BASELINE_BEATEN")
    worse = judged(a_panel(-0.5, groups=60, row_sd=0, group_sd=0), rival_id=None)
    assert (worse.outcome, worse.reason) == (Outcome.REJECT, "BASELINE_NOT_BEATEN")


def test_perfect_rival_cannot_be_beaten() -> None:
    panel = a_panel(50)
    decision = judged(panel._replace(rival=panel.actual.copy()))
    assert decision.outcome is not Outcome.PROMOTE


def test_order_of_rows_does_not_matter() -> None:
    panel = a_panel(5)
    one, other = judged(panel), judged(shuffled(panel))
    assert one.outcome is other.outcome
    assert other.gain_low == pytest.approx(one.gain_low)
    assert other.gain == pytest.approx(one.gain)


def test_numbering_of_groups_does_not_change_the_decision() -> None:
    panel = a_panel(12)
    renamed = panel._replace(groups=10**12 - 7 * panel.groups)
    assert judged(renamed).outcome is judged(panel).outcome
    assert judged(renamed).gain == pytest.approx(judged(panel).gain)


def test_same_panel_gives_the_same_bytes() -> None:
    one, other = (judged(a_panel(5)).model_dump_json() for _ in range(2))
    assert one == other
    assert PromotionDecision.model_validate_json(one) == judged(a_panel(5))


def test_rows_of_one_group_count_as_one_observation() -> None:
    """Copying every row inside its group adds rows and proves nothing more."""
    panel = a_panel(5)
    copied = Panel(*(np.tile(column, 10) for column in panel))
    one, other = measure_gain(panel, POLICY), measure_gain(copied, POLICY)
    assert other == pytest.approx(one)


def test_gain_is_relative_to_the_price() -> None:
    """Ten off a fare of 100 weighs as much as a hundred off one of 1,000."""
    random = np.random.default_rng(5)
    scale = np.repeat(random.uniform(1, 50, 60), 30)
    panel = a_panel(10)
    scaled = Panel(
        panel.actual * scale,
        panel.challenger * scale,
        panel.rival * scale,
        panel.groups,
    )
    assert measure_gain(scaled, POLICY) == pytest.approx(measure_gain(panel, POLICY))


def test_wrong_true_price_is_an_error_and_no_decision() -> None:
    panel = a_panel(50)
    panel.actual[0] = 0
    with pytest.raises(ValueError, match="above 0"):
        judged(panel)


def test_no_gain_is_promoted_in_at_most_2_percent_of_nights() -> None:
    assert promoted_share(0, nights=300) <= 0.02


def test_worse_challenger_is_promoted_in_hardly_any_night() -> None:
    assert promoted_share(-3, nights=100, groups=20) <= 0.01


def test_five_percent_gain_is_found_in_most_nights() -> None:
    assert promoted_share(5, nights=100) >= 0.8


def test_five_percent_gain_is_found_more_often_with_more_groups() -> None:
    assert promoted_share(5, nights=30, groups=200) >= 0.95


@settings(deadline=None)
@given(st.floats(-60, 60), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_promotion_always_rests_on_a_proven_gain(
    true_gain: float, groups: int, seed: int
) -> None:
    policy = PromotionPolicy(resamples=100)
    panel = a_panel(true_gain, groups=groups, rows_per_group=3, seed=seed)
    decision = judged(panel, policy)
    if decision.outcome is Outcome.PROMOTE:
        assert decision.groups >= policy.min_groups
        assert decision.gain is not None
        assert decision.gain_low is not None
        assert decision.gain >= policy.min_gain
        assert decision.gain_low > 0


@pytest.mark.parametrize(
    "bounds",
    [{"confidence": 0.5}, {"confidence": 1}, {"min_gain": -0.01}, {"min_groups": 1}],
)
def test_policy_that_proves_nothing_is_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        PromotionPolicy(**bounds)  # type: ignore[arg-type]
