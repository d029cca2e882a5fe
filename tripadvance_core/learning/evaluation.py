"""What a model is measured against, and the card that says how it did."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final, Literal, Protocol, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from pydantic import Field

from tripadvance_core.domain.entities import Value
from tripadvance_core.domain.metrics import Floats, RegressionMetrics
from tripadvance_core.learning.explanation import Varied, partial_effect
from tripadvance_core.learning.intervals import LEVELS
from tripadvance_core.learning.matrices import weights_of
from tripadvance_core.learning.model import Estimate, FareModel, Prices
from tripadvance_core.learning.trial import Recipe
from tripadvance_core.tabular.features import (
    DURATION,
    LEAD_DAYS,
    QUOTE_DATE,
    route_places,
    routes,
    routes_of,
)
from tripadvance_core.tabular.joining import FareRows
from tripadvance_core.tabular.medians import group_medians

CARD_FILE: Final = "card.json"
ORIGINAL_DEPTH: Final = 5
MIN_SEGMENT_ROWS: Final = 50
"""Fewer rows say too little about a segment to be shown."""

_MOST_SEGMENTS: Final = 10
_EFFECT_ROWS: Final = 200
# Days of one weekday each, or the weekday would show and not the season.
_EFFECT_STEP: Final = timedelta(days=14)
_EFFECT_DAYS: Final = 27
_EFFECT_LEADS: Final = (0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180)


class Baseline(Protocol):
    """Something simple that predicts a price for each row of a frame, shape (n,)."""

    def __call__(self, frame: pd.DataFrame, /) -> Floats: ...


class Score(Value):
    """How predictions did on some reserved rows.

    ``covered`` gives by level the per cent of true prices inside the range; empty
    where there are no ranges.
    """

    metrics: RegressionMetrics
    covered: dict[int, float] = Field(default_factory=dict)


class Segment(Value):
    """The score on the reserved rows of one airline, route or third of the prices."""

    kind: Literal["airline", "route", "price"]
    name: str
    score: Score


class Effect(Value):
    """The mean price of the same trips on other days, or asked for at other times.

    ``values`` are the days of the last year that was learned from, or the days before
    the flight; ``mean_price`` is in the base currency.
    """

    varied: Varied
    values: tuple[int, ...] | tuple[date, ...]
    mean_price: tuple[float, ...]


class ModelCard(Value):
    """What is known about a model from rows that no model trains on.

    Ranges are judged by halves: each half of the reserved rows by a model whose ranges
    were calibrated on the other. A card without ``effects`` was written before they
    were measured.
    """

    recipe: Recipe
    model: Score
    route_median: Score
    original: Score
    segments: tuple[Segment, ...]
    importance: dict[str, float]
    dropped: dict[str, str]
    effects: tuple[Effect, ...] = ()

    @classmethod
    def of(
        cls,
        model: FareModel,
        holdout: pd.DataFrame,
        estimate: Estimate,
        medians: Baseline,
        original: Baseline,
    ) -> Self:
        """Score a model and both baselines on the same reserved rows, n > 0.

        Parameters
        ----------
        estimate
            What the model's trees say of these rows.
        """
        actual, weights = holdout["price"].to_numpy(np.float64), weights_of(holdout)
        prices = judged_by_halves(model, estimate, actual)
        return cls(
            recipe=model.recipe,
            model=_score(actual, prices, weights),
            route_median=_plain_score(actual, medians(holdout), weights),
            original=_plain_score(actual, original(holdout), weights),
            segments=tuple(_segments(holdout, actual, prices, weights)),
            importance=_gains(model),
            dropped=dict(model.encoder.dropped),
            effects=tuple(_effects(model, holdout)),
        )


class RouteMedians(Value):
    """The simplest honest predictor: the median price of the route.

    A route that was never trained on gets the median of all prices, ``overall``.
    """

    overall: float
    by_route: dict[str, float]

    @classmethod
    def of(cls, rows: FareRows) -> Self:
        """Take the medians of training rows, n > 0, exact whatever their number."""
        places, names = routes_of(rows)
        prices = rows.column("price").astype(np.float64)
        medians = group_medians(places, prices, len(names))
        return cls(
            overall=float(np.median(prices)),
            by_route=dict(zip(names, medians.tolist(), strict=True)),
        )

    def __call__(self, frame: pd.DataFrame, /) -> Floats:
        places, names = route_places(frame)
        medians = [self.by_route.get(name, self.overall) for name in names]
        return np.array(medians, dtype=np.float64)[places]


def original_baseline(rows: FareRows) -> Baseline:
    """Return what the original project did: one tree of depth 5 on the duration."""
    prices = rows.column("price").astype(np.float64)
    duration = rows.column(DURATION).astype(np.float32)[:, None]
    tree = xgb.train(
        {
            "max_depth": ORIGINAL_DEPTH,
            "learning_rate": 1.0,
            "reg_lambda": 0.0,
            "base_score": float(prices.mean()),
            "nthread": 1,
        },
        xgb.QuantileDMatrix(duration, label=prices, nthread=1),
        num_boost_round=1,
    )

    def predict(frame: pd.DataFrame) -> Floats:
        duration = frame[[DURATION]].to_numpy(np.float32)
        return np.asarray(tree.inplace_predict(duration), dtype=np.float64)

    return predict


def judged_by_halves(model: FareModel, estimate: Estimate, actual: Floats) -> Prices:
    """Return predictions whose ranges know nothing of the rows they are for.

    Parameters
    ----------
    estimate
        What the model's trees say of n rows whose true prices are ``actual``.
    """
    half = np.arange(actual.size) % 2 == 0
    judged = model.prices_from(estimate)
    for mine in (half, ~half):
        others = model.calibrated_on(estimate.part(~mine), actual[~mine])
        ranges = others.prices_from(estimate.part(mine))
        for ours, theirs in zip(judged[1:5], ranges[1:5], strict=True):
            ours[mine] = theirs
    return judged


def groups_of(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Return the number of each row's route × ISO week, shape (n,).

    A group has the same number in every frame, so the rows of several nights can be
    put together.
    """
    days = frame["date"]
    mondays = days - pd.to_timedelta(days.dt.day_of_week, unit="D")
    keys = pd.DataFrame({"route": routes(frame), "week": mondays.astype(str)})
    hashes = pd.util.hash_pandas_object(keys, index=False, categorize=True)
    return hashes.to_numpy(np.uint64).view(np.int64)


def _plain_score(actual: Floats, predicted: Floats, weights: Floats) -> Score:
    return Score(metrics=RegressionMetrics.of(actual, predicted, weights))


def _score(actual: Floats, prices: Prices, weights: Floats) -> Score:
    ends = {80: (prices.low, prices.high), 95: (prices.low_95, prices.high_95)}
    covered = {}
    for level in LEVELS:
        low, high = ends[level]
        known = np.isfinite(low)
        if known.any():
            inside = (low <= actual) & (actual <= high)
            covered[level] = 100 * float(inside[known].mean())
    metrics = RegressionMetrics.of(actual, prices.price, weights)
    return Score(metrics=metrics, covered=covered)


def _segments(
    holdout: pd.DataFrame, actual: Floats, prices: Prices, weights: Floats
) -> Iterator[Segment]:
    """Give the largest airlines and routes, and the thirds of the prices."""
    thirds = np.searchsorted(np.quantile(actual, [1 / 3, 2 / 3]), actual)
    names = pd.Series(np.array(["low", "middle", "high"])[thirds])
    kinds: dict[Literal["airline", "route", "price"], pd.Series[str]] = {
        "airline": holdout["airline"],
        "route": routes(holdout),
        "price": names,
    }
    for kind, column in kinds.items():
        values = column.to_numpy()
        largest = column.value_counts().sort_index().nlargest(_MOST_SEGMENTS)
        for name, rows in largest.items():
            if rows < MIN_SEGMENT_ROWS:
                continue
            mine = values == name
            part = Prices(*(array[mine] for array in prices))
            yield Segment(
                kind=kind,
                name=str(name),
                score=_score(actual[mine], part, weights[mine]),
            )


def _effects(model: FareModel, holdout: pd.DataFrame) -> Iterator[Effect]:
    """Give the effect of the day, and of the days before it where they are known."""
    some = holdout.sample(min(len(holdout), _EFFECT_ROWS), random_state=0)
    last, first = model.encoder.last_day, model.encoder.first_day
    days = [last - step * _EFFECT_STEP for step in reversed(range(_EFFECT_DAYS))]
    yield _effect(model, some, "date", [day for day in days if day >= first])
    if LEAD_DAYS in model.features and QUOTE_DATE in holdout:
        longest = (holdout["date"] - holdout[QUOTE_DATE]).dt.days.max()
        leads = [lead for lead in _EFFECT_LEADS if lead <= longest]
        if leads:
            yield _effect(model, some, "lead_days", leads)


def _effect(
    model: FareModel, rows: pd.DataFrame, varied: Varied, values: list[Any]
) -> Effect:
    effect = partial_effect(model, rows, varied, values)
    return Effect(
        varied=varied, values=tuple(values), mean_price=tuple(effect["mean_price"])
    )


def _gains(model: FareModel) -> dict[str, float]:
    """Return each feature's share of the gain of all splits, greatest first."""
    gains = model.booster.get_score(importance_type="total_gain")
    by_place = np.array([gains.get(f"f{n}", 0.0) for n in range(len(model.features))])
    shares = by_place / (by_place.sum() or 1.0)
    named = dict(zip(model.features, shares.tolist(), strict=True))
    return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))
