"""Fares in a few figures: by route, by lead time, by month."""

from typing import Final

import numpy as np
import pandas as pd

from tripadvance_core.tabular.features import QUOTE_DATE

LEAD_STEPS: Final = (0, 4, 8, 15, 22, 31, 61, 91)
"""First days of the groups of lead time; the last one has no end."""

_QUANTILES: Final = {"low": 0.1, "median": 0.5, "high": 0.9}


def by_route(fares: pd.DataFrame) -> pd.DataFrame:
    """Return the fares of each route, the one with most fares first.

    Columns ``start_city``, ``end_city``, ``fares`` (how many), and of their prices
    ``low``, ``median``, ``high`` (quantiles 10, 50 and 90 %).
    """
    figures = _figures(fares, ["start_city", "end_city"]).reset_index()
    order = ["fares", "start_city", "end_city"]
    return figures.sort_values(order, ascending=[False, True, True], ignore_index=True)


def by_lead_time(fares: pd.DataFrame) -> pd.DataFrame:
    """Return the fares of each group of ``LEAD_STEPS``, those with any.

    Columns ``first_day`` and as ``by_route``; no rows where no fare says when its price
    was seen.
    """
    if QUOTE_DATE not in fares:
        none = fares.head(0)
        return by_lead_time(none.assign(**{QUOTE_DATE: none["date"]}))
    known = fares.dropna(subset=QUOTE_DATE)
    lead = (known["date"] - known[QUOTE_DATE]).dt.days
    group = np.searchsorted(LEAD_STEPS, lead, side="right") - 1
    first_day = np.array(LEAD_STEPS)[group]
    return _figures(known.assign(first_day=first_day), ["first_day"]).reset_index()


def by_month(fares: pd.DataFrame) -> pd.DataFrame:
    """Return the fares of each month of flight, the earliest first.

    Columns ``month`` (its first day) and as ``by_route``.
    """
    month = fares["date"].dt.to_period("M").dt.to_timestamp()
    return _figures(fares.assign(month=month), ["month"]).reset_index()


def _figures(fares: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    prices = fares.groupby(keys, observed=True)["price"]
    quantiles = {name: prices.quantile(share) for name, share in _QUANTILES.items()}
    return pd.DataFrame({"fares": prices.size()} | quantiles)
