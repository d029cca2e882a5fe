"""Runners and people beside each other lose nothing, in whatever order they come."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.gate import gates
from tests.faults.schedules import play

SEEDS = [
    int(seed) for seed in os.environ.get("TRIPADVANCE_TEST_SEEDS", "1 2 3").split()
]
"""Set to the seed that a failure names, the same schedule is played again."""


@pytest.fixture(autouse=True)
def _gates() -> Iterator[None]:
    with gates():
        yield


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_in_a_schedule(seed: int, tmp_path: Path) -> None:
    schedule = play(seed, tmp_path)
    assert schedule.faults
    assert schedule.broken == [], str(schedule)


def test_seed_gives_the_same_schedule_again(tmp_path: Path) -> None:
    first, second = (play(4, tmp_path / name) for name in ("first", "second"))
    assert first.trace == second.trace
