"""What a night costs, step by step, and what the product adds to a bare fit.

Takes a CSV in, runs one night over it in a folder of its own, then trains
``xgboost.train`` alone on the very same matrix with the same parameters. The options of
``tripadvance check`` tell how the file is to be read::

    python benchmarks/clean_night.py FARES.csv --map start_city=source_city \\
        --map end_city=destination_city --currency INR --base-currency INR
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from deployments.reading_options import mapping_of, reading_options
from tripadvance_core.bootstrap import Services, opened_services
from tripadvance_core.domain.entities import ColumnMapping, ModelVersion
from tripadvance_core.domain.metrics import RegressionMetrics
from tripadvance_core.learning.boosting import TrainingParameters, plain_rounds
from tripadvance_core.learning.matrices import EncodedFares, training_matrix
from tripadvance_core.services.history import History, read_history
from tripadvance_core.services.night import NightOrder
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.repository import Repositories

import xgboost  # isort: skip - learning sets up OpenMP before

NO_TOKEN = ""
"""Nothing is claimed after the night: the history is what was trained on."""

WIDTH = 88

Seconds = dict[str, tuple[float, float]]


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--base-currency", default="USD", help="Currency of the model.")
@click.option("--threads", type=int, default=1, help="Threads of the training.")
@reading_options
def main(file: Path, base_currency: str, threads: int, **reading: Any) -> None:
    """Run one night over FILE, and a bare fit beside it."""
    seconds: Seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            Path(folder) / "data",
            threads=threads,
            base_currency=base_currency,
        )
        with opened_services(settings) as services:
            with measured(seconds, "ingest"):
                ingest(services, file, mapping_of(**reading))
            model = run_night(services, seconds)
            history = read_history(
                Repositories(services.database),
                services.objects,
                NO_TOKEN,
                settings.history_rows,
            )
            bare = fit_bare(services, model, history, seconds)
    show(seconds, model, bare)


@contextmanager
def measured(seconds: Seconds, name: str) -> Iterator[None]:
    """Note the wall and CPU seconds of a step."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    seconds[name] = (time.perf_counter() - wall, time.process_time() - cpu)


def ingest(services: Services, file: Path, mapping: ColumnMapping) -> None:
    _, check = services.uploads.ingest(
        file.read_bytes(), file.name, mapping, owner="benchmark"
    )
    if check.refusal is not None:
        raise check.refusal


def run_night(services: Services, seconds: Seconds) -> ModelVersion:
    """Run one partition; the steps note their own seconds."""
    result = services.night.run_partition(
        NightOrder(holder="benchmark", ignore_window=True), services.training
    )
    if result.run is None or result.model is None:
        raise SystemExit(f"the night ended as {result.state}")
    for name, step in result.run.steps.items():
        seconds[name] = (step["wall_seconds"], step["cpu_seconds"])
    return result.model


def fit_bare(
    services: Services, version: ModelVersion, history: History, seconds: Seconds
) -> RegressionMetrics:
    """Train the model's boosters alone on its matrix and score them on the holdout."""
    model = services.registry.load(version)
    rows = history.training
    parameters = TrainingParameters.model_validate(version.parameters).for_rows(
        len(rows)
    )
    leaves = model.recipe.leaves
    rounds, share = model.recipe.rounds, model.recipe.log_share
    matrix = model.encoder.transform(history.holdout)
    fares = EncodedFares(model.encoder, rows)
    training = training_matrix(fares, np.log, parameters.threads)
    with measured(seconds, "bare fit"):
        booster = xgboost.train(
            parameters.for_xgboost(leaves), training, num_boost_round=rounds
        )
        predicted = np.exp(booster.inplace_predict(matrix).astype(float))
        if share < 1:
            training.set_label(fares.prices / model.price_scale)
            plain = xgboost.train(
                parameters.for_plain_prices(leaves),
                training,
                num_boost_round=plain_rounds(rounds),
            )
            prices = plain.inplace_predict(matrix) * model.price_scale
            predicted = share * predicted + (1 - share) * prices
    return RegressionMetrics.of(history.holdout["price"].to_numpy(float), predicted)


def show(seconds: Seconds, model: ModelVersion, bare: RegressionMetrics) -> None:
    console = Console(width=WIDTH)
    times = Table("step", "wall s", "CPU s", title="Time")
    for name, (wall, cpu) in seconds.items():
        times.add_row(name, f"{wall:.2f}", f"{cpu:.2f}")
    console.print(times)

    scores = Table(
        "",
        "product",
        "bare fit",
        "route median",
        title=f"Holdout: {model.holdout_rows:,} rows",
    )
    columns = (model.metrics, bare, model.baseline_metrics)
    for name in list(RegressionMetrics.model_fields)[1:]:
        values = (getattr(metrics, name, None) for metrics in columns)
        scores.add_row(name, *map(written, values))
    console.print(scores)


def written(value: float | None) -> str:
    return "–" if value is None else f"{value:,.4f}"


if __name__ == "__main__":
    main()
