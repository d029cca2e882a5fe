"""The files that were taken in, and what their fares look like."""

from typing import Final

import gradio as gr
import pandas as pd
from gradio.components.plot import PlotData

from tripadvance_core.domain.entities import UploadStatus
from tripadvance_core.services.explore import Exploration
from tripadvance_core.tabular.summary import LEAD_STEPS
from ui.desk import Desk, Reader
from ui.parts import html, plot
from ui.plots import MAIN, QUIET, Trace, figure

ROUTES_SHOWN: Final = 15


def build(desk: Desk) -> None:
    """Add the page."""
    services = desk.services
    currency = services.settings.base_currency

    def show_files(reader: Reader) -> str:
        status = _status(reader.query.get("status", ""))
        return reader.render(
            "data/list.html",
            page=services.uploads.page(reader.page, status),
            status=status,
            statuses=tuple(UploadStatus),
        )

    def explored(reader: Reader) -> tuple[Exploration | None, tuple[str, str] | None]:
        start, end = reader.query.get("origin", ""), reader.query.get("destination", "")
        found = services.explorer.explore(start, end)
        return found, (start, end) if found and found.has(start, end) else None

    def show_fares(reader: Reader) -> list[object]:
        found, chosen = explored(reader)
        told = reader.render(
            "data/coverage.html",
            found=found,
            routes=_routes(found),
            chosen=chosen,
            currency=currency,
        )
        if found is None:
            return [told, gr.Column(visible=False), gr.skip(), None, None, None]
        return [
            told,
            gr.Column(visible=True),
            gr.Column(visible=not found.lead_times.empty),
            _by_lead_time(reader, found, currency),
            _by_month(reader, found, currency),
            _count_by_month(reader, found),
        ]

    files, fares = html("data-files"), html("data-fares")
    with gr.Column(visible=False, elem_classes="ta-plots") as plots:
        with gr.Column() as lead_times:
            by_lead_time = plot("data-by-lead-time", "UI_PRICE_BY_LEAD_TIME")
        by_month = plot("data-by-month", "UI_PRICE_BY_MONTH")
        count = plot("data-count", "UI_FARES_BY_MONTH")
    desk.fill(files, show_files)
    desk.load(show_fares, [fares, plots, lead_times, by_lead_time, by_month, count])


def _status(asked: str) -> UploadStatus | None:
    return next((status for status in UploadStatus if status == asked), None)


def _routes(found: Exploration | None) -> list[object]:
    return [] if found is None else list(found.routes.head(ROUTES_SHOWN).itertuples())


def _by_lead_time(reader: Reader, found: Exploration, currency: str) -> PlotData:
    frame = found.lead_times
    steps = [
        reader.say("WEB_DAYS_FROM", first=first)
        if first == LEAD_STEPS[-1]
        else f"{first}–{LEAD_STEPS[LEAD_STEPS.index(first) + 1] - 1}"
        for first in frame["first_day"]
    ]
    bars = _range_bars(reader, steps, frame)
    return figure(
        reader.words,
        *bars,
        x=reader.say("WEB_DAYS_BEFORE"),
        y=currency,
        showlegend=False,
    )


def _by_month(reader: Reader, found: Exploration, currency: str) -> PlotData:
    months = [reader.words.month(month) for month in found.months["month"]]
    bars = _range_bars(reader, months, found.months)
    return figure(reader.words, *bars, y=currency, showlegend=False)


def _count_by_month(reader: Reader, found: Exploration) -> PlotData:
    months = [reader.words.month(month) for month in found.months["month"]]
    bars = {
        "type": "bar",
        "x": months,
        "y": found.months["fares"],
        "marker": {"color": MAIN},
    }
    return figure(reader.words, bars, y=reader.say("WEB_FARES_COUNT"), height=260)


def _range_bars(reader: Reader, x: list[str], frame: pd.DataFrame) -> list[Trace]:
    """Return a bar from low to high for each group, with the median as a mark."""
    return [
        {
            "type": "bar",
            "x": x,
            "y": frame["high"] - frame["low"],
            "base": frame["low"],
            "marker": {"color": QUIET},
            "opacity": 0.45,
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "x": x,
            "y": frame["median"],
            "mode": "markers",
            "marker": {"color": MAIN, "size": 10},
            "name": reader.say("WEB_MEDIAN"),
        },
    ]
