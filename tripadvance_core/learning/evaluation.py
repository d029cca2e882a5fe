"""What a model is measured against, and the groups whose fares move together."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain.metrics import Floats
from tripadvance_core.tabular.features import routes


def route_median_baseline(
    training_frame: pd.DataFrame,
) -> Callable[[pd.DataFrame], Floats]:
    """Return the simplest honest predictor: the median price of the route.

    A route that was never trained on gets the median of all prices.
    """
    prices = training_frame["price"]
    by_route = prices.groupby(routes(training_frame)).median()
    overall = prices.median()

    def predict(frame: pd.DataFrame) -> Floats:
        return routes(frame).map(by_route).fillna(overall).to_numpy(dtype=np.float64)

    return predict


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
