"""Real nights in a real Prefect: a long chain, and runs killed in every step."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import control
from tripadvance_core.bootstrap import Services, build_services
from tripadvance_core.domain.entities import RunStatus, UploadStatus
from tripadvance_core.settings import load_settings

pytestmark = [pytest.mark.servers, pytest.mark.timeout(1800)]

PARTITIONS = 20
TRAINED = {"Promote", "Hold", "Reject"}
FINISHED_BEFORE = {
    "preprocess": set(),
    "train": {"preprocess"},
    "save": {"preprocess", "train"},
}


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


def assert_one_master(services: Services) -> None:
    masters = [v.id for v in services.registry.versions() if v.MASTER]
    pointer = services.registry.pointer()
    assert pointer is not None
    assert masters == [pointer.model_id]


def test_chain_of_twenty_partitions_ends_by_itself(
    up: Any, services: Services, tmp_path: Path, make_fares: Callable[..., bytes]
) -> None:
    ingest(up, tmp_path, [make_fares(60, seed=n) for n in range(PARTITIONS)])
    first = control.submit({"ignore_window": True})
    assert wait_until_ended(first) in TRAINED

    def chain() -> list[Any]:
        return control.chain_runs(str(first))

    give_up_at = time.monotonic() + 1500
    while len(services.training.runs()) < PARTITIONS or not all(
        run.state and run.state.is_final() for run in chain()
    ):
        assert time.monotonic() < give_up_at, up.output
        time.sleep(1)

    assert_every_file_was_trained_once(services)
    assert_one_master(services)
    numbers = [run.parameters["partition_number"] for run in chain()]
    assert numbers == list(range(2, PARTITIONS + 1))
    assert [run.name.rpartition(" ")[2] for run in chain()] == [
        str(number) for number in numbers
    ]


def flow_process(up: Any) -> psutil.Process | None:
    for process in psutil.Process(up.up.pid).children(recursive=True):
        try:
            if "prefect.engine" in " ".join(process.cmdline()):
                return process
        except psutil.NoSuchProcess:
            continue
    return None


def kill_during(step: str, up: Any, services: Services) -> None:
    """Kill the flow run's process while ``step`` is under way."""
    give_up_at = time.monotonic() + 600
    process = None
    while True:
        assert time.monotonic() < give_up_at, up.output
        run = services.claims.unfinished()
        if run is not None:
            process = process or flow_process(up)
        if process and run and set(run.steps) == FINISHED_BEFORE[step]:
            process.send_signal(signal.SIGSTOP)
            run = services.training.run(run.id)
            assert set(run.steps) == FINISHED_BEFORE[step], "the step was too short"
            process.kill()
            return
        time.sleep(0.005)


@pytest.mark.parametrize("step", list(FINISHED_BEFORE))
def test_next_run_finishes_what_a_killed_one_left(
    step: str,
    up: Any,
    services: Services,
    tmp_path: Path,
    make_fares: Callable[..., bytes],
) -> None:
    before = len(services.training.runs())
    ingest(up, tmp_path, [make_fares(20_000, seed=len(step))])
    killed = control.submit({"ignore_window": True})
    kill_during(step, up, services)
    assert wait_until_ended(killed) == "Crashed"
    assert services.claims.unfinished() is not None

    following = control.submit({"ignore_window": True})
    assert wait_until_ended(following) in TRAINED
    assert_every_file_was_trained_once(services)
    assert_one_master(services)
    runs = services.training.runs()
    assert len(runs) == before + 1
    assert runs[-1].attempts == 2


def test_killed_installation_comes_back_and_finishes(
    up: Any,
    services: Services,
    tmp_path: Path,
    make_fares: Callable[..., bytes],
) -> None:
    """Everything is killed in mid-training; the next start resumes the same run."""
    ingest(up, tmp_path, [make_fares(20_000, seed=99)])
    run_id = control.submit({"ignore_window": True})
    give_up_at = time.monotonic() + 600
    while not (run := services.claims.unfinished()) or "preprocess" not in run.steps:
        assert time.monotonic() < give_up_at, up.output
        time.sleep(0.01)
    whole = psutil.Process(up.up.pid)
    for process in [whole, *whole.children(recursive=True)]:
        process.kill()
    up.up.wait()

    up.start()
    up.wait_for_output("TripAdvance is up")
    assert wait_until_ended(run_id) in TRAINED
    assert_every_file_was_trained_once(services)
    assert_one_master(services)
