"""Figures of models in words."""

from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tripadvance_core.domain.promotion import (
    Gate,
    Outcome,
    Panel,
    PromotionDecision,
    PromotionPolicy,
    Resources,
    decide,
)
from tripadvance_core.messages import LANGUAGES, Language
from tripadvance_core.services.metrics import METRIC_NAMES
from tripadvance_core.tabular.calendar import CYCLES
from tripadvance_core.tabular.features import (
    AIRLINE_ROUTE,
    DAY,
    DURATION,
    LEAD_DAYS,
    ROUTE,
)
from ui.figures import difference_text, feature_name, gate_text, metric_text
from ui.rendering import Words


def words(language: Language = "pt-BR") -> Words:
    return Words(language, ZoneInfo("America/Sao_Paulo"))


def decision(**changes: Any) -> PromotionDecision:
    """Return a decision on made-up rows, with every gate."""
    random = np.random.default_rng(3)
    actual = random.uniform(100, 900, 400)
    panel = {
        "actual": actual,
        "challenger": actual * random.normal(1, 0.1, 400),
        "rival": actual * random.normal(1, 0.12, 400),
        "baseline": actual * random.normal(1, 0.4, 400),
        "low": actual * 0.9,
        "high": actual * random.uniform(0.98, 1.2, 400),
        "groups": np.repeat(np.arange(100), 4),
        "own": np.arange(400) < 200,
        "segments": {"airline": np.repeat(np.array(["Gol", "Azul"], object), 200)},
    }
    return decide(
        Panel(**panel | changes),
        PromotionPolicy(),
        challenger_id="v2",
        rival_id="v1",
        resources=(
            Resources(size_bytes=2_000_000, training_rows=900, seconds_a_price=0.0012),
            Resources(size_bytes=1_000_000, training_rows=800, seconds_a_price=0.001),
        ),
    )


def told(found: PromotionDecision, name: str, language: Language = "pt-BR") -> str:
    (gate,) = (gate for gate in found.gates if gate.name == name)
    return gate_text(words(language), gate, found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_gate_tells_its_figures_and_what_it_asks_for(language: Language) -> None:
    found = decision()
    assert len(found.gates) == 10
    for gate in found.gates:
        text = gate_text(words(language), gate, found)
        assert any(sign.isdigit() for sign in text), gate.name
        assert "–" not in text, gate.name


def test_gain_is_told_with_its_bound_and_its_threshold() -> None:
    found = decision()
    text = told(found, "GATE_GAIN")
    assert words().percent(found.gain or 0) in text
    assert words().percent(found.gain_low or 0) in text
    assert "99,90%" in text
    assert "ao menos 1,0%" in text


def test_limits_have_the_units_of_what_they_limit() -> None:
    found = decision()
    assert told(found, "GATE_LATENCY") == "1,2 ms por preço; tolera-se até 50,0 ms."
    assert told(found, "GATE_MODEL_SIZE") == "2 MB; tolera-se até 16,8 MB."
    assert "tolera-se até 3,0%" in told(found, "GATE_BIAS")


def test_segment_that_is_hurt_is_named() -> None:
    random = np.random.default_rng(4)
    actual = np.full(400, 100.0)
    challenger = np.where(np.arange(400) < 200, 101.0, 140 + random.normal(0, 1, 400))
    rival = np.full(400, 120.0) + random.normal(0, 1, 400)
    spoilt = decision(actual=actual, challenger=challenger, rival=rival)
    assert "Companhia: Azul" in told(spoilt, "GATE_SEGMENTS")


def test_model_without_ranges_has_nothing_to_check() -> None:
    assert told(decision(low=None, high=None), "GATE_COVERAGE", "en") == (
        "The model has no price range to check."
    )


def test_boundless_gain_is_told_without_a_bound() -> None:
    found = decision(groups=np.zeros(400, np.int64))
    assert "ao menos – com" in told(found, "GATE_GAIN")


def test_first_master_is_not_told_the_thresholds_of_the_next() -> None:
    found = decision().model_copy(update={"rival_id": None})
    text = told(found, "GATE_PANEL_SIZE")
    assert "100 linhas" not in text
    assert "400 linhas em 100 grupos" in text


def test_gate_without_figures_is_told_by_its_reason_alone() -> None:
    gate = Gate(name="GATE_COMPARABLE", verdict=Outcome.HOLD, reason="HOLDOUT_EMPTY")
    assert gate_text(words(), gate, decision()) == ""


def test_overlap_is_told() -> None:
    gate = Gate(
        name="GATE_COMPARABLE", verdict=Outcome.HOLD, figures={"overlap": 1_234}
    )
    assert gate_text(words(), gate, decision()).startswith("1.234 linhas do painel")


def test_metrics_are_written_by_their_units() -> None:
    written = [metric_text(words(), name, 12.345, "BRL") for name in METRIC_NAMES]
    assert written == ["12,3%", "12,3%", "R$\xa012,34", "R$\xa012,34", "12,3", "12,345"]
    assert metric_text(words(), "r2_score", None, "BRL") == "–"
    assert metric_text(words(), "mean_absolute_error", np.inf, "BRL") == "–"


def test_differences_have_a_sign_and_percentages_points() -> None:
    assert (
        difference_text(words(), "accuracy_10_percent", 60.0, 52.5, "BRL")
        == "+7,5 p.p."
    )
    assert difference_text(words(), "r2_score", 0.5, 0.75, "BRL") == "-0,250"
    assert difference_text(words(), "r2_score", None, 0.75, "BRL") == "–"


def test_every_feature_of_the_product_has_a_name_and_further_ones_keep_theirs() -> None:
    own = [ROUTE, AIRLINE_ROUTE, DAY, DURATION, LEAD_DAYS, *CYCLES]
    own += ["start_city", "end_city", "airline"]
    named = [feature_name(words("en"), name) for name in own]
    assert set(named).isdisjoint(own)
    assert len(set(named)) == len(own)
    assert feature_name(words("en"), "cabin") == "cabin"
