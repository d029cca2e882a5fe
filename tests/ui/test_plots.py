"""Figures: what Plotly can draw, written the reader's way."""

import datetime as dt
import json
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go
import pytest

from tripadvance_core.messages import Language
from ui.plots import MAIN, Trace, figure
from ui.rendering import Words


def words(language: Language = "pt-BR") -> Words:
    return Words(language, ZoneInfo("America/Sao_Paulo"))


def bars(*heights: float) -> Trace:
    x = [f"v{n}" for n in range(len(heights))]
    return {"type": "bar", "x": x, "y": pd.Series(heights), "marker": {"color": MAIN}}


def drawn_of(language: Language = "pt-BR", **options: object) -> go.Figure:
    text = figure(words(language), bars(1.0, 2.5), **options).plot  # type: ignore[arg-type]
    return go.Figure(json.loads(text))


def test_figure_is_one_that_plotly_knows() -> None:
    drawn = drawn_of(x="day", y="BRL", yaxis={"autorange": "reversed"}, barmode="group")
    assert list(drawn.data[0].y) == [1.0, 2.5]
    assert (drawn.layout.xaxis.title.text, drawn.layout.yaxis.title.text) == (
        "day",
        "BRL",
    )
    assert drawn.layout.yaxis.autorange == "reversed"
    assert drawn.layout.yaxis.automargin
    assert drawn.layout.barmode == "group"


@pytest.mark.parametrize(
    ("language", "separators", "day"), [("pt-BR", ",.", "%d/%m/%Y"), ("en", ".,", "%b")]
)
def test_numbers_and_days_are_written_the_readers_way(
    language: Language, separators: str, day: str
) -> None:
    layout = drawn_of(language, by_day=True).layout
    assert layout.separators == separators
    assert day in layout.xaxis.tickformat


def test_what_is_no_number_is_left_out() -> None:
    text = figure(words(), bars(1.0, float("nan"))).plot
    assert json.loads(text)["data"][0]["y"] == [1.0, None]


def test_days_are_written_as_plotly_reads_them() -> None:
    line: Trace = {"type": "scatter", "x": [dt.date(2026, 3, 1)], "y": [1.0]}
    assert json.loads(figure(words(), line).plot)["data"][0]["x"] == ["2026-03-01"]
