"""When MASTER loses its place: only to a challenger that is provably better."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmarks.promotion_rule import Noise, simulate
from tripadvance_core.domain.panels import PanelProof
from tripadvance_core.domain.promotion import (
    Metric,
    Outcome,
    Panel,
    PromotionDecision,
    PromotionPolicy,
    Resources,
    decide,
    measure_gain,
)

POLICY = PromotionPolicy()


def a_panel(
    true_gain: float,
    *,
    seed: int = 1,
    groups: int = 60,
    rows_per_group: int = 30,
    group_sd: float = 8,
    row_sd: float = 40,
    gain_at_others: float | None = None,
) -> Panel:
    """Fares of 100 on which the rival is 10 off; gain and spreads in % of that.

    The fares of one group move together, as those of one route in one week do. The
    first third of the groups is of the challenger's own files.
    """
    noise = Noise(group_sd, row_sd, rows_per_group)
    random = np.random.default_rng(seed)
    return noise.panel(true_gain, groups, 1, random, gain_at_others)


def judged(
    panel: Panel, policy: PromotionPolicy = POLICY, rival_id: str | None = "master"
) -> PromotionDecision:
    return decide(panel, policy, challenger_id="challenger", rival_id=rival_id)


def changed(panel: Panel, take: Callable[[Any], Any]) -> Panel:
    """Return a panel with every column of it changed."""
    return Panel(*(None if column is None else take(column) for column in panel[:6]))


def shuffled(panel: Panel, seed: int = 3) -> Panel:
    order = np.random.default_rng(seed).permutation(panel.actual.size)
    return changed(panel, lambda column: column[order])


def verdicts(decision: PromotionDecision) -> dict[str, Outcome]:
    return {gate.name: gate.verdict for gate in decision.gates}


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


def test_row_of_many_seats_counts_as_so_many_rows() -> None:
    panel = a_panel(20)
    seats = np.random.default_rng(5).integers(1, 6, panel.actual.size)
    ours = judged(panel._replace(weights=seats.astype(float)))
    theirs = judged(changed(panel, lambda column: np.repeat(column, seats)))
    for name in ("gain", "gain_low", "gain_high"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name))
    bias = [
        next(gate for gate in one.gates if gate.name == "GATE_BIAS").figures["bias"]
        for one in (ours, theirs)
    ]
    assert bias[0] == pytest.approx(bias[1])


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


@pytest.mark.parametrize(("groups", "rows"), [(1, 30), (2, 2)])
def test_first_model_on_next_to_no_rows_is_held(groups: int, rows: int) -> None:
    tiny = judged(a_panel(50, groups=groups, rows_per_group=rows), rival_id=None)
    assert tiny.outcome is Outcome.HOLD


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
    copied = changed(panel, lambda column: np.tile(column, 10))
    one, other = measure_gain(panel, POLICY), measure_gain(copied, POLICY)
    assert other[:3] == pytest.approx(one[:3])


def test_gain_is_relative_to_the_price() -> None:
    """Ten off a fare of 100 weighs as much as a hundred off one of 1,000."""
    random = np.random.default_rng(5)
    scale = np.repeat(random.uniform(1, 50, 60), 30)
    panel = a_panel(10)
    scaled = panel._replace(
        actual=panel.actual * scale,
        challenger=panel.challenger * scale,
        rival=panel.rival * scale,
    )
    one, other = measure_gain(panel, POLICY), measure_gain(scaled, POLICY)
    assert other[:3] == pytest.approx(one[:3])


def test_wrong_true_price_is_an_error_and_no_decision() -> None:
    panel = a_panel(50)
    panel.actual[0] = 0
    with pytest.raises(ValueError, match="above 0"):
        judged(panel)


@pytest.mark.slow
def test_no_gain_is_hardly_ever_promoted() -> None:
    found = simulate(0, challengers=1000)
    assert found.first <= 0.02
    assert found.in_a_month <= 0.25


@pytest.mark.slow
def test_five_percent_gain_is_found_within_three_nights() -> None:
    assert simulate(5, challengers=1000).within_three >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("groups", [20, 60])
def test_three_percent_loss_is_never_promoted(groups: int) -> None:
    assert simulate(-3, challengers=1000, groups=groups).ever == 0


def test_challenger_that_wins_only_on_its_own_files_is_held() -> None:
    decision = judged(a_panel(80, gain_at_others=-4))
    assert decision.gain_low is not None
    assert decision.gain_low > 0
    assert (decision.outcome, decision.reason) == (Outcome.HOLD, "WORSE_AT_OTHERS")


def test_without_rows_of_other_files_nothing_is_promoted() -> None:
    panel = a_panel(40)
    alone = panel._replace(own=np.ones(panel.actual.size, dtype=bool))
    assert judged(alone).reason == "WORSE_AT_OTHERS"


def test_every_look_may_err_with_its_share_alone() -> None:
    assert POLICY.level * POLICY.max_looks == pytest.approx(1 - POLICY.confidence)


def test_held_challenger_is_looked_at_so_often_and_no_more() -> None:
    panel = a_panel(1, groups=20)
    outcomes = [
        decide(panel, POLICY, challenger_id="c", rival_id="m", look=look).outcome
        for look in range(1, POLICY.max_looks + 1)
    ]
    assert outcomes == [*[Outcome.HOLD] * (POLICY.max_looks - 1), Outcome.REJECT]


def test_row_that_was_trained_on_stops_the_comparison() -> None:
    proof = PanelProof(name="B", rows=1800, digest="0" * 64, overlap=1)
    decision = decide(
        a_panel(20), POLICY, challenger_id="c", rival_id="m", panels=(proof,)
    )
    assert (decision.outcome, decision.reason) == (Outcome.HOLD, "PANEL_OVERLAP")
    assert decision.gain is None


def test_few_rows_in_many_groups_keep_master() -> None:
    decision = judged(a_panel(40, groups=30, rows_per_group=2))
    assert (decision.outcome, decision.reason) == (Outcome.HOLD, "TOO_FEW_ROWS")


def test_hurt_airline_holds_a_challenger_that_is_better_on_the_whole() -> None:
    panel = a_panel(60, row_sd=10)
    airline = np.where(panel.groups % 4 == 0, "Hurt", "Fine").astype(object)
    hurt = airline == "Hurt"
    worse = panel.actual + 1.3 * (panel.rival - panel.actual)
    spoiled = panel._replace(
        challenger=np.where(hurt, worse, panel.challenger),
        segments={"airline": airline},
    )
    decision = judged(spoiled)
    assert (decision.outcome, decision.reason) == (Outcome.HOLD, "SEGMENT_WORSE")
    (gate,) = (g for g in decision.gates if g.name == "GATE_SEGMENTS")
    assert gate.figures["worst"] == "airline: Hurt"


def test_equal_segments_seldom_hold_a_better_challenger() -> None:
    held = 0
    for seed in range(50):
        panel = a_panel(12, seed=seed, groups=120)
        airline = (panel.groups % 8).astype(str).astype(object)
        decision = judged(panel._replace(segments={"airline": airline}))
        held += verdicts(decision)["GATE_SEGMENTS"] is not Outcome.PROMOTE
    assert held <= 3


def test_model_that_is_right_on_most_and_far_off_on_few_is_held() -> None:
    """Its percentage error falls, the root of its squared error does not."""
    panel = a_panel(60, row_sd=1)
    few = np.arange(panel.actual.size) % 30 == 0
    challenger = np.where(few, panel.actual + 90, panel.challenger)
    decision = judged(panel._replace(challenger=challenger))
    assert verdicts(decision)["GATE_GUARD"] is Outcome.HOLD
    assert decision.outcome is Outcome.HOLD


def test_model_that_is_worse_than_the_route_median_is_rejected() -> None:
    panel = a_panel(20)
    decision = judged(panel._replace(baseline=panel.actual + 1))
    assert decision.outcome is Outcome.REJECT
    assert decision.reason == "BASELINE_NOT_BEATEN"


def test_bias_beyond_that_of_master_holds() -> None:
    panel = a_panel(50)
    biased = panel.actual + np.abs(panel.challenger - panel.actual)
    assert judged(panel._replace(challenger=biased)).reason == "BIASED"
    both = panel._replace(
        challenger=biased, rival=panel.actual + np.abs(panel.rival - panel.actual)
    )
    assert judged(both).outcome is Outcome.PROMOTE


@pytest.mark.parametrize(("reach", "passed"), [(0.1, False), (6.5, True), (90, False)])
def test_interval_must_hold_about_80_percent(reach: float, passed: bool) -> None:
    random = np.random.default_rng(1)
    panel = a_panel(20)
    price = panel.actual + 5 * random.standard_normal(panel.actual.size)
    panel = panel._replace(low=price - reach, high=price + reach)
    assert (verdicts(judged(panel))["GATE_COVERAGE"] is Outcome.PROMOTE) is passed


@pytest.mark.parametrize(
    ("ours", "reason"),
    [
        ((16_000_001 * 2, 100, 0.01), "TOO_LARGE"),
        ((16_000_000, 100, 0.2), "TOO_SLOW"),
        ((50_000_000, 300, 0.04), "MASTER_BEATEN"),
    ],
)
def test_model_must_not_grow_out_of_proportion(
    ours: tuple[int, int, float], reason: str
) -> None:
    costs = [
        Resources(size_bytes=size, training_rows=rows, seconds_a_price=seconds)
        for size, rows, seconds in (ours, (16_000_000, 100, 0.01))
    ]
    decision = decide(
        a_panel(20),
        POLICY,
        challenger_id="c",
        rival_id="m",
        resources=(costs[0], costs[1]),
    )
    assert decision.reason == reason


@pytest.mark.parametrize("metric", ["MAPE", "MAE", "RMSE"])
def test_metric_of_the_policy_decides(metric: Metric) -> None:
    policy = PromotionPolicy(metric=metric)
    assert policy.guard != metric
    better, worse = (judged(a_panel(gain), policy) for gain in (20, -20))
    assert (better.outcome, worse.outcome) == (Outcome.PROMOTE, Outcome.REJECT)


@settings(deadline=None)
@given(st.floats(-60, 60), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_promotion_always_rests_on_a_proven_gain(
    true_gain: float, groups: int, seed: int
) -> None:
    policy = PromotionPolicy(resamples=500)
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
    [
        {"confidence": 0.5},
        {"confidence": 1},
        {"confidence": 0.9999},
        {"min_gain": -0.01},
        {"min_groups": 1},
    ],
)
def test_policy_that_proves_nothing_is_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        PromotionPolicy(**bounds)  # type: ignore[arg-type]
