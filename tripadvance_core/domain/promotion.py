"""Whether a challenger becomes MASTER: a pure decision on stored predictions.

The rule is a paired test on the very same holdout rows. The fares of one route in
one week move together, so whole groups (route × ISO week) are resampled, not rows.
"""

from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from tripadvance_core.domain.metrics import Floats, RegressionMetrics

Groups = NDArray[np.int64]

_RESAMPLES_AT_ONCE = 100


class Outcome(StrEnum):
    """What becomes of a challenger."""

    PROMOTE = "PROMOTE"
    HOLD = "HOLD"
    REJECT = "REJECT"


class PromotionPolicy(BaseModel):
    """The bounds of the decision; all of them are settings but ``resamples``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_gain: float = Field(default=0.01, ge=0, lt=1)
    confidence: float = Field(default=0.99, gt=0.5, lt=1)
    min_groups: int = Field(default=20, ge=2)
    resamples: int = Field(default=2000, ge=100)
    seed: int = 7


class PromotionDecision(BaseModel):
    """The decision with every number on which it rests.

    ``gain`` is the share of the rival's mean absolute percentage error that the
    challenger saves; ``gain_low`` and ``gain_high`` bound it at the policy's
    confidence, each one-sided. ``rival_id`` is None for the route-median baseline.
    ``reason`` is a message code.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome
    reason: str
    challenger_id: str
    rival_id: str | None
    rows: int
    groups: int
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    challenger_metrics: RegressionMetrics | None = None
    rival_metrics: RegressionMetrics | None = None
    policy: PromotionPolicy


class Panel(NamedTuple):
    """The same holdout rows seen by both sides; every array has shape (n,).

    ``groups`` numbers the route × ISO week of each row; the prices are in the base
    currency.
    """

    actual: Floats
    challenger: Floats
    rival: Floats
    groups: Groups


class Gain(NamedTuple):
    """A relative gain and its one-sided bounds."""

    mean: float
    low: float
    high: float


def measure_gain(panel: Panel, policy: PromotionPolicy) -> Gain:
    """Estimate the relative gain in MAPE with a paired group bootstrap.

    Both models' errors are summed by group; groups are drawn with replacement, and
    each draw gives one ratio of sums (Cameron, Gelbach and Miller 2008 on the
    cluster bootstrap).
    """
    rival_error = np.abs(panel.rival - panel.actual) / panel.actual
    challenger_error = np.abs(panel.challenger - panel.actual) / panel.actual
    _, group = np.unique(panel.groups, return_inverse=True)
    saved_by_group = np.bincount(group, weights=rival_error - challenger_error)
    rival_by_group = np.bincount(group, weights=rival_error)
    total = rival_by_group.sum()
    if total == 0:
        return Gain(0.0, 0.0, 0.0)

    random = np.random.default_rng(policy.seed)
    count = saved_by_group.size
    gains: list[Floats] = []
    for start in range(0, policy.resamples, _RESAMPLES_AT_ONCE):
        draws = min(_RESAMPLES_AT_ONCE, policy.resamples - start)
        weights = random.multinomial(count, np.full(count, 1 / count), size=draws)
        rival_sums = weights @ rival_by_group
        gains.append(
            np.divide(
                weights @ saved_by_group,
                rival_sums,
                out=np.zeros(draws),
                where=rival_sums > 0,
            )
        )
    low, high = np.quantile(
        np.concatenate(gains), [1 - policy.confidence, policy.confidence]
    )
    return Gain(float(saved_by_group.sum() / total), float(low), float(high))


def decide(
    panel: Panel,
    policy: PromotionPolicy,
    *,
    challenger_id: str,
    rival_id: str | None,
) -> PromotionDecision:
    """Decide on a challenger against MASTER, or the baseline where none reigns.

    MASTER loses its place only to a gain of at least ``min_gain`` whose lower bound
    is above 0. The baseline must merely be beaten.

    Raises
    ------
    ValueError
        For true prices that are not above 0, or a rival's that are not finite.
    """
    rows = int(panel.actual.size)
    groups = int(np.unique(panel.groups).size)

    def decided(outcome: Outcome, reason: str) -> PromotionDecision:
        return PromotionDecision(
            outcome=outcome,
            reason=reason,
            challenger_id=challenger_id,
            rival_id=rival_id,
            rows=rows,
            groups=groups,
            policy=policy,
        )

    if rows == 0:
        return decided(Outcome.HOLD, "HOLDOUT_EMPTY")
    if not np.isfinite(panel.challenger).all():
        return decided(Outcome.REJECT, "CHALLENGER_NOT_FINITE")
    if not np.isfinite(panel.rival).all():
        raise ValueError("every price that the rival predicts must be finite")
    if rival_id == challenger_id or np.array_equal(panel.challenger, panel.rival):
        return decided(Outcome.REJECT, "SAME_MODEL")

    challenger_metrics = RegressionMetrics.of(panel.actual, panel.challenger)
    rival_metrics = RegressionMetrics.of(panel.actual, panel.rival)
    gain = measure_gain(panel, policy)
    outcome, reason = _judge(gain, groups, policy, against_master=rival_id is not None)
    return decided(outcome, reason).model_copy(
        update={
            "gain": gain.mean,
            "gain_low": gain.low,
            "gain_high": gain.high,
            "challenger_metrics": challenger_metrics,
            "rival_metrics": rival_metrics,
        }
    )


def _judge(
    gain: Gain, groups: int, policy: PromotionPolicy, *, against_master: bool
) -> tuple[Outcome, str]:
    if not against_master:
        if gain.mean > 0:
            return Outcome.PROMOTE, "BASELINE_BEATEN"
        return Outcome.REJECT, "BASELINE_NOT_BEATEN"
    if groups < policy.min_groups:
        return Outcome.HOLD, "TOO_FEW_GROUPS"
    if gain.high < 0:
        return Outcome.REJECT, "CHALLENGER_WORSE"
    if gain.low > 0 and gain.mean >= policy.min_gain:
        return Outcome.PROMOTE, "MASTER_BEATEN"
    return Outcome.HOLD, "GAIN_NOT_PROVEN"
