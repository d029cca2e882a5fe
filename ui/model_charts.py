"""The charts of the page of metrics, each with its numbers as a table."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Final

import pandas as pd

from tripadvance_core.learning.evaluation import Effect, Segment
from tripadvance_core.services.card import PriceClass
from tripadvance_core.services.metrics import SideBySide
from ui.desk import Reader
from ui.figures import IN_MONEY, UNKNOWN, feature_name, metric_text, segment_name
from ui.parts import Chart
from ui.plots import MAIN, OTHER, QUIET, Trace, figure

Shown = list[Any]
"""What fills the places of a ``Chart``."""

FEATURES_DRAWN: Final = 15
_LINE_HEIGHT: Final = 30
_TOP_DOWN: Final = {"autorange": "reversed"}
_LEVELS: Final = {80: MAIN, 95: OTHER}
_SUBJECTS: Final = {
    "model": ("WEB_SUBJECT_MODEL", MAIN, "solid"),
    "master": ("WEB_SUBJECT_MASTER", OTHER, "dot"),
    "baseline": ("WEB_COLUMN_BASELINE", QUIET, "dash"),
}


def over_time(reader: Reader, table: pd.DataFrame, metric: str) -> Shown:
    """Draw one metric of every model beside MASTER and baseline of its night."""
    currency = str(table["currency"].iloc[-1])
    traces = [
        _line_over_time(reader, table[table["subject"] == subject], metric, *look)
        for subject, look in _SUBJECTS.items()
    ]
    title = reader.say(f"METRIC_{metric.upper()}")
    drawn = figure(
        reader.words,
        *traces,
        y=f"{title}, {currency}" if metric in IN_MONEY else title,
        xaxis={"type": "category"},
        hovermode="x unified",
    )
    wide = table.pivot(index="number", columns="subject", values=metric)
    wide = wide.reindex(columns=list(_SUBJECTS)).sort_index(ascending=False)
    made = table.drop_duplicates("number").set_index("number")["at"]
    header = [
        reader.say("COLUMN_MODEL"),
        reader.say("COLUMN_CREATED"),
        *(reader.say(code) for code, _, _ in _SUBJECTS.values()),
    ]
    rows = [
        [
            f"v{number}",
            reader.words.moment(made[number]),
            *(metric_text(reader.words, metric, value, currency) for value in values),
        ]
        for number, *values in wide.itertuples()
    ]
    return Chart.shown(drawn, _numbers(reader, header, rows))


def _line_over_time(
    reader: Reader, scores: pd.DataFrame, metric: str, code: str, colour: str, dash: str
) -> Trace:
    own = code == "WEB_SUBJECT_MODEL"
    symbols = ["star" if reigned and own else "circle" for reigned in scores["reigned"]]
    return {
        "type": "scatter",
        "x": [f"v{number}" for number in scores["number"]],
        "y": scores[metric],
        "name": reader.say(code),
        "mode": "lines+markers",
        "line": {"color": colour, "dash": dash},
        "marker": {"symbol": symbols, "size": 11 if own else 7},
    }


def predicted_against_actual(
    reader: Reader, points: pd.DataFrame, classes: Sequence[PriceClass], currency: str
) -> Shown:
    """Draw predicted against true prices; as numbers, the bias among like prices."""
    most = float(points[["actual", "predicted"]].to_numpy().max())
    drawn = figure(
        reader.words,
        _dots(points["actual"], points["predicted"]),
        _diagonal(most),
        x=f"{reader.say('WEB_ACTUAL')}, {currency}",
        y=f"{reader.say('WEB_PREDICTED')}, {currency}",
        showlegend=False,
    )
    header = [
        reader.say("CARD_PRICES"),
        reader.say("WEB_COLUMN_ROWS"),
        reader.say("WEB_COLUMN_BIAS"),
    ]
    words = reader.words
    rows = [
        [
            _prices(reader, one, currency),
            words.number(one.rows),
            _signed(reader, one.bias),
        ]
        for one in classes
    ]
    return Chart.shown(drawn, _numbers(reader, header, rows, "WEB_POINTS_HOW"))


def error_by_price(
    reader: Reader, classes: Sequence[PriceClass], rival: str, currency: str
) -> Shown:
    """Draw the error among fares of like price, beside the rival's."""
    names = [_prices(reader, one, currency) for one in classes]
    own = reader.say("WEB_SUBJECT_MODEL")
    errors = [(own, MAIN, [one.error for one in classes])]
    errors += [(rival, QUIET, [one.rival_error for one in classes])]
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "y": names,
            "x": shares,
            "name": name,
            "marker": {"color": colour},
        }
        for name, colour, shares in errors
    ]
    drawn = figure(
        reader.words,
        *bars,
        x=reader.say("WEB_MAPE_AXIS"),
        barmode="group",
        yaxis=_TOP_DOWN,
    )
    header = [reader.say("CARD_PRICES"), reader.say("WEB_COLUMN_ROWS"), own, rival]
    words = reader.words
    rows = [
        [
            name,
            words.number(one.rows),
            words.per_cent(one.error),
            words.per_cent(one.rival_error),
        ]
        for name, one in zip(names, classes, strict=True)
    ]
    return Chart.shown(drawn, _numbers(reader, header, rows))


def residuals(reader: Reader, segments: pd.DataFrame, names: Sequence[str]) -> Shown:
    """Draw how far the predictions of each segment lie from the true prices."""
    boxes = {
        "type": "box",
        "orientation": "h",
        "y": names,
        "q1": segments["lower"],
        "median": segments["middle"],
        "q3": segments["upper"],
        "lowerfence": segments["lowest"],
        "upperfence": segments["highest"],
        "marker": {"color": MAIN},
        "showlegend": False,
    }
    drawn = figure(
        reader.words,
        boxes,
        x=reader.say("WEB_RESIDUAL_AXIS"),
        height=110 + _LINE_HEIGHT * len(names),
        yaxis=_TOP_DOWN,
        shapes=[_line_at(0)],
    )
    header = [
        reader.say("WEB_COLUMN_SEGMENT"),
        reader.say("WEB_COLUMN_ROWS"),
        reader.say("COLUMN_MAPE"),
        reader.say("WEB_COLUMN_LOWEST"),
        reader.say("WEB_COLUMN_MIDDLE"),
        reader.say("WEB_COLUMN_HIGHEST"),
    ]
    rows = [
        [
            name,
            reader.words.number(row["rows"]),
            reader.words.per_cent(row["error"]),
            *(_signed(reader, row[part]) for part in ("lowest", "middle", "highest")),
        ]
        for name, row in zip(names, segments.to_dict("records"), strict=True)
    ]
    return Chart.shown(drawn, _numbers(reader, header, rows, "WEB_RESIDUALS_HOW"))


def coverage(reader: Reader, segments: Iterable[Segment]) -> Shown:
    """Draw how many true prices lie in the ranges, by segment."""
    words = reader.words
    known = [segment for segment in segments if segment.score.covered]
    names = [segment_name(words, one.kind, one.name) for one in known]
    covered = [
        {level: segment.score.covered.get(level) for level in _LEVELS}
        for segment in known
    ]
    dots = [
        {
            "type": "scatter",
            "x": [found[level] for found in covered],
            "y": names,
            "mode": "markers",
            "marker": {"color": colour, "size": 11},
            "name": reader.say("WEB_COLUMN_COVERED", level=level),
        }
        for level, colour in _LEVELS.items()
    ]
    drawn = figure(
        words,
        *dots,
        x=reader.say("WEB_COVERAGE_AXIS"),
        height=140 + _LINE_HEIGHT * len(names),
        yaxis=_TOP_DOWN,
        shapes=[_line_at(level) for level in _LEVELS],
    )
    header = [
        reader.say("WEB_COLUMN_SEGMENT"),
        reader.say("WEB_COLUMN_ROWS"),
        *(reader.say("WEB_COLUMN_COVERED", level=level) for level in _LEVELS),
    ]
    rows = [
        [
            name,
            words.number(segment.score.metrics.rows),
            *(
                UNKNOWN if share is None else words.per_cent(share)
                for share in found.values()
            ),
        ]
        for name, segment, found in zip(names, known, covered, strict=True)
    ]
    return Chart.shown(drawn, _numbers(reader, header, rows))


def importance(reader: Reader, shares: dict[str, float]) -> Shown:
    """Draw what each feature contributes to the gain of all splits."""
    named = [(feature_name(reader.words, name), gain) for name, gain in shares.items()]
    drawn_shares = named[:FEATURES_DRAWN]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": [name for name, _ in drawn_shares],
        "x": [100 * share for _, share in drawn_shares],
        "marker": {"color": MAIN},
    }
    drawn = figure(
        reader.words,
        bars,
        x=reader.say("WEB_IMPORTANCE_AXIS"),
        height=100 + _LINE_HEIGHT * len(drawn_shares),
        yaxis=_TOP_DOWN,
        showlegend=False,
    )
    header = [reader.say("WEB_COLUMN_FEATURE"), reader.say("WEB_COLUMN_GAIN_SHARE")]
    rows = [[name, reader.words.percent(share)] for name, share in named]
    return Chart.shown(drawn, _numbers(reader, header, rows))


def effect(reader: Reader, found: Effect, currency: str) -> Shown:
    """Draw the mean price of the same trips by day, or by days before the flight."""
    by_day = found.varied == "date"
    column = reader.say("WEB_COLUMN_DAY" if by_day else "WEB_COLUMN_LEAD")
    title = reader.say("WEB_MEAN_PRICE")
    line = {
        "type": "scatter",
        "x": list(found.values),
        "y": list(found.mean_price),
        "mode": "lines+markers",
        "line": {"color": MAIN},
    }
    drawn = figure(
        reader.words,
        line,
        x=column,
        y=f"{title}, {currency}",
        by_day=by_day,
        showlegend=False,
    )
    rows = [
        [
            _day_or_number(reader, value),
            reader.words.money(price, currency),
        ]
        for value, price in zip(found.values, found.mean_price, strict=True)
    ]
    return Chart.shown(
        drawn, _numbers(reader, [column, title], rows, "WEB_EFFECTS_HOW")
    )


def _day_or_number(reader: Reader, value: Any) -> str:
    words = reader.words
    return words.day(value) if isinstance(value, dt.date) else words.number(value)


def pair(reader: Reader, found: SideBySide) -> Shown:
    """Draw the errors of two models on the same rows against each other."""
    first, second = f"v{found.first.number}", f"v{found.second.number}"
    most = float(found.points.to_numpy().max())
    drawn = figure(
        reader.words,
        _dots(found.points["second"], found.points["first"]),
        _diagonal(most),
        x=reader.say("WEB_PAIR_AXIS", model=second),
        y=reader.say("WEB_PAIR_AXIS", model=first),
        showlegend=False,
    )
    header = [reader.say("WEB_COLUMN_SHARE"), first, second]
    quantiles = found.points.quantile([0.25, 0.5, 0.75, 0.95])
    rows = [
        [reader.words.percent(share, 0), *map(reader.words.per_cent, errors)]
        for share, *errors in quantiles[["first", "second"]].itertuples()
    ]
    return Chart.shown(drawn, _numbers(reader, header, rows, "WEB_PAIR_HOW"))


def _dots(x: "pd.Series[float]", y: "pd.Series[float]") -> Trace:
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "markers",
        "marker": {"color": MAIN, "size": 5, "opacity": 0.45},
    }


def _diagonal(most: float) -> Trace:
    return {
        "type": "scatter",
        "x": [0, most],
        "y": [0, most],
        "mode": "lines",
        "line": {"color": QUIET, "dash": "dash"},
        "hoverinfo": "skip",
    }


def _line_at(x: float) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": QUIET, "dash": "dot", "width": 1},
    }


def _prices(reader: Reader, one: PriceClass, currency: str) -> str:
    low, high = (
        reader.words.money(price, currency) for price in (one.price_from, one.price_to)
    )
    return f"{low} – {high}"


def _signed(reader: Reader, per_cent: float) -> str:
    return ("+" if per_cent > 0 else "") + reader.words.per_cent(per_cent)


def _numbers(
    reader: Reader, header: list[str], rows: list[list[str]], note: str | None = None
) -> str:
    return reader.render(
        "numbers.html",
        header=header,
        rows=rows,
        note=reader.say(note) if note else "",
    )
