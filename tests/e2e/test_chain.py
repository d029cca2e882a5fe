"""A chain of real nights in a real Prefect.

Of six partitions; ``TRIPADVANCE_CHAIN=20`` makes it one of twenty.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

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

PARTITIONS = int(os.environ.get("TRIPADVANCE_CHAIN", "6"))


def test_chain_of_partitions_ends_by_itself(
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
