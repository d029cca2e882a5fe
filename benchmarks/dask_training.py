"""What Dask takes and gives for the training of one long history.

Makes clean fares up, as ``memory.py`` does, and trains on them twice, each time in a
fresh process: in that process alone, and by workers on the loopback::

    python benchmarks/dask_training.py compare

Both are judged on the same reserved rows. Told are the metrics, the peak memory of
every process, and what the training took, once all rows were read.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import memory
from rich.console import Console
from rich.table import Table

from tripadvance_core.bootstrap import open_objects, opened_services
from tripadvance_core.domain.metrics import RegressionMetrics
from tripadvance_core.learning.boosting import Progress, TrainingParameters
from tripadvance_core.learning.cluster import grow_on_cluster, local_workers
from tripadvance_core.learning.growing import Grower, Order, Trees, grow_here
from tripadvance_core.learning.matrices import EncodedFares
from tripadvance_core.learning.training import fit
from tripadvance_core.services.growing import StoredRows
from tripadvance_core.services.history import read_history
from tripadvance_core.settings import load_settings
from tripadvance_core.tabular.joining import FareRows

FILES = 16
METRICS = {
    "MAPE, %": "mean_absolute_percentage_error",
    "within 10 %, % of fares": "accuracy_10_percent",
    "RMSE": "root_mean_squared_error",
}

console = Console(width=88)


@click.group()
def main() -> None:
    """Measure training by a cluster beside training by one process."""


@main.command()
@click.option("--rows", default=5_000_000, help="Rows of the history.")
@click.option("--rounds", default=20, help="Most boosting rounds.")
@click.option("--workers", default=2, help="Workers of the cluster.")
@click.option("--threads", default=2, help="Threads, which the workers share.")
def compare(rows: int, rounds: int, workers: int, threads: int) -> None:
    """Train in both ways and print them side by side."""
    with tempfile.TemporaryDirectory() as folder:
        memory.run("prepare", folder, rows // FILES, FILES)
        alone, shared = (
            told("train", folder, rounds, threads, count) for count in (0, workers)
        )
    table = Table("", "one process", f"{workers} workers", "ratio",
                  title=f"{rows:,} rows, {alone['rows']:,} of them trained on, "
                  f"{alone['rounds']} rounds, {threads} thread(s)")  # fmt: skip

    def row(name: str, one: float, other: float, form: str) -> None:
        table.add_row(name, f"{one:{form}}", f"{other:{form}}", f"{other / one:.3f}")

    for name in METRICS:
        row(name, alone[name], shared[name], ",.4f")
    row("peak RSS, MB: who reads and judges", alone["peak"], shared["peak"], ",.0f")
    for number, peak in enumerate(shared["peaks"], start=1):
        row(f"peak RSS, MB: worker {number}", alone["peak"], peak, ",.0f")
    row("wall s of the trees", alone["wall"], shared["wall"], ",.1f")
    row("CPU s of the trees, all processes", alone["cpu"], shared["cpu"], ",.1f")
    row("wall s of all", alone["wall_of_all"], shared["wall_of_all"], ",.1f")
    console.print(table)


def told(*line: object) -> dict[str, Any]:
    """Run a command of this script in a fresh process and return what it tells."""
    command = [sys.executable, __file__, *map(str, line)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return last


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("rounds", type=int)
@click.argument("threads", type=int)
@click.argument("workers", type=int)
def train(folder: Path, rounds: int, threads: int, workers: int) -> None:
    """Train, by workers if any, judge the model and print what it took as JSON."""
    settings = load_settings(folder, threads=threads)
    began = time.perf_counter()
    with opened_services(settings) as services:
        uploads = services.uploads.all()
    objects = open_objects(settings)
    history = read_history(objects, uploads, [], settings.history_rows)
    read = StoredRows(objects, [u.cleaned for u in uploads if u.cleaned])
    parameters = TrainingParameters(
        boosting_rounds=rounds,
        learning_rate=settings.learning_rate,
        max_leaves=settings.max_leaves,
        threads=threads,
        seed=settings.seed,
    )
    with grower(read, workers, threads) as (grow, took):
        model = fit(
            history.training,
            parameters,
            stop_at=lambda: False,
            on_round=lambda _done, _of: None,
            grower=grow,
        )
        took |= {"wall_of_all": time.perf_counter() - began}
    prices = model.prices(history.holdout)
    metrics = RegressionMetrics.of(
        history.holdout["price"].to_numpy(float), prices.price
    )
    took |= {name: getattr(metrics, field) for name, field in METRICS.items()}
    took |= {"rows": len(history.training), "peak": memory.peak_mb()}
    print(json.dumps(took))


@contextmanager
def grower(
    read: StoredRows, workers: int, threads: int
) -> Iterator[tuple[Grower, dict[str, Any]]]:
    """Give what grows the trees, and what it will tell of that."""
    took: dict[str, Any] = {}

    def measured(grow: Callable[..., Trees], cpu: Callable[[], float]) -> Grower:
        def grow_and_tell(
            order: Order,
            rows: FareRows,
            fares: EncodedFares | None,
            progress: Progress,
        ) -> Trees:
            wall, spent = time.perf_counter(), cpu()
            trees = grow(order, rows, fares, progress)
            took["wall"] = time.perf_counter() - wall
            took["cpu"] = cpu() - spent
            took["rounds"] = order.rounds
            return trees

        return grow_and_tell

    if not workers:
        yield measured(grow_here, time.process_time), took
        return
    with local_workers(workers, threads) as client:

        def cpu() -> float:
            there = client.run(time.process_time).values()
            return time.process_time() + sum(there)

        def grow(
            order: Order, rows: FareRows, _fares: object, progress: Progress
        ) -> Trees:
            return grow_on_cluster(client, rows, order, read, progress)[0]

        yield measured(grow, cpu), took
        took["peaks"] = list(client.run(memory.peak_mb).values())


if __name__ == "__main__":
    main()
