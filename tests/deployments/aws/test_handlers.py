"""Each function of Lambda alone: what it does when it is called twice, late, or in vain."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.aws import handlers
from tests.lambdas import MINUTES, FakeContext
from tripadvance_core.bootstrap import Services, opened_services
from tripadvance_core.domain.entities import ColumnMapping, RunStatus, UploadStatus
from tripadvance_core.errors import (
    LeaseLost,
    OutOfTime,
    Refused,
    SettingRefused,
    Unavailable,
)
from tripadvance_core.services.claims import LEASE
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.leases import acquire, holder_of

CONTEXT = FakeContext()


@pytest.fixture
def services(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_fares: Callable[..., bytes],
) -> Iterator[Services]:
    """Services with a file that waits."""
    settings = load_settings(
        tmp_path,
        min_partition_bytes=1,
        boosting_rounds=10,
        max_leaves=16,
        threads=1,
        lease_seconds=1,
    )
    with opened_services(settings) as opened:
        monkeypatch.setattr(handlers, "services", lambda: opened)
        opened.uploads.ingest(make_fares(300), "a.csv", ColumnMapping(), owner="ana")
        yield opened


def call(services: Services, run: Any = None) -> dict[str, Any]:
    return {
        "execution": "night",
        "started_at": services.clock().isoformat(),
        "partition": 1,
        "input": {"ignore_window": True},
        "run": run,
    }


def begun(services: Services) -> dict[str, Any]:
    return call(services, handlers.begin_partition(call(services), CONTEXT)["run"])


def is_free(services: Services) -> bool:
    return holder_of(services.database, LEASE, services.clock()) is None


def test_lease_is_held_between_functions_and_let_go_in_the_end(
    services: Services,
) -> None:
    event = begun(services)
    held_by = event["run"]["token"]
    for function in (handlers.preprocess_files, handlers.model_training):
        assert function(event, CONTEXT)["run"]["token"] == held_by
        assert holder_of(services.database, LEASE, services.clock()) == held_by
    assert handlers.save_model(event, CONTEXT)["state"] == "PROMOTE"
    assert is_free(services)


def test_function_whose_answer_was_lost_gives_the_same_once_more(
    services: Services,
) -> None:
    event = begun(services)
    for function in (
        handlers.preprocess_files,
        handlers.model_training,
        handlers.save_model,
    ):
        answers = [function(event, CONTEXT) for _ in range(2)]
        assert answers[0] == answers[1]
    assert len(services.registry.versions()) == 1
    assert len(services.registry.history()) == 1
    assert services.invariants.violations() == []


def test_function_of_a_run_that_another_has_taken_over_changes_nothing(
    services: Services,
) -> None:
    event = begun(services)
    handlers.end_run(event | {"failure": {"Error": "x", "Cause": "{}"}}, CONTEXT)
    assert acquire(services.database, LEASE, "other", services.clock(), 60)
    with pytest.raises(LeaseLost):
        handlers.preprocess_files(event, CONTEXT)
    assert services.training.runs()[0].steps == {}


def test_training_stops_before_the_function_is_ended_and_its_files_wait(
    services: Services,
) -> None:
    event = begun(services)
    handlers.preprocess_files(event, CONTEXT)
    with pytest.raises(OutOfTime, match="LAMBDA_OUT_OF_TIME"):
        handlers.model_training(event, FakeContext(milliseconds_left=2 * MINUTES))
    (run,) = services.training.runs()
    assert (run.status, run.failure) == (RunStatus.RELEASED, "LAMBDA_OUT_OF_TIME")
    assert [u.status for u in services.uploads.all()] == [UploadStatus.PENDING]
    assert is_free(services)


def test_training_that_a_person_stops_is_no_failure(services: Services) -> None:
    event = begun(services)
    services.claims.stop(event["run"]["run_id"], by="ana")
    answer = handlers.model_training(event, CONTEXT)
    assert (answer["state"], answer["more"]) == ("STOPPED_BY_HAND", False)
    assert is_free(services)


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (str(Unavailable("MCP_MISSING")), "MCP_MISSING"),
        ("2026-11-24T04:00:00Z Task timed out after 900.00 seconds", "RUN_CUT_OFF"),
    ],
)
def test_failure_is_written_down_by_its_code(
    services: Services, cause: str, code: str
) -> None:
    event = begun(services)
    failure = {"Error": "x", "Cause": json.dumps({"errorMessage": cause})}
    handlers.end_run(event | {"failure": failure}, CONTEXT)
    assert services.training.runs()[0].failure == code
    assert is_free(services)


def test_step_without_a_run_is_refused(services: Services) -> None:
    with pytest.raises(Refused, match="LAMBDA_INPUT_INVALID"):
        handlers.save_model(call(services), CONTEXT)


@pytest.mark.parametrize("missing", ["mongodb_uri", "s3_bucket"])
def test_function_without_stores_that_last_refuses_to_work(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    stores = {"mongodb_uri": "mongodb://127.0.0.1:9", "s3_bucket": "fares"}
    for name in stores.keys() - {missing}:
        monkeypatch.setenv(f"TRIPADVANCE_{name.upper()}", stores[name])
    with pytest.raises(SettingRefused, match="LAMBDA_NEEDS_STORES"):
        handlers.begin_partition({}, CONTEXT)


def test_event_without_an_id_is_refused() -> None:
    with pytest.raises(Refused, match="EVENT_WITHOUT_ID"):
        handlers.submit_night({"detail": {}}, CONTEXT)
