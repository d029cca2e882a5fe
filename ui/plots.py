"""Figures for one reader: their number format, and the page's colours.

Texts, grid and ground take their colours from ``static/app.css``, so that a figure
follows the page when it turns dark. A figure is written in the format of Plotly's
script, which draws it: building it of Plotly's Python objects is slow.
"""

from typing import Any, Final

import orjson
from gradio.components.plot import PlotData

from ui.rendering import Words

Trace = dict[str, Any]
"""A trace as Plotly's reference has it; columns may be series of pandas."""

MAIN: Final = "#2f6fed"
OTHER: Final = "#d9730d"
QUIET: Final = "#8593a8"
COLOURS: Final = (MAIN, OTHER, "#1a9a6c", "#a855c7", "#c2416b", "#6b7f10", QUIET)
"""Legible on white and on near black alike."""

_SEPARATORS: Final = {"pt-BR": ",.", "en": ".,"}
_DAY: Final = {"pt-BR": "%d/%m/%Y", "en": "%-d %b %Y"}


def figure(
    words: Words,
    *traces: Trace,
    x: str = "",
    y: str = "",
    height: int = 340,
    by_day: bool = False,
    xaxis: dict[str, Any] | None = None,
    yaxis: dict[str, Any] | None = None,
    **layout: Any,
) -> PlotData:
    """Return a figure of some traces.

    Parameters
    ----------
    x, y
        Titles of the axes, with their units.
    by_day
        Whether ``x`` are days.
    xaxis, yaxis, layout
        More of Plotly's layout, where a page needs it.
    """
    axis = {"automargin": True, "fixedrange": True, "zeroline": False}
    day = _DAY[words.language]
    days = {"type": "date", "tickformat": day, "hoverformat": day} if by_day else {}
    whole = {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "separators": _SEPARATORS[words.language],
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "colorway": COLOURS,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        "hoverlabel": {"bgcolor": "#0f1b2d", "font": {"color": "#ffffff"}},
        "dragmode": False,
        "xaxis": {"title": {"text": x}, **axis, **days, **(xaxis or {})},
        "yaxis": {"title": {"text": y}, **axis, **(yaxis or {})},
        **layout,
    }
    drawn = {"data": traces, "layout": whole}
    # In JSON, what is not a number becomes null, which Plotly leaves out.
    text = orjson.dumps(drawn, default=_values, option=orjson.OPT_SERIALIZE_NUMPY)
    return PlotData(type="plotly", plot=text.decode())


def _values(column: Any) -> list[Any]:
    values: list[Any] = column.tolist()
    return values
