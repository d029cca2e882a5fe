"""The files of a partition proven by Dask under a real Prefect server."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter

from flows import tasks, training
from tripadvance_core.bootstrap import Services, build_services
from tripadvance_core.domain.entities import ColumnMapping, UploadStatus
from tripadvance_core.learning import cluster
from tripadvance_core.settings import load_settings

pytestmark = [
    pytest.mark.servers,
    pytest.mark.scale,
    pytest.mark.usefixtures("prefect_server"),
]

FILES = 6
OPENED: list[Services] = []


def current_services() -> Services:
    """Be found by name, as what the flow's modules hold is, in a worker too."""
    return OPENED[-1]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Give the address of a scheduler with a worker."""
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
    ) as one:
        yield one.scheduler_address


@pytest.fixture
def open_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_fares: Callable[..., bytes]
) -> Iterator[Callable[[str], Services]]:
    """Give services with files that wait, one of them damaged, and the flow them."""

    def open_with(address: str) -> Services:
        services = build_services(
            load_settings(
                tmp_path,
                dask_address=address,
                boosting_rounds=5,
                min_partition_bytes=1_000_000_000,
                max_wait_days=0,
                threads=1,
            )
        )
        OPENED.append(services)
        for module in (tasks, training):
            monkeypatch.setattr(module, "services", current_services)
        for seed in range(FILES):
            services.uploads.ingest(
                make_fares(100, seed=seed), "fares.csv", ColumnMapping(), owner="ana"
            )
        damaged = services.uploads.waiting()[0].cleaned
        assert damaged is not None
        services.objects.put(damaged.key, b"damaged")
        return services

    yield open_with
    while OPENED:
        OPENED.pop().database.close()


def run_preprocess(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the flow up to the end of its first step."""

    def end_here(*_given: Any) -> bool:
        return False

    monkeypatch.setattr(tasks, "train", end_here)
    training.nightly_training(ignore_window=True)


def assert_the_damaged_file_alone_is_held(services: Services) -> None:
    statuses = sorted(upload.status for upload in services.uploads.all())
    assert statuses == [UploadStatus.HELD, *[UploadStatus.PENDING] * (FILES - 1)]
    result = services.training.runs()[0].steps["preprocess"]
    assert result["files"] == FILES - 1
    assert result["rows_kept"] == 100 * (FILES - 1)


def proofs_since(moment: datetime) -> int:
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(
                {"start_time": {"after_": moment - timedelta(seconds=1)}}
            )
        )
        names = [client.read_flow(run.flow_id).name for run in runs]
    return names.count("prove-files")


def test_files_are_proven_on_the_cluster_and_held_by_the_run(
    address: str,
    open_services: Callable[[str], Services],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = open_services(address)
    began = datetime.now(UTC)
    run_preprocess(services, monkeypatch)
    assert_the_damaged_file_alone_is_held(services)
    assert proofs_since(began) == 1


def test_files_are_proven_here_where_no_scheduler_answers(
    open_services: Callable[[str], Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1)
    services = open_services("tcp://127.0.0.1:9")
    began = datetime.now(UTC)
    run_preprocess(services, monkeypatch)
    assert_the_damaged_file_alone_is_held(services)
    assert proofs_since(began) == 0
