"""What a night takes with a history of so many fares, and with one many times as long.

Makes clean fares up, from a seed, in files of equal size, and runs one night over each
history in a process of its own. All files but the last have been learned from before::

    python benchmarks/memory.py compare

The rounds are few: what a history costs in memory does not depend on them.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from tripadvance_core.bootstrap import opened_services
from tripadvance_core.domain.entities import ColumnMapping, Upload, UploadStatus
from tripadvance_core.services.night import NightOrder
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.objects import store_file
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.jobs import to_parquet
from tripadvance_core.tabular.joining import with_identity

CITIES = 30
AIRLINES = 12
NAMES = np.array(
    [f"{first}{rest}" for first in "BDFGLMNPRS" for rest in ("ela", "ino", "oru")]
)
DAYS = 700

console = Console(width=88)


@click.group()
def main() -> None:
    """Measure the memory of a night."""


@main.command()
@click.option("--rows", default=335_000, help="Rows of the short history, one file.")
@click.option("--times", default=16, help="How many such files the long one has.")
@click.option("--rounds", default=10, help="Most boosting rounds.")
@click.option("--threads", default=1, help="Threads of the training.")
def compare(rows: int, times: int, rounds: int, threads: int) -> None:
    """Run a night over a short and over a long history and print both."""
    table = Table(
        "rows", "training rows", "peak RSS, MB", "of it the night's", "CPU s",
        "µs a row", title=f"One night, {rounds} rounds at most, {threads} thread(s)",
    )  # fmt: skip
    found = []
    for files in (1, times):
        with tempfile.TemporaryDirectory() as folder:
            run("prepare", folder, rows, files)
            told = json.loads(run("night", folder, rounds, threads))
        found.append(told)
        table.add_row(
            f"{rows * files:,}",
            f"{told['training_rows']:,}",
            f"{told['peak_mb']:,.0f}",
            f"{told['peak_mb'] - told['bare_mb']:,.0f}",
            f"{told['cpu_seconds']:,.1f}",
            f"{1e6 * told['cpu_seconds'] / (rows * files):,.1f}",
        )
    console.print(table)
    short, long = found
    console.print(
        f"history ×{times}: peak RSS ×{long['peak_mb'] / short['peak_mb']:.2f}, CPU "
        f"a row ×{long['cpu_seconds'] / short['cpu_seconds'] / times:.2f}"
    )


def run(command: str, *arguments: object) -> str:
    """Run a command of this script in a fresh process and return what it prints."""
    line = [sys.executable, __file__, command, *map(str, arguments)]
    done = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("rows", type=int)
@click.argument("files", type=int)
def prepare(folder: Path, rows: int, files: int) -> None:
    """Store made-up fares, already clean; all but the last count as learned from."""
    with opened_services(load_settings(folder)) as services:
        for number in range(files):
            content = to_parquet(with_identity(fares(rows, seed=number)))
            stored = store_file(services.objects, f"rows/{number}.parquet", content)
            last = number == files - 1
            upload = Upload(
                id=str(number),
                name=f"{number}.csv",
                owner="benchmark",
                raw=stored,
                mapping=ColumnMapping(),
                status=UploadStatus.PENDING if last else UploadStatus.TRAINED,
                uploaded_at=services.clock(),
                rows_total=rows,
                rows_kept=rows,
                cleaned=stored,
            )
            Repositories(services.database).uploads.add(upload)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("rounds", type=int)
@click.argument("threads", type=int)
def night(folder: Path, rounds: int, threads: int) -> None:
    """Run one night over all that waits and print what it took as JSON."""
    settings = load_settings(folder, boosting_rounds=rounds, threads=threads)
    with opened_services(settings) as services:
        bare = peak_mb()
        start = time.process_time()
        result = services.night.run_partition(
            NightOrder(holder="benchmark", ignore_window=True), services.training
        )
        spent = time.process_time() - start
    if result.model is None:
        raise SystemExit(f"the night ended as {result.state}")
    told = {
        "training_rows": result.model.training_rows,
        "bare_mb": bare,
        "peak_mb": peak_mb(),
        "cpu_seconds": spent,
    }
    print(json.dumps(told))


def peak_mb() -> float:
    """Return the most memory that this process has had, mapped files included."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (one for one in status.splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def fares(rows: int, seed: int) -> pd.DataFrame:
    """Make fares up: a level a route, a season, an airline, a cabin, and noise."""
    random = np.random.default_rng(seed)
    start = random.integers(0, CITIES, rows)
    end = (start + random.integers(1, CITIES, rows)) % CITIES
    airline = random.integers(0, AIRLINES, rows)
    day = random.integers(0, DAYS, rows)
    stops = random.integers(0, 3, rows)
    cabin = random.integers(0, 2, rows)
    hour = random.integers(0, 24, rows)
    minutes = 45 + 20 * np.abs(start - end) + 90 * stops + random.integers(0, 30, rows)
    level = (60 + 0.7 * minutes) * (1 + airline / AIRLINES) * (1 + 1.5 * cabin)
    season = 1 + 0.3 * np.sin(2 * np.pi * day / 365)
    return pd.DataFrame(
        {
            "sheet_row": np.arange(2, rows + 2),
            "date": np.datetime64("2024-01-01", "s") + day.astype("timedelta64[D]"),
            "start_city": NAMES[start],
            "end_city": NAMES[end],
            "airline": NAMES[airline],
            "duration_minutes": minutes.astype(float),
            "price": (level * season * random.lognormal(0, 0.1, rows)).round(2),
            "stops": stops.astype(float),
            "cabin": np.array(["Econômica", "Executiva"])[cabin],
            "hour": hour.astype(float),
        }
    )


if __name__ == "__main__":
    main()
