"""The fare model beside AutoML and plain learners: same rows, one run, one machine.

The rivals live in an environment of their own, which is made beside the project when
it is first needed. The options of ``tripadvance check`` tell how the file is to be
read::

    python benchmarks/fare_model.py FARES.csv --map start_city=source_city \\
        --map end_city=destination_city --currency INR --base-currency INR

Two splits: the reserved rows against the others, and the last fifth of the flights by
date against the earlier ones. Of the latter the reserved rows calibrate the ranges;
nobody trains on them, the rivals neither.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from deployments.reading_options import mapping_of, reading_options
from tripadvance_core.bootstrap import opened_services
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.domain.metrics import Floats, RegressionMetrics
from tripadvance_core.learning.boosting import TrainingParameters
from tripadvance_core.learning.evaluation import (
    RouteMedians,
    judged_by_halves,
    original_baseline,
)
from tripadvance_core.learning.matrices import weights_of
from tripadvance_core.learning.model import FareModel, Prices
from tripadvance_core.learning.training import fit
from tripadvance_core.services.history import load_rows
from tripadvance_core.settings import Settings, load_settings
from tripadvance_core.tabular.joining import FareRows

PROJECT = Path(__file__).parents[1]
RIVAL = Path(__file__).with_name("rival.py")
ENVIRONMENT = PROJECT / ".rivals"
PACKAGES = ("autogluon.tabular[lightgbm,catboost,xgboost]==1.6.*", "pyarrow")
RIVALS = ("autogluon", "random_forest", "lightgbm", "catboost", "xgboost")
SINGLE_PREDICTIONS = 300
BATCHES = 5
LATER_SHARE = 0.2

console = Console(width=110)


@dataclass(frozen=True)
class Split:
    """Rows to train on, rows that calibrate the ranges, rows that judge."""

    name: str
    training: FareRows
    calibration: pd.DataFrame
    judged: pd.DataFrame
    later: bool

    @property
    def weights(self) -> Floats:
        return weights_of(self.judged)

    @property
    def actual(self) -> Floats:
        return self.judged["price"].to_numpy(float)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--base-currency", default="USD", help="Currency of the model.")
@click.option("--threads", type=int, default=1, help="Threads of every learner.")
@click.option("--split", "chosen", multiple=True, default=("random", "date"))
@click.option("--rival", "rivals", multiple=True, default=RIVALS)
@click.option("--seconds", type=int, help="Bound on AutoGluon; else it ends by itself.")
@click.option("--seed", default=Settings.model_fields["seed"].default)
@click.option("--alone", is_flag=True, help="Train no rivals.")
@click.option("--repeat", is_flag=True, help="Train twice and compare the bytes.")
@reading_options
def main(
    file: Path,
    base_currency: str,
    threads: int,
    chosen: tuple[str, ...],
    rivals: tuple[str, ...],
    seconds: int | None,
    seed: int,
    alone: bool,
    repeat: bool,
    **reading: Any,
) -> None:
    """Train on FILE beside the rivals and print all figures."""
    if alone:
        rivals = ()
    else:
        make_environment()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            Path(folder), threads=threads, base_currency=base_currency, seed=seed
        )
        rows = rows_of(file, mapping_of(**reading), settings)
        for split in splits(rows, chosen):
            measure(split, settings, rivals, seconds, repeat=repeat)


def make_environment() -> None:
    """Make the rivals' environment; the project's own never sees them."""
    if (ENVIRONMENT / "ready").exists():
        return
    console.print("Installing the rivals into .rivals …")
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    pip = [ENVIRONMENT / "bin/pip", "install", "--quiet", *PACKAGES]
    subprocess.run(pip, check=True)
    (ENVIRONMENT / "ready").touch()


def rows_of(file: Path, mapping: ColumnMapping, settings: Settings) -> FareRows:
    """Read a file as the product does."""
    with opened_services(settings) as services:
        upload, check = services.uploads.ingest(
            file.read_bytes(), file.name, mapping, owner="benchmark"
        )
        if check.refusal is not None:
            raise check.refusal
        return FareRows.distinct([load_rows(services.objects, upload)])


def splits(rows: FareRows, chosen: tuple[str, ...]) -> Iterator[Split]:
    reserved = rows.column("reserved")
    if "random" in chosen:
        held = rows.where(reserved).frame()
        yield Split("random", rows.where(~reserved), held, held, later=False)
    if "date" in chosen:
        days = pd.Series(rows.column("date"))
        cut = days.quantile(1 - LATER_SHARE, interpolation="higher")
        early = (days < cut).to_numpy(bool)
        calibration = rows.where(early & reserved).frame()
        judged = rows.where(~early).frame()
        training = rows.where(early & ~reserved)
        yield Split("by date", training, calibration, judged, later=True)


def measure(
    split: Split,
    settings: Settings,
    rivals: tuple[str, ...],
    bound: int | None,
    *,
    repeat: bool,
) -> None:
    table = Table(
        title=f"{split.name}: {len(split.training):,} rows to train on, "
        f"{len(split.judged):,} to judge, {settings.threads} thread(s)"
    )
    for title in ("", "MAPE %", "acc10 %", "RMSE", "CPU s"):
        table.add_column(title, justify="right" if title else "left")
    model, seconds = trained(split, settings)
    estimate = model.estimate(split.judged)
    prices = (
        model.prices_from(estimate)
        if split.later
        else judged_by_halves(model, estimate, split.actual)
    )
    add(table, "TripAdvance", split, prices.price, seconds)
    with tempfile.TemporaryDirectory() as folder:
        hand_out(split, Path(folder))
        for rival in rivals:
            predicted, spent = compete(rival, Path(folder), settings.threads, bound)
            add(table, rival, split, predicted, spent)
    for name, baseline in (
        ("route median", RouteMedians.of),
        ("original: tree on duration", original_baseline),
    ):
        start = time.process_time()
        predicted = baseline(split.training)(split.judged)
        add(table, name, split, predicted, time.process_time() - start)
    console.print(table)
    tell_of(model, split, prices)
    if repeat:
        again, _ = trained(split, settings)
        console.print(f"trained twice, same bytes: {digest(again) == digest(model)}")


def trained(split: Split, settings: Settings) -> tuple[FareModel, float]:
    """Train with the default settings, ranges included."""
    parameters = TrainingParameters(
        boosting_rounds=settings.boosting_rounds,
        learning_rate=settings.learning_rate,
        max_leaves=settings.max_leaves,
        threads=settings.threads,
        seed=settings.seed,
    )
    start = time.process_time()
    model = fit(
        split.training,
        parameters,
        stop_at=lambda: False,
        on_round=lambda _done, _of: None,
    ).calibrated(split.calibration)
    return model, time.process_time() - start


def hand_out(split: Split, folder: Path) -> None:
    """Write the rows as plain columns, a day as its parts."""
    for name, frame in (("training", split.training.frame()), ("later", split.judged)):
        plain_columns(frame).to_parquet(folder / f"{name}.parquet", index=False)


def plain_columns(frame: pd.DataFrame) -> pd.DataFrame:
    plain = frame.drop(columns=["sheet_row", "row_hash", "reserved"])
    for name in [c for c in plain if plain[c].dtype.kind == "M"]:
        day = plain.pop(name)
        plain[f"{name}_number"] = (day - pd.Timestamp("2000-01-01")).dt.days
        for part in ("month", "day", "day_of_week", "day_of_year"):
            plain[f"{name}_{part}"] = getattr(day.dt, part)
    if "quote_date" in frame:
        plain["lead_days"] = (frame["date"] - frame["quote_date"]).dt.days
    return plain


def compete(
    rival: str, folder: Path, threads: int, bound: int | None
) -> tuple[Floats, float]:
    python = ENVIRONMENT / "bin/python"
    command = [python, RIVAL, folder, rival, str(threads)]
    if bound:
        command.append(str(bound))
    subprocess.run(command, check=True, cwd=folder, capture_output=True)
    told = json.loads((folder / f"{rival}.json").read_text())
    return np.load(folder / f"{rival}.npy"), told["cpu_seconds"]


def add(
    table: Table, name: str, split: Split, predicted: Floats, seconds: float
) -> None:
    scores = RegressionMetrics.of(split.actual, predicted, split.weights)
    table.add_row(
        name,
        f"{scores.mean_absolute_percentage_error:.2f}",
        f"{scores.accuracy_10_percent:.1f}",
        f"{scores.root_mean_squared_error:,.1f}",
        f"{seconds:.1f}",
    )


def tell_of(model: FareModel, split: Split, prices: Prices) -> None:
    """Print ranges, size and speed."""
    actual = split.actual
    for level, low, high in (
        (80, prices.low, prices.high),
        (95, prices.low_95, prices.high_95),
    ):
        covered = 100 * np.mean((low <= actual) & (actual <= high))
        console.print(f"{level} % range covers {covered:.1f} % of the judged rows")
    withheld = 100 * np.mean(np.isnan(prices.low))
    size = sum(len(content) for content in model.to_files().values())
    console.print(f"range withheld for {withheld:.1f} %; {model.recipe!r}")
    console.print(f"model: {size / 1e6:.1f} MB")
    tell_speed(FareModel.from_files(model.to_files()), split.judged)


def tell_speed(model: FareModel, rows: pd.DataFrame) -> None:
    """Print what prices take beside the bare boosters on the same rows, encoded."""
    matrix = model.encoded(rows)
    columns = {name: rows[name].to_numpy() for name in rows}
    boosters = [b for b in (model.booster, model.plain) if b is not None]

    def priced(few: slice) -> None:
        model.prices({name: values[few] for name, values in columns.items()})

    def bare(few: slice) -> None:
        for booster in boosters:
            booster.inplace_predict(matrix[few])

    trips = [slice(n, n + 1) for n in range(min(SINGLE_PREDICTIONS, len(rows)))]
    whole = [slice(0, len(rows))] * BATCHES
    table = Table(title=f"{len(boosters)} booster(s), {len(rows):,} rows a batch")
    for title in ("", "one trip, ms", "CPU ms", "batch, rows a CPU s"):
        table.add_column(title, justify="right" if title else "left")
    asks = {"TripAdvance": priced, "bare inplace_predict": bare}
    rates = [len(rows) / cpu for _, cpu in seconds_of(list(asks.values()), whole)]
    for (name, ask), rate in zip(asks.items(), rates, strict=True):
        ((wall, cpu),) = seconds_of([ask], trips)
        table.add_row(name, f"{1e3 * wall:.2f}", f"{1e3 * cpu:.2f}", f"{rate:,.0f}")
    console.print(table)
    console.print(f"batch: {rates[0] / rates[1]:.2f} × the bare boosters' throughput")


def seconds_of(
    asks: list[Callable[[slice], None]], parts: list[slice]
) -> list[tuple[float, float]]:
    """Return the median wall and CPU seconds of an answer to each, asked by turns.

    First answers do not count.
    """
    for ask in asks:
        ask(parts[0])
    wall, cpu = np.empty((2, len(parts), len(asks)))
    for turn, part in enumerate(parts):
        for place, ask in enumerate(asks):
            started, spent = time.perf_counter(), time.process_time()
            ask(part)
            wall[turn, place] = time.perf_counter() - started
            cpu[turn, place] = time.process_time() - spent
    medians = np.median([wall, cpu], axis=1)
    return [(float(each), float(its)) for each, its in medians.T]


def digest(model: FareModel) -> str:
    files = sorted(model.to_files().items())
    return hashlib.sha256(b"".join(content for _, content in files)).hexdigest()


if __name__ == "__main__":
    main()
