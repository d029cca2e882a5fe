"""The flow in a real Prefect server: states, artifacts, and what is submitted next."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, LogFilter

from flows import tasks, training
from tests.scheduling import FakeScheduler
from tripadvance_core.bootstrap import Services, build_services, opened_services
from tripadvance_core.domain.entities import ColumnMapping, Experiment, UploadStatus
from tripadvance_core.errors import Unavailable
from tripadvance_core.settings import load_settings

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("prefect_server")]


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Services whose window is open now, given to the flow."""
    now = datetime.now(UTC)
    built = build_services(
        load_settings(
            tmp_path,
            time_zone="UTC",
            window_start=(now - timedelta(hours=1)).time().replace(microsecond=0),
            window_end=(now + timedelta(hours=2)).time().replace(microsecond=0),
            boosting_rounds=10,
            min_partition_bytes=1,
            language="en",
        )
    )
    for module in (tasks, training):
        monkeypatch.setattr(module, "services", lambda: built)
    yield built
    built.database.close()


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Collect what the flow submits instead of running it."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(training, "submit_next", lambda *call: calls.append(call))
    return calls


def ingest(services: Services, content: bytes) -> None:
    services.uploads.ingest(content, "fares.csv", ColumnMapping(), owner="ana")


def run_flow(**parameters: Any) -> Any:
    return training.nightly_training(return_state=True, **parameters)


def artifacts_of(state: Any) -> list[Any]:
    with get_client(sync_client=True) as client:
        return client.read_artifacts(
            artifact_filter=ArtifactFilter.model_validate(
                {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}
            )
        )


def test_run_with_files_promotes_and_reports(
    services: Services,
    submitted: list[tuple[Any, ...]],
    make_fares: Callable[..., bytes],
) -> None:
    ingest(services, make_fares(400))
    state = run_flow()
    assert state.is_completed()
    assert state.name == "Promote"
    assert submitted == []
    master = services.registry.master()
    assert master is not None
    (report,) = [a for a in artifacts_of(state) if a.key == "night-report"]
    assert "The challenger is the new MASTER." in report.data
    assert f"{services.settings.web_url}/models?model=v{master.number}" in report.data
    (card,) = [a for a in artifacts_of(state) if a.key == "model-card"]
    assert "Better than the median of the route" in card.data
    assert "fares.csv" in card.data


def test_run_is_named_after_its_night_and_partition(
    services: Services, submitted: list[tuple[Any, ...]]
) -> None:
    state = run_flow(partition_number=3)
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
    assert run.name.endswith("· partition 3")


def test_nothing_waiting_is_a_state_of_its_own(
    services: Services, submitted: list[tuple[Any, ...]]
) -> None:
    state = run_flow()
    assert state.is_completed()
    assert state.name == "NotEnough"


def test_outside_the_window_is_a_state_of_its_own_and_claims_nothing(
    services: Services,
    submitted: list[tuple[Any, ...]],
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ingest(services, make_fares(100))
    later = datetime.now(UTC) + timedelta(hours=5)
    monkeypatch.setattr(services.night, "_clock", lambda: later)
    state = run_flow()
    assert state.is_completed()
    assert state.name == "OutsideWindow"
    assert [u.status for u in services.uploads.all()] == [UploadStatus.PENDING]


def test_manual_run_may_ignore_the_window_and_hands_that_on(
    services: Services,
    submitted: list[tuple[Any, ...]],
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in (1, 2):
        ingest(services, make_fares(100, seed=seed))
    later = datetime.now(UTC) + timedelta(hours=5)
    monkeypatch.setattr(services.night, "_clock", lambda: later)
    state = run_flow(ignore_window=True)
    assert state.is_completed()
    ((chain, number, parameters),) = submitted
    assert chain == str(state.state_details.flow_run_id)
    assert number == 2
    assert parameters["ignore_window"] is True


def test_chain_stops_at_its_limit(
    services: Services,
    submitted: list[tuple[Any, ...]],
    make_fares: Callable[..., bytes],
) -> None:
    for seed in (1, 2):
        ingest(services, make_fares(100, seed=seed))
    run_flow(max_partitions=1)
    assert submitted == []


def test_failed_step_fails_the_run_and_the_next_one_finishes(
    services: Services,
    submitted: list[tuple[Any, ...]],
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ingest(services, make_fares(600))
    monkeypatch.setattr(tasks.save, "retries", 0)
    deliveries: list[bool] = []
    monkeypatch.setattr(services.alerts, "deliver_due", lambda: deliveries.append(True))
    with monkeypatch.context() as patch:
        patch.setattr(services.training, "save", lambda *_: 1 / 0)
        assert run_flow().is_failed()
    assert len(deliveries) == 1
    assert run_flow().name == "Promote"
    assert len(deliveries) == 2
    assert [u.status for u in services.uploads.all()] == [UploadStatus.TRAINED]


@pytest.fixture
def alerted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, submitted: list[tuple[Any, ...]]
) -> Iterator[Services]:
    """Services with an address for alerts at which nobody answers."""
    settings = load_settings(
        tmp_path, alert_urls="json://127.0.0.1:9", boosting_rounds=10
    )
    with opened_services(settings) as services:
        for module in (tasks, training):
            monkeypatch.setattr(module, "services", lambda: services)
        yield services


def codes_of_alerts(services: Services) -> list[str]:
    return [document["code"] for document in services.database.find("alerts", {})]


NO_IMGHDR = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
"""apprise imports it, where it is there, for encrypted e-mails."""


@NO_IMGHDR
def test_night_that_fails_before_its_run_begins_is_told(
    alerted: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise Unavailable("DATABASE_UNAVAILABLE", address="a", problem="b")

    monkeypatch.setattr(alerted.night, "run_partition", refuse)
    assert run_flow(ignore_window=True).is_failed()
    assert codes_of_alerts(alerted) == ["ALERT_NIGHT_FAILED"]


@NO_IMGHDR
def test_chain_that_breaks_after_its_model_is_told(
    alerted: Services,
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in (1, 2):
        ingest(alerted, make_fares(300, seed=seed))
    monkeypatch.setattr(training, "submit_next", lambda *_: 1 / 0)
    assert run_flow(ignore_window=True, min_partition_bytes=1).is_failed()
    assert "ALERT_NIGHT_FAILED" in codes_of_alerts(alerted)


@NO_IMGHDR
def test_night_whose_run_tells_of_its_failure_is_not_told_twice(
    alerted: Services,
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ingest(alerted, make_fares(300))
    monkeypatch.setattr(tasks.preprocess, "retries", 0)
    monkeypatch.setattr(alerted.training, "preprocess", lambda *_: 1 / 0)
    assert run_flow(ignore_window=True).is_failed()
    assert codes_of_alerts(alerted) == ["ALERT_RUN_FAILED"]


@NO_IMGHDR
def test_failed_run_tells_prefect_no_secret(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    submitted: list[tuple[Any, ...]],
    make_fares: Callable[..., bytes],
) -> None:
    canary = "canary-of-the-hook"
    hook = f"json://ana:{canary}@127.0.0.1:9"
    small = {"alert_urls": hook, "secret": canary, "boosting_rounds": 10}
    with opened_services(load_settings(tmp_path, **small)) as services:
        for module in (tasks, training):
            monkeypatch.setattr(module, "services", lambda: services)
        ingest(services, make_fares(300))
        for rows in (tmp_path / "objects" / "rows").iterdir():
            rows.unlink()
        state = run_flow(ignore_window=True)
        assert state.is_failed()
        assert services.alerts.undelivered() == 2  # the file, and the run
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
        logs = client.read_logs(
            LogFilter.model_validate({"flow_run_id": {"any_": [str(run.id)]}})
        )
    kept = [*(log.message for log in logs), run.model_dump_json()]
    assert any("NOTHING_TO_TRAIN_ON" in text for text in kept)
    assert not any(canary in text for text in kept)


def test_rebuild_is_handed_on_until_it_is_done(
    services: Services,
    submitted: list[tuple[Any, ...]],
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks.save, "retries", 0)
    ingest(services, make_fares(400, seed=1))
    run_flow()
    ingest(services, make_fares(400, seed=2))
    run_flow()
    newest = services.registry.versions()[0]
    if not newest.MASTER:
        services.registry.promote(newest.id, reason="for the test", by="ana")
    ingest(services, make_fares(400, seed=3))
    with monkeypatch.context() as patch:
        patch.setattr(services.training, "save", lambda *_: 1 / 0)
        assert run_flow().is_failed()
    services.uploads.withdraw(newest.upload_ids[-1], by="ana", reason="test fares")
    submitted.clear()
    run_flow(rebuild_reason="test fares")
    ((_chain, _number, parameters),) = submitted
    assert parameters["rebuild_reason"] == "test fares"
    submitted.clear()
    state = run_flow(**parameters)
    assert (state.name, submitted) == ("Promote", [])
    master = services.registry.master()
    assert master is not None
    assert newest.upload_ids[-1] not in master.upload_ids


def test_experiment_is_trained_at_any_hour_and_submits_nothing_more(
    services: Services,
    submitted: list[tuple[Any, ...]],
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in (1, 2):
        ingest(services, make_fares(200, seed=seed))
    later = datetime.now(UTC) + timedelta(hours=5)
    monkeypatch.setattr(services.night, "_clock", lambda: later)
    uploads = services.uploads.all()
    run = services.experiments.start(
        FakeScheduler(), [uploads[0].id], {"max_leaves": 2}, Experiment(by="ana")
    )
    state = run_flow(ordered=run.id)
    assert state.is_completed()
    assert submitted == []
    done = services.training.run(run.id)
    assert done.flow_run_id == str(state.state_details.flow_run_id)
    assert services.registry.version("v1").experiment
    assert {upload.status for upload in services.uploads.all()} == {
        UploadStatus.PENDING
    }
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(state.state_details.flow_run_id).name == run.id


def test_stopped_training_is_a_state_of_its_own(
    services: Services,
    submitted: list[tuple[Any, ...]],
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ingest(services, make_fares(400))
    prepare = services.training.preprocess

    def prepare_and_stop(run_id: str, token: str) -> None:
        prepare(run_id, token)
        services.claims.stop(run_id, by="ana")

    monkeypatch.setattr(services.training, "preprocess", prepare_and_stop)
    state = run_flow()
    assert (state.is_completed(), state.name) == (True, "StoppedByHand")
    assert submitted == []
    assert [u.status for u in services.uploads.all()] == [UploadStatus.PENDING]
