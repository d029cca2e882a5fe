"""Whether a challenger becomes MASTER: a pure decision on stored predictions.

Both models predict the very same rows, which neither has ever trained on, and the
paired differences of their errors are tested by groups (``resampling``). Every gate
is written down with its number, so the decision can be argued with and repeated.

A challenger that is held keeps scoring on what later nights bring, and each night's
look pools all rows so far. Looking again and again finds a gain that is not there;
so each look may err with only its share of one error budget (alpha spending, Lan and
DeMets 1983, with equal shares: the bound of Bonferroni, which holds however the looks
depend on each other).
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tripadvance_core.domain.metrics import Floats, RegressionMetrics
from tripadvance_core.domain.panels import PanelProof
from tripadvance_core.domain.resampling import GroupRatio, Groups

Metric = Literal["MAPE", "MAE", "RMSE"]
"""By what a model is judged; RMSE by its square, for a gain must be a sum over rows."""

Texts = NDArray[np.object_]

_SAFE_LEVEL = 0.05
_SEGMENT_GROUPS = 10
_TOP_ROUTES = 10
_FIRST_ROWS = 5
_COVERAGE = (0.75, 0.85)
_FAST_ENOUGH_SECONDS = 0.05
_SMALL_ENOUGH_BYTES = 16 * 1024 * 1024
_DECIMALS = 9


class Outcome(StrEnum):
    """What becomes of a challenger."""

    PROMOTE = "PROMOTE"
    HOLD = "HOLD"
    REJECT = "REJECT"


class PromotionPolicy(BaseModel):
    """The bounds of the decision; most of them are settings.

    ``confidence`` is that no challenger without a gain is promoted at any of its
    ``max_looks`` looks. ``others_margin`` is how much worse it may be on rows of other
    files, ``segment_margin`` in a segment, ``max_bias`` how far its sum of prices may
    be off, ``max_growth`` how much slower and larger than its rival it may be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: Metric = "MAPE"
    min_gain: float = Field(default=0.01, ge=0, lt=1)
    confidence: float = Field(default=0.995, gt=0.5, lt=1)
    max_looks: int = Field(default=5, ge=1, le=10)
    min_groups: int = Field(default=20, ge=2)
    min_rows: int = Field(default=100, ge=2)
    others_margin: float = Field(default=0.03, gt=0, lt=1)
    segment_margin: float = Field(default=0.05, gt=0, lt=1)
    max_bias: float = Field(default=0.03, gt=0, lt=1)
    max_growth: float = Field(default=1.5, gt=1)
    resamples: int = Field(default=1999, ge=100)
    seed: int = 7

    @property
    def level(self) -> float:
        """The probability with which one look may err."""
        return (1 - self.confidence) / self.max_looks

    @property
    def guard(self) -> Metric:
        """The metric that must not get worse."""
        return "MAPE" if self.metric == "RMSE" else "RMSE"

    @model_validator(mode="after")
    def _enough_resamples(self) -> Self:
        if 2 * self.level * (self.resamples + 1) < 1:
            raise ValueError("too few resamples to see errors as rare as that")
        return self


class Resources(BaseModel):
    """What a model costs, measured once, when its predictions were stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size_bytes: int
    training_rows: int
    seconds_a_price: float


class Gate(BaseModel):
    """One condition of the decision with the figures on which it rests.

    ``verdict`` is PROMOTE where the condition is met; otherwise what follows, for the
    ``reason``, a message code.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    verdict: Outcome
    reason: str | None = None
    figures: dict[str, float | int | str | None] = Field(default_factory=dict)


class PromotionDecision(BaseModel):
    """The decision with every number on which it rests.

    ``gain`` is the share of the rival's error, in the policy's metric, that the
    challenger saves; ``gain_low`` and ``gain_high`` bound it, each wrong with the
    probability that one look may err. ``rival_id`` is None for the route-median
    baseline. ``reason`` is a message code. ``panels`` proves on which rows it rests.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome
    reason: str
    challenger_id: str
    rival_id: str | None
    look: int = 1
    rows: int
    groups: int
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    challenger_metrics: RegressionMetrics | None = None
    rival_metrics: RegressionMetrics | None = None
    gates: tuple[Gate, ...] = ()
    panels: tuple[PanelProof, ...] = ()
    policy: PromotionPolicy


class Panel(NamedTuple):
    """The same rows seen by both sides; every array has shape (n,).

    ``groups`` numbers the route × ISO week of each row; the prices are in the base
    currency. ``own`` tells the rows of the challenger's own files. ``segments`` gives
    by name, such as ``airline``, the segment of each row. ``low`` and ``high`` are the
    challenger's 80 % interval, ``baseline`` the median of the route. ``weights`` tells
    as how many fares each row counts.
    """

    actual: Floats
    challenger: Floats
    rival: Floats
    groups: Groups
    own: NDArray[np.bool_] | None = None
    baseline: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None
    segments: Mapping[str, Texts] = {}
    weights: Floats | None = None

    def counted(self, values: Floats) -> Floats:
        """Return what rows add up to with their weights, shape (n,)."""
        return values if self.weights is None else values * self.weights


def errors_of(metric: Metric, actual: Floats, predicted: Floats) -> Floats:
    """Return what each row adds to the metric, shape (n,)."""
    error = np.abs(predicted - actual)
    match metric:
        case "MAPE":
            return error / actual
        case "MAE":
            return error
        case "RMSE":
            return error**2


def measure_gain(
    panel: Panel,
    policy: PromotionPolicy,
    metric: Metric | None = None,
    where: NDArray[np.bool_] | None = None,
) -> GroupRatio:
    """Estimate which share of the rival's error the challenger saves."""
    rows = np.ones(panel.actual.size, bool) if where is None else where
    rival, challenger = (
        panel.counted(errors_of(metric or policy.metric, panel.actual, predicted))
        for predicted in (panel.rival, panel.challenger)
    )
    return GroupRatio.of(
        (rival - challenger)[rows],
        rival[rows],
        panel.groups[rows],
        resamples=policy.resamples,
        seed=policy.seed,
    )


def decide(
    panel: Panel,
    policy: PromotionPolicy,
    *,
    challenger_id: str,
    rival_id: str | None,
    look: int = 1,
    panels: tuple[PanelProof, ...] = (),
    resources: tuple[Resources, Resources] | None = None,
) -> PromotionDecision:
    """Decide on a challenger against MASTER, or the baseline where none reigns.

    MASTER loses its place only when every gate is passed. The baseline must merely be
    beaten.

    Parameters
    ----------
    look
        How many times, this one included, this pair has been looked at.
    resources
        What challenger and rival cost.

    Raises
    ------
    ValueError
        For true prices that are not above 0, or a rival's that are not finite.
    """
    decision = PromotionDecision(
        outcome=Outcome.HOLD,
        reason="HOLDOUT_EMPTY",
        challenger_id=challenger_id,
        rival_id=rival_id,
        look=look,
        rows=int(panel.actual.size),
        groups=int(np.unique(panel.groups).size),
        panels=panels,
        policy=policy,
    )
    refusal = _refusal(panel, panels, same=rival_id == challenger_id)
    if refusal is not None:
        return _concluded(decision, [refusal])
    ours, theirs = (
        RegressionMetrics.of(panel.actual, predicted, panel.weights)
        for predicted in (panel.challenger, panel.rival)
    )
    gain = measure_gain(panel, policy)
    low, high = gain.bounds(policy.level)
    decision = decision.model_copy(
        update={
            "gain": _figure(gain.value),
            "gain_low": _figure(low),
            "gain_high": _figure(high),
            "challenger_metrics": ours,
            "rival_metrics": theirs,
        }
    )
    if rival_id is None:
        gates = [_size_gate(decision, 2, _FIRST_ROWS), _first_gate(gain)]
        return _concluded(decision, gates, "BASELINE_BEATEN")
    gates = [
        _size_gate(decision, policy.min_groups, policy.min_rows),
        _gain_gate(gain, policy, look),
        _others_gate(panel, policy),
        _guard_gate(panel, policy),
        _segments_gate(panel, policy),
        _baseline_gate(panel, policy),
        _bias_gate(panel, policy),
        _coverage_gate(panel, policy),
        *_resource_gates(resources, policy),
    ]
    return _concluded(decision, gates)


def _refusal(
    panel: Panel, proofs: tuple[PanelProof, ...], *, same: bool
) -> Gate | None:
    """Return the gate at which nothing more can be compared."""
    name = "GATE_COMPARABLE"
    overlap = sum(proof.overlap for proof in proofs)
    if overlap:
        figures = {"overlap": overlap}
        return Gate(
            name=name, verdict=Outcome.HOLD, reason="PANEL_OVERLAP", figures=figures
        )
    if panel.actual.size == 0:
        return Gate(name=name, verdict=Outcome.HOLD, reason="HOLDOUT_EMPTY")
    if not np.isfinite(panel.challenger).all():
        reason = "CHALLENGER_NOT_FINITE"
        return Gate(name=name, verdict=Outcome.REJECT, reason=reason)
    if not np.isfinite(panel.rival).all():
        raise ValueError("every price that the rival predicts must be finite")
    if same or np.array_equal(panel.challenger, panel.rival):
        return Gate(name=name, verdict=Outcome.REJECT, reason="SAME_MODEL")
    return None


def _concluded(
    decision: PromotionDecision, gates: list[Gate], passed: str = "MASTER_BEATEN"
) -> PromotionDecision:
    """Take the gravest verdict, and the reason of the first gate that gave it."""
    reasons = {gate.verdict: gate.reason for gate in reversed(gates)}
    for outcome in (Outcome.REJECT, Outcome.HOLD):
        if outcome in reasons:
            found = {"outcome": outcome, "reason": reasons[outcome]}
            break
    else:
        found = {"outcome": Outcome.PROMOTE, "reason": passed}
    return decision.model_copy(update={**found, "gates": tuple(gates)})


def _gate(
    name: str,
    failed: bool,
    verdict: Outcome,
    reason: str,
    **figures: float | str | None,
) -> Gate:
    return Gate(
        name=name,
        verdict=verdict if failed else Outcome.PROMOTE,
        reason=reason if failed else None,
        figures={key: _rounded(value) for key, value in figures.items()},
    )


def _rounded(value: float | str | None) -> float | int | str | None:
    return _figure(value) if isinstance(value, float) else value


def _figure(value: float) -> float | None:
    """Return a figure that another machine finds, too; None for a boundless one."""
    return round(value, _DECIMALS) if np.isfinite(value) else None


def _first_gate(gain: GroupRatio) -> Gate:
    return _gate(
        "GATE_BASELINE",
        gain.value <= 0,
        Outcome.REJECT,
        "BASELINE_NOT_BEATEN",
        gain=gain.value,
    )


def _size_gate(decision: PromotionDecision, min_groups: int, min_rows: int) -> Gate:
    few_groups = decision.groups < min_groups
    return _gate(
        "GATE_PANEL_SIZE",
        few_groups or decision.rows < min_rows,
        Outcome.HOLD,
        "TOO_FEW_GROUPS" if few_groups else "TOO_FEW_ROWS",
        groups=decision.groups,
        rows=decision.rows,
    )


def _gain_gate(gain: GroupRatio, policy: PromotionPolicy, look: int) -> Gate:
    """Ask for a gain that is large enough and proven; a proven loss is the end."""
    low, high = gain.bounds(policy.level)
    proven = low > 0 and gain.value >= policy.min_gain
    verdict, reason = Outcome.HOLD, "GAIN_NOT_PROVEN"
    if high < 0 and gain.groups >= policy.min_groups:
        verdict, reason = Outcome.REJECT, "CHALLENGER_WORSE"
    elif look >= policy.max_looks:
        verdict, reason = Outcome.REJECT, "LOOKS_SPENT"
    return _gate(
        "GATE_GAIN",
        not proven,
        verdict,
        reason,
        gain=gain.value,
        low=low,
        high=high,
        level=policy.level,
        look=look,
    )


def _others_gate(panel: Panel, policy: PromotionPolicy) -> Gate:
    """Ask that rows of other files are not worse: non-inferiority with a margin."""
    rows = np.zeros(panel.actual.size, bool) if panel.own is None else ~panel.own
    gain = measure_gain(panel, policy, where=rows)
    low, _ = gain.bounds(_SAFE_LEVEL)
    return _gate(
        "GATE_OTHERS",
        not low > -policy.others_margin,
        Outcome.HOLD,
        "WORSE_AT_OTHERS",
        gain=gain.value,
        low=low,
        margin=-policy.others_margin,
        groups=gain.groups,
    )


def _guard_gate(panel: Panel, policy: PromotionPolicy) -> Gate:
    """Ask that the other metric does not get worse by much, and provably."""
    gain = measure_gain(panel, policy, policy.guard)
    _, high = gain.bounds(_SAFE_LEVEL)
    return _gate(
        "GATE_GUARD",
        gain.value < -policy.segment_margin and high < 0,
        Outcome.HOLD,
        "GUARD_METRIC_WORSE",
        metric=policy.guard,
        gain=gain.value,
        high=high,
    )


def _segments_gate(panel: Panel, policy: PromotionPolicy) -> Gate:
    """Ask that no segment loses much, and provably, on one error budget for all."""
    segments = [
        (name, rows)
        for name, rows in _segments(panel)
        if np.unique(panel.groups[rows]).size >= _SEGMENT_GROUPS
    ]
    worst, lost = None, 0.0
    for name, rows in segments:
        gain = measure_gain(panel, policy, where=rows)
        _, high = gain.bounds(_SAFE_LEVEL / len(segments))
        hurt = gain.value < -policy.segment_margin and high < 0
        if hurt and gain.value < lost:
            worst, lost = name, gain.value
    return _gate(
        "GATE_SEGMENTS",
        worst is not None,
        Outcome.HOLD,
        "SEGMENT_WORSE",
        segments=len(segments),
        worst=worst,
        gain=lost if worst else None,
    )


def _segments(panel: Panel) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Give every airline, the ten routes with most rows, and thirds by price."""
    for kind, values in panel.segments.items():
        names, counts = np.unique(values.astype(str), return_counts=True)
        for name in names[np.argsort(-counts, kind="stable")][:_TOP_ROUTES]:
            yield f"{kind}: {name}", values.astype(str) == name
    third = np.searchsorted(
        np.quantile(panel.actual, [1 / 3, 2 / 3]), panel.actual, side="right"
    )
    for number in range(3):
        yield f"price: {number + 1}/3", third == number


def _baseline_gate(panel: Panel, policy: PromotionPolicy) -> Gate:
    gain = 0.0
    if panel.baseline is not None:
        theirs, ours = (
            panel.counted(errors_of(policy.metric, panel.actual, predicted)).sum()
            for predicted in (panel.baseline, panel.challenger)
        )
        gain = float(1 - ours / theirs) if theirs else 0.0
    return _gate(
        "GATE_BASELINE",
        panel.baseline is not None and gain <= 0,
        Outcome.REJECT,
        "BASELINE_NOT_BEATEN",
        gain=gain,
    )


def _bias_gate(panel: Panel, policy: PromotionPolicy) -> Gate:
    """Ask that the sum of prices is near the true one, or nearer than MASTER's."""
    total = panel.counted(panel.actual).sum()
    ours = float(panel.counted(panel.challenger).sum() / total - 1)
    theirs = float(panel.counted(panel.rival).sum() / total - 1)
    return _gate(
        "GATE_BIAS",
        abs(ours) > max(policy.max_bias, abs(theirs)),
        Outcome.HOLD,
        "BIASED",
        bias=ours,
        rival=theirs,
        limit=policy.max_bias,
    )


def _coverage_gate(panel: Panel, policy: PromotionPolicy) -> Gate:
    """Ask that the 80 % interval holds 75 to 85 % of the prices, chance aside.

    A row without an interval does not count.
    """
    name, reason = "GATE_COVERAGE", "COVERAGE_OFF"
    if panel.low is None or panel.high is None or not np.isfinite(panel.low).any():
        return _gate(name, False, Outcome.HOLD, reason, coverage=None)
    known = np.isfinite(panel.low)
    inside = (panel.low <= panel.actual) & (panel.actual <= panel.high)
    coverage = GroupRatio.of(
        inside[known].astype(float),
        np.ones(int(known.sum())),
        panel.groups[known],
        resamples=policy.resamples,
        seed=policy.seed,
    )
    low, high = coverage.bounds(_SAFE_LEVEL / 2)
    off = high < _COVERAGE[0] or low > _COVERAGE[1]
    return _gate(
        name, off, Outcome.HOLD, reason, coverage=coverage.value, low=low, high=high
    )


def _resource_gates(
    resources: tuple[Resources, Resources] | None, policy: PromotionPolicy
) -> Iterator[Gate]:
    """Ask that it is not much slower and larger than its rival, or fast and small.

    A model of more rows may be larger in proportion.
    """
    if resources is None:
        return
    ours, theirs = resources
    seconds = max(policy.max_growth * theirs.seconds_a_price, _FAST_ENOUGH_SECONDS)
    yield _gate(
        "GATE_LATENCY",
        ours.seconds_a_price > seconds,
        Outcome.HOLD,
        "TOO_SLOW",
        seconds=ours.seconds_a_price,
        limit=seconds,
    )
    rows = max(1.0, ours.training_rows / max(1, theirs.training_rows))
    size = max(policy.max_growth * theirs.size_bytes * rows, _SMALL_ENOUGH_BYTES)
    yield _gate(
        "GATE_MODEL_SIZE",
        ours.size_bytes > size,
        Outcome.HOLD,
        "TOO_LARGE",
        bytes=ours.size_bytes,
        limit=float(size),
    )
