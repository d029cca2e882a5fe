"""Why a price is what it is, in money."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from tripadvance_core.domain.metrics import Floats
from tripadvance_core.learning.model import FareModel
from tripadvance_core.tabular.features import QUOTE_DATE, Columns

Varied = Literal["date", "lead_days"]

_SAME: Final = 1e-9


@dataclass(frozen=True)
class Contributions:
    """What every feature adds to the price of n trips, in the base currency.

    Attributes
    ----------
    features
        The features, in the order of the columns of ``values``.
    base
        The price of no trip in particular, shape (n,).
    values
        Shape (n, features).
    price
        ``base`` and the row of ``values`` together, shape (n,).
    """

    features: tuple[str, ...]
    base: Floats
    values: Floats
    price: Floats


def contributions(model: FareModel, rows: pd.DataFrame | Columns) -> Contributions:
    """Return what every feature adds to the predicted prices of n trips.

    Each booster is explained by its Shapley values (TreeSHAP, Lundberg et al. 2020).
    Those of log prices are turned into money by the logarithmic mean (LMDI, Ang 2005),
    which leaves nothing over: base and contributions add up to the price.
    """
    matrix = model.encoded(rows)
    price = model.price_of(matrix)
    values = _in_money(_shapley(model, model.booster, matrix))
    if model.plain is not None:
        share = model.recipe.log_share
        plain = model.price_scale * _shapley(model, model.plain, matrix)[:, :-1]
        values = share * values + (1 - share) * plain
    return Contributions(
        features=model.features,
        base=price - values.sum(axis=1),
        values=values,
        price=price,
    )


def importance(model: FareModel, rows: pd.DataFrame) -> dict[str, float]:
    """Return each feature's share of all that moves the prices of these rows.

    The shares of mean absolute contributions, greatest first; they add up to 1.
    """
    means = np.abs(contributions(model, rows).values).mean(axis=0)
    total = means.sum() or 1.0
    order = np.argsort(-means, kind="stable")
    return {model.features[place]: float(means[place] / total) for place in order}


def partial_effect(
    model: FareModel, rows: pd.DataFrame, varied: Varied, values: Sequence[Any]
) -> pd.DataFrame:
    """Return the mean price of the same trips on other days (Friedman 2001).

    Parameters
    ----------
    rows
        The trips, n > 0.
    varied
        ``date``: the trips fly on each of the days, asked as long before as they are
        now. ``lead_days``: they are asked for so many days before they fly.

    Returns
    -------
    DataFrame
        ``value``, as given, and ``mean_price`` in the base currency.
    """
    moved = pd.concat([_moved(rows, varied, value) for value in values])
    price = model.price_of(model.encoded(moved))
    prices = price.reshape(len(values), len(rows)).mean(axis=1)
    return pd.DataFrame({"value": list(values), "mean_price": prices})


def _moved(rows: pd.DataFrame, varied: Varied, value: Any) -> pd.DataFrame:
    if varied == "lead_days":
        return rows.assign(**{QUOTE_DATE: rows["date"] - pd.Timedelta(days=int(value))})
    day = pd.Timestamp(value)
    moved: dict[str, Any] = {"date": day}
    if QUOTE_DATE in rows:
        moved[QUOTE_DATE] = day - (rows["date"] - rows[QUOTE_DATE])
    return rows.assign(**moved)


def _shapley(
    model: FareModel, booster: xgb.Booster, matrix: NDArray[np.float32]
) -> Floats:
    """Return Shapley values and, in the last column, what they start from."""
    rows = xgb.DMatrix(matrix, feature_types=model.types, enable_categorical=True)
    return np.asarray(booster.predict(rows, pred_contribs=True), dtype=np.float64)


def _in_money(logs: Floats) -> Floats:
    """Split exp(sum) − exp(base) in proportion to what was added in logarithms."""
    start = logs[:, -1]
    added = logs[:, :-1].sum(axis=1)
    grown = np.exp(start) * np.expm1(added)
    flat = np.abs(added) < _SAME
    by_log = np.where(flat, np.exp(start), grown / np.where(flat, 1.0, added))
    return logs[:, :-1] * by_log[:, None]
