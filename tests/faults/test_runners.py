"""Runners in processes of their own: they race for files, and one stands still."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.runner import BYTES_A_PARTITION, run_partition
from tests.faults.world import SMALL, World, broken_promises
from tripadvance_core.bootstrap import build_services
from tripadvance_core.domain.entities import (
    ColumnMapping,
    RunStatus,
    Upload,
    UploadStatus,
)
from tripadvance_core.domain.times import utc_now
from tripadvance_core.services.night import NightState
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.objects import store_file
from tripadvance_core.storage.repository import Repositories

PROJECT = Path(__file__).parents[2]
RUNNERS, FILES = 8, 500


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.runner", *map(str, arguments)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_eight_runners_claim_every_file_once_and_lose_none(tmp_path: Path) -> None:
    services = build_services(load_settings(tmp_path, **SMALL))
    store = Repositories(services.database)
    one_byte = store_file(services.objects, "raw/one-byte", b"1")
    for number in range(FILES):
        store.uploads.add(
            Upload(
                id=f"{number:032}",
                name=f"{number}.csv",
                owner="ana",
                raw=one_byte,
                cleaned=one_byte,
                mapping=ColumnMapping(),
                status=UploadStatus.PENDING,
                uploaded_at=utc_now(),
            )
        )
    with start("race", tmp_path, RUNNERS) as racing:
        racing.communicate()
    runs = services.training.runs()
    assert {run.status for run in runs} == {RunStatus.DONE}
    assert [run.number for run in runs] == list(range(1, len(runs) + 1))
    claimed = Counter(upload_id for run in runs for upload_id in run.upload_ids)
    assert claimed == Counter({f"{number:032}": 1 for number in range(FILES)})
    assert len(runs) == FILES / BYTES_A_PARTITION
    run_of = {upload_id: run.id for run in runs for upload_id in run.upload_ids}
    uploads = services.uploads.all()
    assert {upload.id: upload.trained_in for upload in uploads} == run_of
    assert {upload.status for upload in uploads} == {UploadStatus.TRAINED}
    services.database.close()


@pytest.mark.parametrize("step", ["preprocess", "save"])
def test_runner_that_stood_still_past_its_lease_commits_nothing(
    tmp_path: Path, step: str
) -> None:
    world = World(tmp_path, settings={"lease_seconds": 1})
    world.clock.now = utc_now()
    world.ingest(world.open(), rows=120, seed=1)
    with start("pause", tmp_path, step) as paused:
        assert paused.stdout is not None
        assert paused.stdout.readline() == "here\n"
        paused.send_signal(signal.SIGSTOP)
        services = build_services(load_settings(tmp_path, **SMALL))
        result = run_partition(services, services.training)
        assert result.state is NightState.PROMOTE
        assert result.run is not None
        assert result.run.attempts == 2
        before = everything(tmp_path, services.database)
        paused.send_signal(signal.SIGCONT)
        told, _ = paused.communicate("go on\n")
    assert told == "LEASE_LOST\n"
    assert everything(tmp_path, services.database) == before
    assert broken_promises(world, services) == []
    services.database.close()
    world.close()


def everything(folder: Path, database: object) -> dict[str, object]:
    """Return all documents and all files of an installation."""
    find = database.find  # type: ignore[attr-defined]
    documents = {
        collection: find(collection)
        for collection in (
            "uploaded_files",
            "training_runs",
            "models",
            "pointers",
            "promotions",
            "decisions",
            "panels",
            "shadows",
            "leases",
        )
    }
    files = folder / "objects"
    return documents | {
        str(path.relative_to(files)): path.read_bytes()
        for path in sorted(files.rglob("*"))
        if path.is_file()
    }
