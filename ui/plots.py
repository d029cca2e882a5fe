"""Figures for one reader: their number format, and the page's colours.

Texts, grid and ground take their colours from ``static/app.css``, so that a figure
follows the page when it turns dark.
"""

from typing import Any, Final

import plotly.graph_objects as go

from ui.rendering import Words

MAIN: Final = "#2f6fed"
OTHER: Final = "#d9730d"
QUIET: Final = "#8593a8"
COLOURS: Final = (MAIN, OTHER, "#1a9a6c", "#a855c7", "#c2416b", "#6b7f10", QUIET)
"""Legible on white and on near black alike."""

_SEPARATORS: Final = {"pt-BR": ",.", "en": ".,"}
_DAY: Final = {"pt-BR": "%d/%m/%Y", "en": "%-d %b %Y"}


def figure(
    words: Words,
    *traces: Any,
    x: str = "",
    y: str = "",
    height: int = 340,
    by_day: bool = False,
    **layout: Any,
) -> go.Figure:
    """Return a figure of some traces.

    Parameters
    ----------
    x, y
        Titles of the axes, with their units.
    by_day
        Whether ``x`` are days.
    layout
        More of Plotly's layout, where a page needs it.
    """
    drawn = go.Figure(data=list(traces))
    drawn.update_layout(
        template="none",
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        separators=_SEPARATORS[words.language],
        font={"family": "system-ui, sans-serif", "size": 13},
        colorway=list(COLOURS),
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        hoverlabel={"bgcolor": "#0f1b2d", "font": {"color": "#ffffff"}},
        dragmode=False,
    )
    axis = {"automargin": True, "fixedrange": True, "zeroline": False}
    drawn.update_xaxes(title=x, **axis)
    drawn.update_yaxes(title=y, **axis)
    if by_day:
        day = _DAY[words.language]
        drawn.update_xaxes(type="date", tickformat=day, hoverformat=day)
    drawn.update_layout(**layout)
    return drawn
