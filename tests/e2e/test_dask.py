"""Nights with Dask whose processes are killed: the next one finishes them."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.conftest import wait_for
from tests.e2e.nights import assert_every_file_was_trained_once
from tripadvance_core.bootstrap import opened_services
from tripadvance_core.settings import load_settings

pytestmark = [pytest.mark.servers, pytest.mark.scale, pytest.mark.timeout(900)]

# So few rows need no trial: each round is one of the workers, and there are many.
ROWS = 150
MANY_ROUNDS = {
    "boosting_rounds": "300",
    "threads": "2",
    "min_partition_bytes": "1",
    "lease_seconds": "5",
}


def test_next_night_finishes_what_a_killed_one_left_and_no_worker_stays(
    new_installation: Callable[..., Any],
    tmp_path: Path,
    make_fares: Callable[..., bytes],
) -> None:
    one = new_installation(tmp_path / "data", dask_rows="1", **MANY_ROUNDS)
    fares = tmp_path / "fares.csv"
    fares.write_bytes(make_fares(ROWS))
    assert one.command("ingest", str(fares)).returncode == 0
    with opened_services(load_settings(one.data_dir)) as services:
        night = psutil.Popen(
            [sys.executable, "-m", "deployments.cli", "train", "--ignore-window"],
            env=one.environment,
        )

        def rounds_done() -> bool:
            assert night.poll() is None, "the night was too short"
            run = services.claims.unfinished()
            return bool(run and run.under_way and run.under_way.rounds_done)

        wait_for(rounds_done, 240, every=0.01)
        workers = [
            child
            for child in night.children(recursive=True)
            if "multiprocessing.spawn" in " ".join(child.cmdline())
        ]
        night.kill()
        night.wait()
        assert len(workers) == 2
        assert psutil.wait_procs(workers, timeout=60)[1] == []

        one.environment["TRIPADVANCE_BOOSTING_ROUNDS"] = "20"
        time.sleep(float(one.environment["TRIPADVANCE_LEASE_SECONDS"]))
        done = one.command("train", "--ignore-window")
        assert done.returncode == 0, done.stderr
        assert_every_file_was_trained_once(services)
        (run,) = services.training.runs()
        assert run.attempts == 2
        assert run.steps["train"]["parameters"]["engine"] == "Dask, 2 workers"
