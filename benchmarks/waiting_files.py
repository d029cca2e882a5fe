"""What a partition costs beside its training, and a night over a thousand files.

Every file holds a hundred made-up fares, and a model learns from the newest ten thousand
rows and is judged on a panel of a thousand, so that both are the same whatever is stored::

    python benchmarks/waiting_files.py

First: nights over installations with 100 and with 10,000 files that were trained on
before, the newest the same in both. Told is the CPU from the claim to the decision, once
without the step that reads the history and trains. The first partition of a day, which
also looks for files that no record names, is told apart. Then: one night over 1,000
waiting files, partition after partition, with the memory of its process as it goes on.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import click
from memory import fares
from psutil import Process
from rich.console import Console
from rich.table import Table

from tripadvance_core.bootstrap import Services, opened_services
from tripadvance_core.domain.entities import ColumnMapping, Upload, UploadStatus
from tripadvance_core.services.night import NightOrder
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.objects import store_file
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.jobs import to_parquet
from tripadvance_core.tabular.joining import with_identity

FILE_ROWS = 100
HISTORY_ROWS = 10_000
PARTITION_FILES = 10
FIRST_SEED = 1_000_000
SMALL = {
    "history_rows": HISTORY_ROWS,
    "panel_rows": 1_000,
    "boosting_rounds": 5,
    "max_leaves": 16,
}

console = Console(width=88)


@click.group()
def main() -> None:
    """Measure what does not train."""


@main.command()
@click.option("--few", default=100, help="Files stored before, in the first place.")
@click.option("--many", default=10_000, help="Files stored before, in the second.")
@click.option("--partitions", default=5, help="Partitions to measure in each.")
@click.option("--waiting", default=1_000, help="Files that wait for the one night.")
def compare(few: int, many: int, partitions: int, waiting: int) -> None:
    """Run the nights and print what they took."""
    table = Table(
        "files stored",
        "claim to decision, CPU s",
        "of it without training",
        "first of the day",
    )
    beside = []
    for stored in (few, many):
        files = (partitions + 1) * PARTITION_FILES
        told = in_process_of_its_own("night", stored, files)
        whole, rest = (
            statistics.median(told[name][1:])
            for name in ("whole_seconds", "rest_seconds")
        )
        beside.append(rest)
        first = told["rest_seconds"][0]
        table.add_row(f"{stored:,}", f"{whole:.2f}", f"{rest:.3f}", f"{first:.3f}")
    console.print(table)
    console.print(
        f"without training, {many:,} files beside {few:,}: ×{beside[1] / beside[0]:.2f}"
    )
    told = in_process_of_its_own("night", 0, waiting)
    memory = told["memory_mb"]
    console.print(
        f"{waiting:,} files waited: {len(memory)} partitions in "
        f"{told['wall_seconds']:.0f} s, {told['left']} left; RSS {memory[0]:.0f} MB "
        f"after the first, {memory[len(memory) // 2]:.0f} MB half-way, "
        f"{memory[-1]:.0f} MB after the last"
    )


def in_process_of_its_own(command: str, *arguments: object) -> dict[str, list[float]]:
    """Run a command of this script in a fresh process and return what it tells."""
    line = [sys.executable, __file__, command, *map(str, arguments)]
    done = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, list[float]] = json.loads(done.stdout)
    return told


@main.command()
@click.argument("stored", type=int)
@click.argument("waiting", type=int)
def night(stored: int, waiting: int) -> None:
    """Store files, let others wait, and train on them until none is left."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(Path(folder), threads=1, **SMALL)
        with opened_services(settings) as services:
            add_files(services, range(-stored, 0), UploadStatus.TRAINED)
            size = add_files(services, range(waiting), UploadStatus.PENDING)
        partition_bytes = PARTITION_FILES * size
        settings = load_settings(
            Path(folder), threads=1, min_partition_bytes=partition_bytes, **SMALL
        )
        with opened_services(settings) as services:
            print(json.dumps(drained(services)))


def drained(services: Services) -> dict[str, object]:
    """Run partitions until no file waits; tell what each took."""
    order = NightOrder(holder="benchmark", ignore_window=True)
    whole, rest, memory = [], [], []
    began, more = time.perf_counter(), True
    while more:
        steps = TimedSteps(services)
        start = time.process_time()
        result = services.night.run_partition(order, steps)
        more = result.more
        if result.run is None:  # too few files are left
            continue
        whole.append(time.process_time() - start)
        rest.append(whole[-1] - steps.training_seconds)
        memory.append(Process().memory_info().rss / 1e6)
    return {
        "whole_seconds": whole,
        "rest_seconds": rest,
        "memory_mb": memory,
        "wall_seconds": time.perf_counter() - began,
        "left": len(services.uploads.waiting()),
    }


class TimedSteps:
    """The steps as plain calls; how long training took is noted."""

    def __init__(self, services: Services) -> None:
        self._training = services.training
        self.training_seconds = 0.0

    def preprocess(self, run_id: str, token: str) -> None:
        self._training.preprocess(run_id, token)

    def train(self, run_id: str, token: str, *, stop_at: datetime | None) -> None:
        start = time.process_time()
        self._training.train(run_id, token, stop_at=stop_at)
        self.training_seconds = time.process_time() - start

    def save(self, run_id: str, token: str) -> None:
        self._training.save(run_id, token)

    def promote(self, run_id: str, token: str) -> None:
        self._training.promote(run_id, token)


def add_files(services: Services, numbers: range, status: UploadStatus) -> int:
    """Store made-up files as if they had been taken in; return the size of the smallest.

    The same number has the same fares.
    """
    uploads = Repositories(services.database).uploads
    sizes = []
    for number in numbers:
        made_up = fares(FILE_ROWS, seed=FIRST_SEED + number)
        content = to_parquet(with_identity(made_up))
        key = f"{number - numbers.start}-{status}"
        stored = store_file(services.objects, f"rows/{key}.parquet", content)
        sizes.append(stored.size_bytes)
        uploads.add(
            Upload(
                id=f"{FIRST_SEED + number:032}",
                name=f"{number}.csv",
                owner="benchmark",
                raw=stored,
                mapping=ColumnMapping(),
                status=status,
                uploaded_at=services.clock(),
                rows_total=FILE_ROWS,
                rows_kept=FILE_ROWS,
                cleaned=stored,
            )
        )
    return min(sizes, default=0)


if __name__ == "__main__":
    main()
