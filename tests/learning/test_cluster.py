"""Training by workers of Dask: real processes on the loopback."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tripadvance_core.domain.metrics import RegressionMetrics
from tripadvance_core.errors import ClusterLost, NotFound, WindowClosed
from tripadvance_core.learning import cluster
from tripadvance_core.learning.boosting import Progress, TrainingParameters
from tripadvance_core.learning.cluster import (
    connected,
    grow_on_cluster,
    local_workers,
)
from tripadvance_core.learning.growing import Grower, Order, Trees
from tripadvance_core.learning.model import FareModel
from tripadvance_core.learning.training import fit
from tripadvance_core.learning.trial import Recipe
from tripadvance_core.tabular.features import FeatureEncoder
from tripadvance_core.tabular.jobs import to_parquet
from tripadvance_core.tabular.joining import RESERVED, FareRows, with_identity

pytestmark = [pytest.mark.servers, pytest.mark.scale]

FILES = 3


@dataclass(frozen=True)
class Folder:
    """Reads files by their places, as a worker does."""

    path: Path

    def __call__(self, place: int) -> bytes:
        try:
            return (self.path / f"{place}.parquet").read_bytes()
        except FileNotFoundError:
            raise NotFound("OBJECT_NOT_FOUND", key=str(place)) from None


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with local_workers(2, threads=2) as client:
        yield client


@pytest.fixture(scope="module")
def read(
    tmp_path_factory: pytest.TempPathFactory, make_frame: Callable[..., pd.DataFrame]
) -> Folder:
    folder = tmp_path_factory.mktemp("rows")
    for number in range(FILES):
        frame = drifting(make_frame(4_000, seed=number))
        texts = {n: frame[n].astype("str") for n in frame if frame[n].dtype == object}
        content = to_parquet(with_identity(frame.assign(**texts)))
        (folder / f"{number}.parquet").write_bytes(content)
    return Folder(folder)


def drifting(frame: pd.DataFrame) -> pd.DataFrame:
    """Let fares follow a walk of their own on each route, so that former ones tell."""
    random = np.random.default_rng(1)
    walks = np.exp(np.cumsum(random.normal(0, 0.15, (100, 60)), axis=1))
    day = np.arange(len(frame)) % 60
    route = frame.groupby(["start_city", "end_city"]).ngroup().to_numpy()
    return frame.assign(
        price=(frame["price"] * walks[route, day]).round(2),
        quote_date=pd.Timestamp("2024-12-01") + pd.to_timedelta(day, unit="D"),
    )


@pytest.fixture(scope="module")
def parameters(parameters: TrainingParameters) -> TrainingParameters:
    """Let trees look at all features: what a split draws at random is larger noise.

    They are too few to learn each route's level of each day; former fares tell it.
    """
    return parameters.model_copy(
        update={"colsample_bynode": 1.0, "boosting_rounds": 20}
    )


@pytest.fixture(scope="module")
def rows(read: Folder) -> FareRows:
    return FareRows.distinct(map(read, range(FILES)))


@pytest.fixture(scope="module")
def training(rows: FareRows) -> FareRows:
    return rows.where(~rows.column(RESERVED))


def on(client: Any, read: Callable[[int], bytes], counted: list[int]) -> Grower:
    """Return what grows trees there, and notes how many workers have done it."""

    def grow(order: Order, rows: FareRows, _fares: Any, progress: Progress) -> Trees:
        trees, workers = grow_on_cluster(client, rows, order, read, progress)
        counted.append(workers)
        return trees

    return grow


def trained(
    rows: FareRows,
    parameters: TrainingParameters,
    on_round: Callable[[int, int], None] = lambda _done, _of: None,
    stop_at: Callable[[], bool] = lambda: False,
    **grower: Grower,
) -> FareModel:
    return fit(rows, parameters, stop_at=stop_at, on_round=on_round, **grower)


@pytest.fixture(scope="module")
def shared(
    client: Any, read: Folder, training: FareRows, parameters: TrainingParameters
) -> FareModel:
    """The model of two workers."""
    counted: list[int] = []
    model = trained(training, parameters, grower=on(client, read, counted))
    assert counted == [2]
    return model


def test_workers_train_the_model_of_one_machine_but_for_noise(
    shared: FareModel,
    rows: FareRows,
    training: FareRows,
    parameters: TrainingParameters,
) -> None:
    reserved = rows.where(rows.column(RESERVED)).frame()
    alone = trained(training, parameters)
    ours, theirs = (model.prices(reserved).price for model in (alone, shared))
    assert shared.recipe == alone.recipe
    assert shared.former is not None
    assert np.median(np.abs(theirs / ours - 1)) < 0.03
    one, other = (
        RegressionMetrics.of(reserved["price"].to_numpy(float), prices)
        for prices in (ours, theirs)
    )
    for name in ("mean_absolute_percentage_error", "root_mean_squared_error"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=0.02)


def test_same_rows_and_as_many_workers_give_the_same_bytes(
    client: Any,
    shared: FareModel,
    read: Folder,
    training: FareRows,
    parameters: TrainingParameters,
) -> None:
    told: list[int] = []
    again = trained(
        training,
        parameters,
        on_round=lambda done, _of: told.append(done),
        grower=on(client, read, []),
    )
    assert again.to_files() == shared.to_files()
    assert told == list(range(1, len(told) + 1))


def test_closing_window_stops_the_workers(
    client: Any, read: Folder, training: FareRows, parameters: TrainingParameters
) -> None:
    begun: list[Order] = []
    growing = on(client, read, [])

    def grow(order: Order, *others: Any) -> Trees:
        begun.append(order)
        endless = order.recipe.model_copy(update={"rounds": 100_000})
        return growing(replace(order, recipe=endless), *others)

    with pytest.raises(WindowClosed):
        trained(training, parameters, stop_at=lambda: bool(begun), grower=grow)
    give_up_at = time.monotonic() + 60
    while any(client.run(_tasks_of).values()):
        assert time.monotonic() < give_up_at, "the workers go on"
        time.sleep(0.2)


def _tasks_of(dask_worker: Any) -> list[str]:
    return list(dask_worker.state.tasks)


def test_killed_worker_costs_time_and_nothing_else(
    client: Any,
    read: Folder,
    training: FareRows,
    parameters: TrainingParameters,
    caplog: pytest.LogCaptureFixture,
) -> None:
    order = Order(
        encoder=FeatureEncoder.fit(training),
        former=None,
        parameters=parameters,
        recipe=Recipe(leaves=24, rounds=150),
        price_scale=1.0,
    )
    killed: list[int] = []

    def kill_once(_done: int, _of: int) -> None:
        if not killed:
            killed.append(list(client.run(os.getpid).values())[1])
            os.kill(killed[0], signal.SIGKILL)

    trees = []
    for on_round in (kill_once, lambda _done, _of: None):
        progress = Progress(1, lambda: False, on_round)
        grown, workers = grow_on_cluster(client, training, order, read, progress)
        assert workers == 2
        trees.append(bytes(grown.logs.save_raw("ubj")))
    assert [r.message for r in caplog.records if "attempt 1 on 2" in r.message]
    assert trees[0] == trees[1]


def test_workers_that_cannot_read_the_rows_are_told_apart(
    client: Any,
    tmp_path: Path,
    training: FareRows,
    parameters: TrainingParameters,
) -> None:
    with pytest.raises(ClusterLost) as lost:
        trained(training, parameters, grower=on(client, Folder(tmp_path), []))
    assert lost.value.code == "DASK_WORK_FAILED"
    assert lost.value.details == {"problem": "OBJECT_NOT_FOUND"}


def test_scheduler_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1)
    with pytest.raises(ClusterLost) as lost, connected("tcp://127.0.0.1:9"):
        pass
    assert lost.value.code == "DASK_UNREACHABLE"
    assert "tcp://127.0.0.1:9" in str(lost.value)


def test_workers_that_cannot_be_started_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_given: Any) -> None:
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(cluster, "LocalCluster", fail)
    with pytest.raises(ClusterLost) as lost, local_workers(2, threads=2):
        pass
    assert lost.value.code == "DASK_NO_WORKERS"
