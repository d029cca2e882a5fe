"""Uploads as events in a real Prefect server, and the runs that they start there."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL

from flows import events, tasks, training
from flows.deployment import nightly_deployment
from flows.events import PrefectAnnouncer
from flows.names import MAY_START, UPLOAD_PENDING
from tripadvance_core.bootstrap import Services, opened_services
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.domain.night_settings import NightSettings
from tripadvance_core.settings import load_settings

pytestmark = pytest.mark.servers
NOWHERE = "http://127.0.0.1:9/api"
# No run of the schedule is ever about to begin.
NIGHTS = NightSettings.of(load_settings(cron="0 0 29 2 *"))


@contextmanager
def opened(
    folder: Path, announcer: PrefectAnnouncer, **settings: Any
) -> Iterator[Services]:
    """Open services whose window is open now."""
    now = datetime.now(UTC)
    wide = {
        "time_zone": "UTC",
        "window_start": (now - timedelta(hours=1)).time().replace(microsecond=0),
        "window_end": (now + timedelta(hours=2)).time().replace(microsecond=0),
        "min_partition_bytes": 1,
    }
    chosen = load_settings(folder, **(wide | settings))
    with opened_services(chosen, announcer=announcer) as services:
        yield services


@pytest.fixture
def announcer(prefect_server: None) -> Iterator[PrefectAnnouncer]:
    """Give an announcer, and take away the runs that its events have started."""
    yield PrefectAnnouncer(str(PREFECT_API_URL.value()), {})
    with get_client(sync_client=True) as client:
        for run in started_by_events():
            client.delete_flow_run(run.id)


def ingest(services: Services, content: bytes) -> str:
    name = "fares of Ana.csv"
    upload, _ = services.uploads.ingest(content, name, ColumnMapping(), owner="ana")
    return upload.id


def told_of(upload_id: str) -> Any:
    """Return the event of an upload, once the server has stored it."""
    asked = {
        "filter": {"resource": {"id": [f"tripadvance.upload.{upload_id}"]}},
    }
    with get_client(sync_client=True) as client:
        give_up_at = time.monotonic() + 60
        while True:
            found = client.request("POST", "/events/filter", json=asked).json()
            if found["events"]:
                (event,) = found["events"]
                return event
            assert time.monotonic() < give_up_at
            time.sleep(0.2)


def started_by_events(at_least: int = 0) -> list[FlowRun]:
    """Return the runs that automations have created, once there are so many."""
    with get_client(sync_client=True) as client:
        give_up_at = time.monotonic() + 60
        while True:
            runs = client.read_flow_runs(
                flow_run_filter=FlowRunFilter.model_validate(
                    {"state": {"type": {"any_": ["SCHEDULED"]}}}
                )
            )
            found = [
                r for r in runs if r.created_by and r.created_by.type == "AUTOMATION"
            ]
            if len(found) >= at_least:
                return found
            assert time.monotonic() < give_up_at
            time.sleep(0.2)


def test_a_storm_of_uploads_starts_one_run(
    tmp_path: Path,
    announcer: PrefectAnnouncer,
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the first of them is told, nothing waits there; then its run does."""
    nightly_deployment(NIGHTS, start_on_upload=True).apply()
    looks: list[bool] = []
    look = events._run_waits

    def looked(api: Any) -> bool:
        if looks:
            started_by_events(at_least=1)
        looks.append(look(api))
        return looks[-1]

    monkeypatch.setattr(events, "_run_waits", looked)
    with opened(tmp_path, announcer) as services:
        first = ingest(services, make_fares(50, seed=1))
        marked = told_of(first)
        others = [ingest(services, make_fares(50, seed=n)) for n in range(2, 7)]
    assert marked["resource"][MAY_START] == "yes"
    assert {told_of(other)["resource"][MAY_START] for other in others} == {"no"}
    assert looks == [False, True]
    assert len(started_by_events()) == 1


def test_upload_becomes_an_event_a_run_and_a_model(
    tmp_path: Path,
    announcer: PrefectAnnouncer,
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nightly_deployment(NIGHTS, start_on_upload=True).apply()
    small = {"boosting_rounds": 10, "threads": 1, "max_leaves": 16}
    with opened(tmp_path, announcer, **small) as services:
        for module in (tasks, training):
            monkeypatch.setattr(module, "services", lambda: services)
        upload_id = ingest(services, make_fares(300, seed=9))
        (run,) = started_by_events(at_least=1)
        state = run_flow(
            training.nightly_training,
            flow_run=run,
            parameters=run.parameters,
            return_type="state",
        )
        assert state.name == "Promote"
        master = services.registry.master()
        assert master is not None
        assert master.upload_ids == (upload_id,)


def test_event_tells_sizes_and_no_names(
    tmp_path: Path, announcer: PrefectAnnouncer, make_fares: Callable[..., bytes]
) -> None:
    with opened(tmp_path, announcer, min_partition_bytes=10**6) as services:
        event = told_of(ingest(services, make_fares(50, seed=7)))
        size = services.uploads.all()[0].size_bytes
    assert event["event"] == UPLOAD_PENDING
    assert event["resource"][MAY_START] == "no"
    assert event["payload"] == {
        "size_bytes": size,
        "rows": 50,
        "waiting_files": 1,
        "missing_bytes": 10**6 - size,
    }


def test_upload_outside_the_window_starts_nothing(
    tmp_path: Path, announcer: PrefectAnnouncer, make_fares: Callable[..., bytes]
) -> None:
    hour = datetime.now(UTC).time().replace(microsecond=0)
    closed = {
        "window_start": hour.replace(hour=(hour.hour + 5) % 24),
        "window_end": hour.replace(hour=(hour.hour + 6) % 24),
    }
    with opened(tmp_path, announcer, **closed) as services:
        event = told_of(ingest(services, make_fares(50, seed=8)))
    assert event["resource"][MAY_START] == "no"


def test_automation_goes_where_the_setting_does(prefect_server: None) -> None:
    def automations() -> list[str]:
        with get_client(sync_client=True) as client:
            return [a.name for a in client.read_automations() if "upload" in a.name]

    for _ in range(2):
        nightly_deployment(NIGHTS, start_on_upload=True).apply()
        assert len(automations()) == 1
    nightly_deployment(NIGHTS).apply()
    assert automations() == []


def test_upload_is_taken_in_where_prefect_does_not_answer_and_that_is_logged_once(
    tmp_path: Path,
    make_fares: Callable[..., bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "flows.events")
    with opened(tmp_path, PrefectAnnouncer(NOWHERE, {})) as services:
        for seed in range(3):
            ingest(services, make_fares(20, seed=seed))
            time.sleep(0.2)
        assert len(services.uploads.waiting()) == 3
    assert [r.name for r in caplog.records].count("flows.events") == 1
