"""The state machine, carried out by an interpreter of its language, on real services."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from deployments.aws import handlers
from tests.lambdas import Lambdas, lambdas
from tripadvance_core.bootstrap import Services, opened_services
from tripadvance_core.domain.entities import ColumnMapping, RunStatus, UploadStatus
from tripadvance_core.errors import Unavailable
from tripadvance_core.services.night import NightOrder
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.leases import holder_of

__all__ = ["lambdas"]  # a fixture

DEFINITION = Path(handlers.__file__).with_name("step_function.json")
FUNCTIONS = {
    "tripadvance-begin-partition": handlers.begin_partition,
    "tripadvance-preprocess-files": handlers.preprocess_files,
    "tripadvance-model-training": handlers.model_training,
    "tripadvance-save-model": handlers.save_model,
    "tripadvance-end-run": handlers.end_run,
}
PARTITION = [
    "tripadvance-begin-partition",
    "tripadvance-preprocess-files",
    "tripadvance-model-training",
    "tripadvance-save-model",
]
ROLE = "arn:aws:iam::123456789012:role/tripadvance"


def small(folder: Path, **others: Any) -> Any:
    """Settings whose window is open now."""
    now = datetime.now(UTC)
    return load_settings(
        folder,
        time_zone="UTC",
        window_start=(now - timedelta(hours=1)).time().replace(microsecond=0),
        window_end=(now + timedelta(hours=2)).time().replace(microsecond=0),
        boosting_rounds=10,
        max_leaves=16,
        threads=1,
        **{"min_partition_bytes": 1} | others,
    )


def ingest(services: Services, *contents: bytes) -> None:
    for content in contents:
        services.uploads.ingest(content, "fares.csv", ColumnMapping(), owner="ana")


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    with opened_services(small(tmp_path / "lambda")) as opened:
        monkeypatch.setattr(handlers, "services", lambda: opened)
        yield opened


@dataclass
class Machine:
    """The state machine in the interpreter."""

    client: Any
    arn: str

    def run(self, **asked: Any) -> dict[str, Any]:
        """Start an execution and wait for its end."""
        started = self.client.start_execution(
            stateMachineArn=self.arn,
            name=secrets.token_hex(8),  # AWS itself gives one
            input=json.dumps(asked),
        )["executionArn"]
        give_up_at = time.monotonic() + 120
        while True:
            told: dict[str, Any] = self.client.describe_execution(executionArn=started)
            if told["status"] != "RUNNING":
                return told
            assert time.monotonic() < give_up_at
            time.sleep(0.1)


@pytest.fixture
def machine(lambdas: Lambdas) -> Iterator[Machine]:
    """The definition as it is, but for how long it waits before it tries again."""
    lambdas.functions.update(FUNCTIONS)
    definition = json.loads(DEFINITION.read_text(encoding="utf-8"))
    for state in definition["States"].values():
        for retry in state.get("Retry", ()):
            retry |= {"IntervalSeconds": 1, "MaxDelaySeconds": 2}
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        client = boto3.client("stepfunctions")
        arn = client.create_state_machine(
            name="tripadvance", definition=json.dumps(definition), roleArn=ROLE
        )["stateMachineArn"]
        yield Machine(client, arn)


def told_of_models(services: Services) -> list[tuple[Any, ...]]:
    return [
        (
            version.id,
            sorted(file.sha256 for file in version.files),
            version.trained_on.sha256,
            version.MASTER,
            version.decision and (version.decision.outcome, version.decision.reason),
        )
        for version in services.registry.versions()
    ]


def test_two_partitions_become_the_models_and_decisions_of_any_other_night(
    tmp_path: Path,
    services: Services,
    lambdas: Lambdas,
    machine: Machine,
    make_fares: Callable[..., bytes],
) -> None:
    contents = [make_fares(400, seed=1), make_fares(300, seed=2)]
    ingest(services, *contents)
    assert machine.run()["status"] == "SUCCEEDED"
    assert lambdas.names_called() == PARTITION * 2
    assert {run.status for run in services.training.runs()} == {RunStatus.DONE}
    assert services.invariants.violations() == []
    with opened_services(small(tmp_path / "night")) as other:
        ingest(other, *contents)
        order = NightOrder(holder="test")
        assert other.night.run_partition(order, other.training).more
        assert not other.night.run_partition(order, other.training).more
        assert told_of_models(services) == told_of_models(other)
        assert len(told_of_models(other)) == 2


def test_between_the_functions_travel_ids_alone(
    services: Services,
    lambdas: Lambdas,
    machine: Machine,
    make_fares: Callable[..., bytes],
) -> None:
    ingest(services, make_fares(300))
    machine.run()
    _, event = lambdas.calls[-1]
    assert set(event) == {"execution", "started_at", "partition", "input", "run"}
    assert set(event["run"]) == {"run_id", "token", "stop_at"}


@pytest.mark.parametrize("state", ["NOT_ENOUGH", "OUTSIDE_WINDOW"])
def test_night_without_work_ends_at_once(
    services: Services,
    lambdas: Lambdas,
    machine: Machine,
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
    state: str,
) -> None:
    if state == "OUTSIDE_WINDOW":
        ingest(services, make_fares(100))
        later = datetime.now(UTC) + timedelta(hours=5)
        monkeypatch.setattr(services.night, "_clock", lambda: later)
    ended = machine.run()
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["night"]["state"] == state
    assert lambdas.names_called() == PARTITION[:1]


@pytest.mark.parametrize("step", ["preprocess", "train", "save", "promote"])
def test_step_that_fails_once_is_tried_again_within_the_same_start(
    services: Services,
    machine: Machine,
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    ingest(services, make_fares(300))
    work = getattr(services.training, step)
    tries: list[bool] = []

    def silent_once(*args: Any, **options: Any) -> None:
        tries.append(True)
        if len(tries) == 1:
            raise Unavailable("DATABASE_UNAVAILABLE", address="x", problem="silent")
        work(*args, **options)

    monkeypatch.setattr(services.training, step, silent_once)
    assert machine.run()["status"] == "SUCCEEDED"
    assert len(tries) == 2
    (run,) = services.training.runs()
    assert (run.status, run.attempts, run.failure) == (RunStatus.DONE, 1, None)


def test_step_that_fails_for_good_is_told_and_the_next_night_finishes(
    services: Services,
    lambdas: Lambdas,
    machine: Machine,
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ingest(services, make_fares(300))
    with monkeypatch.context() as patch:
        patch.setattr(services.training, "save", lambda *_: 1 / 0)
        ended = machine.run()
    assert (ended["status"], ended["error"]) == ("FAILED", "Broken")
    assert "division" not in ended["cause"]
    saves = lambdas.names_called().count("tripadvance-save-model")
    assert (saves, lambdas.names_called()[-1]) == (4, "tripadvance-end-run")
    (run,) = services.training.runs()
    assert (run.status, run.failure) == (RunStatus.OPEN, "RUN_BROKEN")
    assert holder_of(services.database, "training", services.clock()) is None
    assert machine.run()["status"] == "SUCCEEDED"
    (run,) = services.training.runs()
    assert (run.status, run.attempts) == (RunStatus.DONE, 2)
    assert [u.status for u in services.uploads.all()] == [UploadStatus.TRAINED]


def test_refusal_is_not_tried_again(
    services: Services, lambdas: Lambdas, machine: Machine
) -> None:
    ended = machine.run(ignore_windw=True)
    assert (ended["status"], ended["error"]) == ("FAILED", "Refused")
    assert "ignore_windw" in ended["cause"]
    assert len(lambdas.calls) == 1


def test_chain_stops_at_the_limit_that_was_asked_for(
    services: Services,
    lambdas: Lambdas,
    machine: Machine,
    make_fares: Callable[..., bytes],
) -> None:
    ingest(services, make_fares(300, seed=1), make_fares(300, seed=2))
    assert machine.run(max_partitions=1)["status"] == "SUCCEEDED"
    assert lambdas.names_called() == PARTITION
