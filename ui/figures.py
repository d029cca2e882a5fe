"""Figures of models in words: metrics with their units, gates with their thresholds."""

import math
from collections.abc import Callable
from typing import Any, Final

from tripadvance_core.domain.promotion import Gate, PromotionDecision
from tripadvance_core.tabular.features import (
    AIRLINE_ROUTE,
    DAY,
    DURATION,
    LEAD_DAYS,
    QUOTE_DAY,
    ROUTE,
)
from ui.rendering import Words

UNKNOWN: Final = "–"
IN_MONEY: Final = ("mean_absolute_error", "root_mean_squared_error")

_FEATURES: Final = {
    "start_city": "FEATURE_START_CITY",
    "end_city": "FEATURE_END_CITY",
    "airline": "FEATURE_AIRLINE",
    ROUTE: "FEATURE_ROUTE",
    AIRLINE_ROUTE: "FEATURE_AIRLINE_ROUTE",
    DURATION: "FEATURE_DURATION",
    LEAD_DAYS: "FEATURE_LEAD_DAYS",
    QUOTE_DAY: "FEATURE_QUOTE_DAY",
    DAY: "FEATURE_DAY",
    "date.weekday": "FEATURE_WEEKDAY",
    "date.day": "FEATURE_DAY_OF_MONTH",
    "date.month": "FEATURE_MONTH",
    "date.yearday": "FEATURE_DAY_OF_YEAR",
    "date.after_holiday": "FEATURE_AFTER_HOLIDAY",
    "date.before_holiday": "FEATURE_BEFORE_HOLIDAY",
    "date.school_break": "FEATURE_SCHOOL_BREAK",
}
_PER_CENT: Final = ("mean_absolute_percentage_error", "accuracy_10_percent")
_SHARES: Final = ("gain", "low", "high", "margin", "bias", "rival", "coverage")
_COUNTS: Final = ("overlap", "rows", "groups", "look", "segments")
_LIMITS: Final = {"GATE_LATENCY": "seconds", "GATE_MODEL_SIZE": "bytes"}
"""Of these gates ``limit`` is counted like that figure; of the others it is a share."""


def metric_text(words: Words, name: str, value: float | None, currency: str) -> str:
    """Write one of the six metrics by its unit."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if name in _PER_CENT:
        return words.per_cent(value)
    if name in IN_MONEY:
        return words.money(value, currency)
    if name == "r2_score":
        return words.number(value, 3)
    return words.number(value, 1 if abs(value) < 1_000 else 0)


def difference_text(
    words: Words, name: str, ours: float | None, theirs: float | None, currency: str
) -> str:
    """Write how much one metric is above another; of percentages in points."""
    if ours is None or theirs is None:
        return UNKNOWN
    apart = ours - theirs
    sign = "+" if apart > 0 else ""
    if name in _PER_CENT:
        points = words.number(apart, 1)
        return f"{sign}{words.say('WEB_POINTS', points=points)}"
    return f"{sign}{metric_text(words, name, apart, currency)}"


def segment_name(words: Words, kind: str, name: str) -> str:
    """Write which airline, route or third of the prices a segment is."""
    if kind == "price":
        name = words.say(f"SEGMENT_{name.upper()}")
    return f"{words.say(f'SEGMENT_{kind.upper()}')}: {name}"


def feature_name(words: Words, name: str) -> str:
    """Write what a feature is; a further column keeps the name of its file."""
    code = _FEATURES.get(name)
    return words.say(code) if code else name


def gate_text(words: Words, gate: Gate, decision: PromotionDecision) -> str:
    """Tell on which figures a gate was decided, and what it asks for."""
    if not gate.figures:
        return ""
    code = f"FIGURES_{gate.name}{_variant(gate, decision)}"
    return words.say(code, **_figures(words, gate, decision))


def _variant(gate: Gate, decision: PromotionDecision) -> str:
    if gate.name == "GATE_PANEL_SIZE" and decision.rival_id is None:
        return "_FIRST"
    if gate.name == "GATE_SEGMENTS" and gate.figures.get("worst") is not None:
        return "_WORST"
    if gate.name == "GATE_COVERAGE" and gate.figures.get("coverage") is None:
        return "_UNKNOWN"
    return ""


def _figures(words: Words, gate: Gate, decision: PromotionDecision) -> dict[str, str]:
    policy = decision.policy
    asked = {
        "certainty": words.number(100 * (1 - policy.level), 2) + "%",
        "max_looks": words.number(policy.max_looks),
        "min_gain": words.percent(policy.min_gain),
        "min_rows": words.number(policy.min_rows),
        "min_groups": words.number(policy.min_groups),
        "segment_margin": words.percent(policy.segment_margin),
    }
    found = dict.fromkeys((*_SHARES, *_COUNTS, "limit", "worst"), UNKNOWN)
    for name, value in gate.figures.items():
        if value is not None:
            kind = _LIMITS.get(gate.name, name) if name == "limit" else name
            found[name] = _writer(words, kind)(value)
    return asked | found


def _worst(words: Words, segment: str) -> str:
    kind, _, name = segment.partition(": ")
    return f"{words.say(f'SEGMENT_{kind.upper()}')}: {name}"


def _writer(words: Words, kind: str) -> Callable[[Any], str]:
    if kind in _SHARES or kind == "limit":
        return words.percent
    if kind in _COUNTS:
        return words.number
    if kind == "worst":
        return lambda segment: _worst(words, segment)
    if kind == "seconds":
        return lambda seconds: f"{words.number(1000 * seconds, 1)} ms"
    if kind == "bytes":
        return lambda size: words.size(round(size))
    return str
