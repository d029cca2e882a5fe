"""The metrics: over time, where one model errs, and any two side by side."""

import math
from typing import Any, Final

import gradio as gr

from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.entities import ModelVersion
from tripadvance_core.errors import Conflict, NotFound
from tripadvance_core.services.metrics import METRIC_NAMES, Gain, SideBySide
from ui import model_charts
from ui.desk import Desk, Reader
from ui.figures import UNKNOWN, difference_text, metric_text
from ui.model_charts import Shown
from ui.parts import Chart, html
from ui.rendering import Words

MODELS_OFFERED: Final = 200
"""So many of the newest models are drawn over time and offered for a choice."""


def build(desk: Desk) -> None:
    """Add the page; its address says which of its three views is asked for."""
    services = desk.services
    desk.fill(html("metrics"), lambda reader: _frame(services, reader))
    charts: dict[str, Chart] = {}
    with gr.Column(elem_classes="ta-plots"):
        for row in (
            ("time",),
            ("pair",),
            ("points", "prices"),
            ("routes", "airlines"),
            ("months", "coverage"),
            ("date", "lead_days"),
            ("importance",),
        ):
            with gr.Row():
                for name in row:
                    code = f"UI_METRICS_{name.upper()}"
                    charts[name] = Chart(f"metrics-{name}", code)

    def draw(reader: Reader) -> list[Any]:
        drawn = _drawn(services, reader)
        filled = [drawn.get(name, Chart.hidden()) for name in charts]
        return [value for values in filled for value in values]

    outputs = [place for chart in charts.values() for place in chart.outputs]
    desk.load(draw, outputs, concurrency_id="heavy", concurrency_limit=2)


def _view(reader: Reader) -> str:
    if "a" in reader.query or "b" in reader.query:
        return "pair"
    return "model" if reader.query.get("model") else "time"


def _metric(reader: Reader) -> str:
    asked = reader.query.get("metric", "")
    return asked if asked in METRIC_NAMES else METRIC_NAMES[0]


def _offered(services: Services) -> list[ModelVersion]:
    """Return the newest models, with MASTER ahead of them."""
    newest, master = (
        services.registry.newest(MODELS_OFFERED),
        services.registry.master(),
    )
    others = [model for model in newest if master is None or model.id != master.id]
    return [master, *others] if master else others


def _pair(services: Services, reader: Reader) -> SideBySide:
    asked = reader.query.get("a", ""), reader.query.get("b", "")
    return services.metrics.side_by_side(*asked)


def _frame(services: Services, reader: Reader) -> str:
    """Write what stands above the charts: the choice, and the figures in words."""
    view, models = _view(reader), _offered(services)
    shared = {"view": view, "models": models, "names": METRIC_NAMES}
    if view == "model":
        return _frame_of_one(services, reader, shared)
    if view == "pair":
        return _frame_of_two(services, reader, shared)
    return reader.render("metrics/time.html", metric=_metric(reader), **shared)


def _frame_of_one(services: Services, reader: Reader, shared: dict[str, Any]) -> str:
    model = services.registry.version(reader.query["model"])
    card = services.cards.card(model.id)
    return reader.render(
        "metrics/model.html",
        model=model,
        rival=services.registry.find(model.rival_id),
        measured=services.metrics.measured(model),
        effects=bool(card.learned and card.learned.effects),
        metric_text=metric_text,
        **shared,
    )


def _frame_of_two(services: Services, reader: Reader, shared: dict[str, Any]) -> str:
    pair, refusal = None, ""
    try:
        pair = _pair(services, reader)
    except (Conflict, NotFound) as error:
        refusal = reader.words.error(error)
    return reader.render(
        "metrics/pair.html",
        pair=pair,
        refusal=refusal,
        verdict=_verdict,
        metric_text=metric_text,
        difference_text=difference_text,
        **shared,
    )


def _verdict(words: Words, pair: SideBySide, gain: Gain) -> str:
    """Tell whether one of two models is provably better in a metric."""
    code = "WEB_PAIR_OPEN"
    if gain.low > 0:
        code = "WEB_PAIR_BETTER"
    elif gain.high < 0:
        code = "WEB_PAIR_WORSE"
    return words.say(
        code,
        first=pair.first.number,
        second=pair.second.number,
        metric=gain.metric,
        gain=words.percent(gain.value),
        low=_bound(words, gain.low),
        high=_bound(words, gain.high),
        certainty=f"{words.number(100 * (1 - pair.level), 2)}%",
    )


def _bound(words: Words, share: float) -> str:
    return words.percent(share) if math.isfinite(share) else UNKNOWN


def _drawn(services: Services, reader: Reader) -> dict[str, Shown]:
    """Return the charts of the view by name; none where the page tells why not."""
    view = _view(reader)
    try:
        if view == "model":
            model = services.registry.version(reader.query["model"])
            return _drawn_of_one(services, reader, model)
        if view == "pair":
            return {"pair": model_charts.pair(reader, _pair(services, reader))}
    except (Conflict, NotFound):
        return {}
    table = services.metrics.over_time(MODELS_OFFERED)
    if table.empty:
        return {}
    return {"time": model_charts.over_time(reader, table, _metric(reader))}


def _drawn_of_one(
    services: Services, reader: Reader, model: ModelVersion
) -> dict[str, Shown]:
    drawn: dict[str, Shown] = {}
    card, currency = services.cards.card(model.id), model.currency
    if model.metrics:
        errors, classes = services.metrics.errors(model), card.price_classes
        rival = reader.say(
            "WEB_SUBJECT_MASTER" if model.rival_id else "WEB_COLUMN_BASELINE"
        )
        drawn = {
            "points": model_charts.predicted_against_actual(
                reader, errors.points, classes, currency
            ),
            "prices": model_charts.error_by_price(reader, classes, rival, currency),
            "routes": _residuals(reader, errors.by_route),
            "airlines": _residuals(reader, errors.by_airline),
        }
        if errors.by_month is not None:
            months = [reader.words.month(day) for day in errors.by_month["segment"]]
            drawn["months"] = model_charts.residuals(reader, errors.by_month, months)
    learned = card.learned
    if learned is None:
        return drawn
    if any(segment.score.covered for segment in learned.segments):
        drawn["coverage"] = model_charts.coverage(reader, learned.segments)
    drawn["importance"] = model_charts.importance(reader, learned.importance)
    for effect in learned.effects:
        drawn[effect.varied] = model_charts.effect(reader, effect, currency)
    return drawn


def _residuals(reader: Reader, segments: Any) -> Shown:
    return model_charts.residuals(reader, segments, list(segments["segment"]))
