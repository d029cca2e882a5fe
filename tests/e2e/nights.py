"""Real nights in a real Prefect: what the tests of a chain and of kills share."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import control
from tripadvance_core.bootstrap import Services, build_services
from tripadvance_core.domain.entities import RunStatus, UploadStatus
from tripadvance_core.settings import load_settings

TRAINED = {"Promote", "Hold", "Reject"}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, new_installation: Any) -> Any:
    """One installation for all nights here; Prefect's client is turned to it."""
    installation = new_installation(
        tmp_path_factory.mktemp("nights") / "data",
        min_partition_bytes="1",
        lease_seconds="5",
    )
    installation.start()
    installation.wait_for_output("TripAdvance is up")
    with temporary_settings({PREFECT_API_URL: f"{installation.prefect_url}/api"}):
        yield installation
    installation.stop()


@pytest.fixture
def services(up: Any) -> Iterator[Services]:
    """Look into the installation's data folder from outside."""
    built = build_services(load_settings(up.data_dir))
    yield built
    built.database.close()


def ingest(up: Any, folder: Path, contents: list[bytes]) -> None:
    files = []
    for number, content in enumerate(contents):
        files.append(folder / f"fares-{number:02}.csv")
        files[-1].write_bytes(content)
    done = up.command("ingest", *map(str, files))
    assert done.returncode == 0, done.stderr


def wait_until_ended(run_id: UUID, seconds: float = 600) -> str:
    give_up_at = time.monotonic() + seconds
    while not (state := control.flow_run(run_id).state) or not state.is_final():
        assert time.monotonic() < give_up_at, f"still {state}"
        time.sleep(0.5)
    return state.name or ""


def assert_every_file_was_trained_once(services: Services) -> None:
    uploads = services.uploads.all()
    assert {upload.status for upload in uploads} == {UploadStatus.TRAINED}
    runs = services.training.runs()
    assert {run.status for run in runs} == {RunStatus.DONE}
    trained = sorted(upload_id for run in runs for upload_id in run.upload_ids)
    assert trained == sorted(upload.id for upload in uploads)
    assert services.invariants.violations() == []


def assert_one_master(services: Services) -> None:
    masters = [v.id for v in services.registry.versions() if v.MASTER]
    pointer = services.registry.pointer()
    assert pointer is not None
    assert masters == [pointer.model_id]
