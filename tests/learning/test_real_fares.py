"""On real fares the model beats the route median, with the default settings."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.stored import stored
from tripadvance_core.domain.metrics import RegressionMetrics
from tripadvance_core.learning.boosting import TrainingParameters
from tripadvance_core.learning.evaluation import RouteMedians
from tripadvance_core.learning.model import FareModel
from tripadvance_core.settings import load_settings
from tripadvance_core.tabular.identity import reserved_rows

SHARED = Path(__file__).parents[2] / "../shared"


def small_file() -> pd.DataFrame:
    fares = pd.read_csv(existing("hostile/files/poi_reference_clean.csv"))
    return fares.rename(columns={"duration": "duration_minutes"}).assign(
        date=pd.to_datetime(fares["date"], format="%d/%m/%Y"),
        duration_minutes=fares["duration"].astype(float),
    )


def scraped_file() -> pd.DataFrame:
    fares = pd.read_csv(existing("data/lhr_scrape_flight_data.csv"))
    durations = pd.to_timedelta(fares["duration"].str.replace("PT", "P0DT"))
    return pd.DataFrame(
        {
            "date": pd.to_datetime(fares["travel_date"]),
            "start_city": fares["origin"],
            "end_city": fares["destination"],
            "airline": fares["airline"],
            "duration_minutes": durations.dt.total_seconds() / 60,
            "price": fares["price_gbp"].astype(float),
            "stops": fares["stops"],
            "scrape_date": fares["scrape_date"],
        }
    )


def existing(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the repository")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fares", "error_left"), [(small_file, 0.95), (scraped_file, 0.25)]
)
def test_model_beats_the_route_median(
    fares: Callable[[], pd.DataFrame],
    error_left: float,
    train: Callable[..., FareModel],
) -> None:
    frame = fares()
    reserved = reserved_rows(frame)
    training, holdout = frame[~reserved], frame[reserved]
    settings = load_settings()
    parameters = TrainingParameters(
        boosting_rounds=settings.boosting_rounds,
        learning_rate=settings.learning_rate,
        max_leaves=settings.max_leaves,
        threads=1,
        seed=settings.seed,
    )
    predicted = train(training, parameters).predict(holdout)["predicted_price"]
    actual = holdout["price"].to_numpy()
    ours = RegressionMetrics.of(actual, predicted.to_numpy())
    median = RegressionMetrics.of(actual, RouteMedians.of(stored(training))(holdout))
    limit = error_left * median.mean_absolute_percentage_error
    assert ours.mean_absolute_percentage_error < limit
