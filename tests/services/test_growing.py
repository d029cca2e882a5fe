"""Nights whose trees a Dask cluster grows, and nights whose cluster is lost."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import psutil
import pytest

from tripadvance_core.learning import cluster
from tripadvance_core.services.alerts import Alert
from tripadvance_core.services.night import NightOrder
from tripadvance_core.storage.repository import Repository

pytestmark = pytest.mark.servers

TOLD = {"alert_urls": "json://127.0.0.1:9/hook", "language": "en"}
ON_LOCAL_WORKERS = TOLD | {"dask_rows": 1, "threads": 2}


def alerts(house: Any) -> list[str]:
    outbox = Repository(house.services.database, "alerts", Alert)
    return [a.text for a in outbox.select() if a.code == "ALERT_CLUSTER_LOST"]


def test_night_goes_on_alone_where_no_scheduler_answers(
    open_house: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1)
    house = open_house(dask_address="tcp://127.0.0.1:9", **TOLD)
    house.upload()
    result = house.run()
    assert result.trained
    assert "engine" not in result.model.parameters
    (text,) = alerts(house)
    assert text.startswith("Training 1 goes on with one machine")
    assert "tcp://127.0.0.1:9 does not answer" in text


def test_dask_that_is_not_installed_is_told(
    open_house: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tripadvance_core.services.growing.find_spec", lambda _name: None
    )
    house = open_house(dask_rows=1, **TOLD)
    house.upload()
    assert house.run().trained
    (text,) = alerts(house)
    assert "tripadvance[dask]" in text


@pytest.mark.scale
def test_model_tells_which_engine_has_grown_it(open_house: Callable[..., Any]) -> None:
    house = open_house(**ON_LOCAL_WORKERS)
    house.upload()
    result = house.run()
    assert result.model.parameters["engine"] == "Dask, 2 workers"
    assert result.model.decision is not None
    assert house.services.invariants.violations() == []
    assert alerts(house) == []


class KillingSteps:
    """Steps whose workers are killed as soon as they have grown a tree."""

    def __init__(self, training: Any) -> None:
        self._training = training
        self.killed = 0

    def __getattr__(self, step: str) -> Any:
        return getattr(self._training, step)

    def train(self, run_id: str, token: str, *, stop_at: datetime | None) -> None:
        self._training.train(run_id, token, stop_at=stop_at, on_round=self._kill)

    def _kill(self, _done: int, _of: int) -> None:
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):  # killed before, and not buried yet
                if "multiprocessing.spawn" in " ".join(child.cmdline()):
                    child.kill()
                    self.killed += 1


@pytest.mark.scale
def test_night_goes_on_alone_when_its_workers_are_killed(
    open_house: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "ATTEMPTS", 1)
    # So few rows need no trial: each round is one of the workers, and there are many.
    rounds = {"boosting_rounds": 100, "min_partition_bytes": 1}
    house = open_house(**ON_LOCAL_WORKERS, **rounds)
    house.upload(rows=150)
    steps = KillingSteps(house.services.training)
    order = NightOrder(holder="test", request=house.request())
    result = house.services.night.run_partition(order, steps)
    assert result.trained
    assert steps.killed
    assert "engine" not in result.model.parameters
    assert len(alerts(house)) == 1
    assert house.services.invariants.violations() == []
