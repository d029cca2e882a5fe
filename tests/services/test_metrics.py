"""How good the models are, by the predictions that were stored of them."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tripadvance_core.bootstrap import opened_services
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.domain.metrics import RegressionMetrics
from tripadvance_core.errors import Conflict, NotFound
from tripadvance_core.services import metrics
from tripadvance_core.services.claims import PartitionRequest
from tripadvance_core.services.metrics import METRIC_NAMES, Measured
from tripadvance_core.services.night import NightOrder
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.objects import load_file, store_file
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.jobs import from_parquet, to_parquet

NIGHT = datetime(2026, 11, 24, 4, tzinfo=UTC)  # an hour after midnight in São Paulo
SMALL: dict[str, Any] = {
    "boosting_rounds": 20,
    "max_leaves": 16,
    "threads": 1,
    "min_partition_bytes": 1,
    "min_gain": 0.9,
}


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, make_fares: Callable[..., bytes]
) -> Path:
    """Return a data folder after three nights, of which the first made MASTER."""
    folder = tmp_path_factory.mktemp("trained")
    moments = (NIGHT + timedelta(milliseconds=passed) for passed in count())
    settings = load_settings(folder, **SMALL)
    with opened_services(settings, moments.__next__) as services:
        for seed in range(3):
            services.uploads.ingest(
                make_fares(400, seed), f"{seed}.csv", ColumnMapping(), owner="ana"
            )
            order = NightOrder(holder="test", request=PartitionRequest())
            services.night.run_partition(order, services.training)
    return folder


@pytest.fixture
def three_nights(trained: Path, tmp_path: Path, open_house: Callable[..., Any]) -> Any:
    shutil.copytree(trained, tmp_path / "data")
    return open_house(**SMALL)


def predictions(house: Any, name: str) -> pd.DataFrame:
    services = house.services
    model = services.registry.version(name)
    return from_parquet(load_file(services.objects, model.predictions))


def rewrite(house: Any, name: str, table: pd.DataFrame) -> None:
    """Store other predictions in the place of a model's."""
    services = house.services
    model = services.registry.version(name)
    file = store_file(services.objects, model.predictions.key, to_parquet(table))
    Repositories(services.database).models.change(
        {"_id": model.id}, {"predictions": file.model_dump(mode="json")}
    )


def test_without_models_there_is_nothing_over_time(house: Any) -> None:
    table = house.services.metrics.over_time()
    assert table.empty
    assert set(METRIC_NAMES) < set(table.columns)


def test_every_model_stands_beside_master_and_baseline_of_its_night(
    three_nights: Any,
) -> None:
    table = three_nights.services.metrics.over_time()
    subjects = table.groupby("number", sort=False)["subject"].agg(list).to_dict()
    assert subjects == {
        1: ["model", "baseline"],
        2: ["model", "master", "baseline"],
        3: ["model", "master", "baseline"],
    }
    assert (table.groupby("number")["rows"].nunique() == 1).all()
    second = three_nights.services.registry.version("v2")
    row = table.query("number == 2 and subject == 'master'").iloc[0]
    assert row["r2_score"] == second.rival_metrics.r2_score
    assert table.groupby("number")["reigned"].all().to_dict() == {
        1: True,
        2: False,
        3: False,
    }


def test_over_time_keeps_the_newest(three_nights: Any) -> None:
    assert three_nights.services.metrics.over_time(most=2)[
        "number"
    ].unique().tolist() == [2, 3]


def test_range_of_every_metric_holds_its_value(three_nights: Any) -> None:
    model = three_nights.services.registry.version("v3")
    measured = three_nights.services.metrics.measured(model)
    assert set(measured) == set(METRIC_NAMES)
    for name, (value, low, high) in measured.items():
        assert value == getattr(model.metrics, name)
        assert low < value < high, name


def test_range_holds_the_truth_about_as_often_as_it_says() -> None:
    """Of 60 panels of made-up groups, about 95 % of the ranges hold the true MAE."""
    random = np.random.default_rng(5)
    groups = np.repeat(np.arange(60), 4)
    held = 0
    for _ in range(60):
        actual = random.uniform(80, 120, groups.size)
        errors = random.exponential(8, 60)[groups] * random.choice([-1, 1], groups.size)
        ranges = metrics._ranges(actual, actual + errors, groups, np.ones(groups.size))
        low, high = ranges["mean_absolute_error"]
        held += low <= 8 <= high
    assert 51 <= held <= 60


def test_one_group_gives_no_range(three_nights: Any) -> None:
    rewrite(three_nights, "v2", predictions(three_nights, "v2").assign(group=1))
    model = three_nights.services.registry.version("v2")
    found = three_nights.services.metrics.measured(model)["mean_absolute_error"]
    assert found == Measured(model.metrics.mean_absolute_error, -np.inf, np.inf)


def test_errors_are_told_by_route_airline_and_month(three_nights: Any) -> None:
    model = three_nights.services.registry.version("v3")
    table = predictions(three_nights, "v3")
    found = three_nights.services.metrics.errors(model)
    relative = 100 * (table["challenger"] / table["actual"] - 1)
    gol = found.by_airline.set_index("segment").loc["Gol"]
    mine = relative[table["airline"] == "Gol"]
    assert gol["rows"] == len(mine)
    assert gol["error"] == pytest.approx(mine.abs().mean())
    assert gol["middle"] == pytest.approx(mine.median())
    assert gol["highest"] == pytest.approx(mine.quantile(0.95))
    assert found.by_route["rows"].is_monotonic_decreasing
    assert len(found.by_route) <= metrics.MOST_SEGMENTS
    months = found.by_month["segment"]
    assert months.is_monotonic_increasing
    assert {day.day for day in months} == {1}
    assert found.by_month["rows"].sum() == len(table)


def test_predictions_without_their_days_have_no_months(three_nights: Any) -> None:
    rewrite(three_nights, "v1", predictions(three_nights, "v1").drop(columns="date"))
    model = three_nights.services.registry.version("v1")
    found = three_nights.services.metrics.errors(model)
    assert found.by_month is None
    assert not found.by_route.empty


def test_few_points_are_drawn_and_always_the_same(
    three_nights: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_POINTS", 20)
    model = three_nights.services.registry.version("v3")
    first, second = (three_nights.services.metrics.errors(model).points for _ in "ab")
    assert len(first) == 20
    pd.testing.assert_frame_equal(first, second)


def test_models_of_two_nights_are_compared_on_their_common_rows(
    three_nights: Any,
) -> None:
    v2, v3 = (predictions(three_nights, name) for name in ("v2", "v3"))
    both = v2.merge(v3, on="row_hash", suffixes=("", "_3"))
    found = three_nights.services.metrics.side_by_side("v2", "v3")
    assert 0 < found.rows == len(both) < len(v3)
    actual = both["actual"].to_numpy()
    assert found.first_metrics == RegressionMetrics.of(
        actual, both["challenger"].to_numpy()
    )
    assert found.second_metrics == RegressionMetrics.of(
        actual, both["challenger_3"].to_numpy()
    )


def test_challenger_and_its_master_are_compared_on_all_rows_of_the_night(
    three_nights: Any,
) -> None:
    model = three_nights.services.registry.version("v3")
    assert three_nights.services.registry.version("v1").id == model.rival_id
    found = three_nights.services.metrics.side_by_side("v3", "v1")
    assert found.rows == model.metrics.rows
    gain = found.gains[0]
    assert gain.metric == "MAPE"
    assert gain.low < gain.value < gain.high
    assert gain.value == pytest.approx(model.decision.gain)


def test_other_way_round_the_gain_has_the_other_sign(three_nights: Any) -> None:
    compare = three_nights.services.metrics.side_by_side
    one, other = compare("v3", "v1"), compare("v1", "v3")
    assert one.rows == other.rows
    assert one.first_metrics == other.second_metrics
    assert one.gains[0].value * other.gains[0].value < 0
    assert one.nearer == pytest.approx(1 - other.nearer)
    assert (one.points["first"] == other.points["second"]).all()


def test_model_is_not_compared_with_itself(three_nights: Any) -> None:
    with pytest.raises(Conflict, match="SAME_MODEL_TWICE"):
        three_nights.services.metrics.side_by_side("v2", "2")


def test_prices_in_two_currencies_are_not_compared(three_nights: Any) -> None:
    services = three_nights.services
    other = services.registry.version("v2")
    Repositories(services.database).models.change(
        {"_id": other.id}, {"currency": "EUR"}
    )
    with pytest.raises(Conflict, match="CURRENCIES_DIFFER"):
        services.metrics.side_by_side("v2", "v3")


def test_models_without_a_common_row_are_not_compared(three_nights: Any) -> None:
    table = predictions(three_nights, "v2")
    table["row_hash"] = np.arange(len(table), dtype=np.uint64)
    rewrite(three_nights, "v2", table)
    with pytest.raises(NotFound, match="NO_COMMON_ROWS"):
        three_nights.services.metrics.side_by_side("v2", "v3")
