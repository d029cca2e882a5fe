"""Whatever call fails, nothing is lost: the short form of ``benchmarks/faults.py``."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.gate import gates
from tests.faults.strikes import Kind, strikes
from tests.faults.works import WORKS

PROJECT = Path(__file__).parents[2]
KILLED, KILLS = ("upload", "night", "rollback"), 20
RUNS_A_KIND = 3
FIRST, EVERY = 3, 17
"""Which calls are struck, so that they lie all over a work; others in the long form."""


@pytest.fixture(autouse=True)
def _gates() -> Iterator[None]:
    with gates():
        yield


@pytest.mark.parametrize("work", list(WORKS))
def test_work_that_was_struck_ends_as_if_it_had_not_been(
    work: str, tmp_path: Path
) -> None:
    kinds = (Kind.FAILED, Kind.LOST_REPLY, Kind.OVERTAKEN)
    struck = strikes(
        WORKS[work], kinds, tmp_path, first=FIRST, every=EVERY, most=RUNS_A_KIND
    )
    broken = [str(outcome) for outcome in struck if outcome.broken]
    assert broken == []


def test_work_that_was_killed_ends_as_if_it_had_not_been() -> None:
    # Processes are forked, so this is done by one with a single thread.
    done = subprocess.run(
        [
            sys.executable,
            "benchmarks/faults.py",
            *("--kind", Kind.KILLED.value, "--first", "5", "--every", "11"),
            *(part for work in KILLED for part in ("--work", work)),
            *("--schedules", "0", "--json"),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["strikes"] >= KILLS
    assert found["broken"] == []
