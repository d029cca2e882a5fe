"""Two weeks go by and nothing is lost: the short form of ``benchmarks/fortnight.py``."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.faults.fortnight import DAYS, NOBODY_THERE

PROJECT = Path(__file__).parents[2]


def test_two_weeks_of_nights_and_faults_break_nothing() -> None:
    # Processes are forked, so this is done by one that has no threads.
    done = subprocess.run(
        [sys.executable, "benchmarks/fortnight.py", "--seed", "1", "--json"],
        cwd=PROJECT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    days = json.loads(done.stdout)
    assert [told for day in days for told in day["broken"]] == []
    assert done.returncode == 0, done.stderr
    assert len(days) == DAYS
    assert sum(day["faults"] for day in days) > DAYS / 2
    assert all(days[number]["partitions"] == 0 for number in NOBODY_THERE)
    assert days[NOBODY_THERE.stop]["partitions"] > 1
    assert days[-1]["master"] > days[0]["master"]
