"""A runner in a process of its own, for tests that stop it or let it race others.

``race FOLDER RUNNERS`` lets so many processes claim until nothing waits.
``pause FOLDER STEP`` runs one partition and waits for a line before the step.
"""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Never
from unittest.mock import patch

from tests.faults.world import SMALL
from tripadvance_core.bootstrap import Services, build_services
from tripadvance_core.domain.entities import RunStatus, UploadStatus
from tripadvance_core.errors import LeaseLost
from tripadvance_core.services.night import NightOrder, NightResult, NightState, Steps
from tripadvance_core.settings import load_settings
from tripadvance_core.storage import leases
from tripadvance_core.storage.repository import Repositories

BYTES_A_PARTITION = 5
"""Uploads of one byte each: so many make a partition."""


class Trained(Exception):
    """A partition's uploads are trained, by nothing but their records."""


class Claiming:
    """Steps that commit what the real ones commit on uploads and run, and no more.

    What is proven is who gets which uploads, so nothing is trained.
    """

    def __init__(self, services: Services) -> None:
        self._store = Repositories(services.database)

    def preprocess(self, run_id: str, token: str) -> None:
        """Every upload that was claimed is sound."""

    def train(self, run_id: str, token: str, *, stop_at: datetime | None) -> None:
        """Nothing is learned."""

    def save(self, run_id: str, token: str) -> None:
        self._store.uploads.change(
            {"claim.token": token, "status": UploadStatus.CLAIMED},
            {"status": UploadStatus.TRAINED, "trained_in": run_id, "claim": None},
        )

    def promote(self, run_id: str, token: str) -> Never:
        mine = {"_id": run_id, "token": token, "status": RunStatus.OPEN}
        if not self._store.runs.change(mine, {"status": RunStatus.DONE}):
            raise LeaseLost("LEASE_LOST", run=run_id)
        raise Trained


class Pausing:
    """The real steps; before one of them the runner tells so and waits for a line."""

    def __init__(self, steps: Steps, before: str) -> None:
        self._steps = steps
        self._before = before

    def _reach(self, step: str) -> None:
        if step == self._before:
            print("here", flush=True)  # noqa: T201 - the test reads it
            sys.stdin.readline()

    def preprocess(self, run_id: str, token: str) -> None:
        self._reach("preprocess")
        self._steps.preprocess(run_id, token)

    def train(self, run_id: str, token: str, *, stop_at: datetime | None) -> None:
        self._reach("train")
        self._steps.train(run_id, token, stop_at=stop_at)

    def save(self, run_id: str, token: str) -> None:
        self._reach("save")
        self._steps.save(run_id, token)

    def promote(self, run_id: str, token: str) -> None:
        self._reach("promote")
        self._steps.promote(run_id, token)


def run_partition(services: Services, steps: Steps) -> NightResult:
    order = NightOrder(holder=f"runner {os.getpid()}", ignore_window=True)
    return services.night.run_partition(order, steps)


def race(folder: Path, runners: int) -> None:
    """Start the runners together and wait for all of them."""
    children = []
    for _ in range(runners):
        pid = os.fork()
        if pid == 0:
            try:
                claim_all(folder)
            finally:
                os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)


def claim_all(folder: Path) -> None:
    services = build_services(load_settings(folder, **SMALL | PARTITIONS))
    with patch.object(leases, "_LOOK_AGAIN_SECONDS", 0.005):
        while True:
            try:
                result = run_partition(services, Claiming(services))
            except Trained:
                continue
            if result.state is NightState.NOT_ENOUGH:
                return


PARTITIONS = {"min_partition_bytes": BYTES_A_PARTITION, "lease_seconds": 60}


def pause(folder: Path, step: str) -> None:
    services = build_services(load_settings(folder, **SMALL | {"lease_seconds": 1}))
    try:
        result = run_partition(services, Pausing(services.training, step))
    except LeaseLost as lost:
        print(lost.code, flush=True)  # noqa: T201 - the test reads it
    else:
        print(result.state, flush=True)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    what, where, argument = sys.argv[1:]
    if what == "race":
        race(Path(where), int(argument))
    else:
        pause(Path(where), argument)
