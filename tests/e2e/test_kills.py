"""Runs that are killed in every step, and an installation that is killed as a whole.

Each step once; ``TRIPADVANCE_KILLS=3`` kills three times in each.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows import control
from tests.e2e.nights import (
    TRAINED,
    assert_every_file_was_trained_once,
    assert_one_master,
    ingest,
    services,
    up,
    wait_until_ended,
)
from tripadvance_core.bootstrap import Services

__all__ = ["services", "up"]  # fixtures

pytestmark = [pytest.mark.servers, pytest.mark.timeout(1800)]

KILLS = int(os.environ.get("TRIPADVANCE_KILLS", "1"))
FINISHED_BEFORE = {
    "preprocess": set(),
    "train": {"preprocess"},
    "save": {"preprocess", "train"},
    "promote": {"preprocess", "train", "save"},
}


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


@pytest.mark.parametrize("again", range(KILLS))
@pytest.mark.parametrize("step", list(FINISHED_BEFORE))
def test_next_run_finishes_what_a_killed_one_left(
    step: str,
    again: int,
    up: Any,
    services: Services,
    tmp_path: Path,
    make_fares: Callable[..., bytes],
) -> None:
    before = len(services.training.runs())
    ingest(up, tmp_path, [make_fares(20_000, seed=10 * again + len(step))])
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
