"""What a night costs, step by step, and what the product adds to a bare fit.

Takes a CSV in, runs one night over it in a folder of its own, then trains
``xgboost.train`` alone on the very same matrix with the same parameters. The options of
``tripadvance check`` tell how the file is to be read::

    python benchmarks/clean_night.py FARES.csv --map start_city=source_city \\
        --map end_city=destination_city --currency INR --base-currency INR
"""

import hashlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from deployments.reading_options import mapping_of, reading_options
from tripadvance_core.bootstrap import Services, opened_services
from tripadvance_core.domain.entities import ColumnMapping, ModelVersion
from tripadvance_core.domain.metrics import RegressionMetrics
from tripadvance_core.learning.boosting import TrainingParameters, plain_rounds
from tripadvance_core.learning.matrices import (
    EncodedFares,
    is_for_the_disk,
    training_matrix,
    weights_of,
)
from tripadvance_core.learning.trial import hold_a_trial
from tripadvance_core.services.history import (
    History,
    read_history,
    read_rows,
    trained_uploads,
)
from tripadvance_core.services.night import NightOrder
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.repository import Repositories

import xgboost  # isort: skip - learning sets up OpenMP before

"""Nothing is claimed after the night: the history is what was trained on."""

console = Console(width=88)

NIGHT, TRIAL = "the whole night", "of train: the trial"
READ, BARE = "one read of the Parquet", "bare fit"

Seconds = dict[str, tuple[float, float]]


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--base-currency", default="USD", help="Currency of the model.")
@click.option("--threads", type=int, default=1, help="Threads of the training.")
@click.option("--repeat", is_flag=True, help="Run the night twice, compare models.")
@reading_options
def main(
    file: Path, base_currency: str, threads: int, repeat: bool, **reading: Any
) -> None:
    """Run one night over FILE, and a bare fit beside it."""
    mapping = mapping_of(**reading)
    seconds: Seconds = {}
    with night_over(file, mapping, base_currency, threads, seconds) as (
        services,
        model,
    ):
        history = read_history(
            services.objects,
            trained_uploads(Repositories(services.database)),
            [],
            services.settings.history_rows,
        )
        bare = fit_bare(services, model, history, seconds)
    show(seconds, model, bare)
    if repeat:
        with night_over(file, mapping, base_currency, threads, {}) as (_, again):
            same = again.files == model.files
        console.print(f"model {digest(model)}; trained twice, same bytes: {same}")


@contextmanager
def night_over(
    file: Path, mapping: ColumnMapping, currency: str, threads: int, seconds: Seconds
) -> Iterator[tuple[Services, ModelVersion]]:
    """Take a file in and run one night over it, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            Path(folder) / "data", threads=threads, base_currency=currency
        )
        with opened_services(settings) as services:
            with measured(seconds, "ingest"):
                ingest(services, file, mapping)
            with measured(seconds, NIGHT), trial_measured(seconds):
                model = run_night(services, seconds)
            yield services, model


@contextmanager
def trial_measured(seconds: Seconds) -> Iterator[None]:
    """Note what the trial takes, which is a part of the step ``train``."""

    def held(*arguments: Any) -> Any:
        with measured(seconds, TRIAL):
            return hold_a_trial(*arguments)

    with patch("tripadvance_core.learning.training.hold_a_trial", held):
        yield


def digest(model: ModelVersion) -> str:
    """Return one hash for all files of a model."""
    hashes = "".join(sorted(file.sha256 for file in model.files))
    return hashlib.sha256(hashes.encode()).hexdigest()[:16]


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
    given = TrainingParameters.model_validate(version.parameters)
    parameters = model.recipe.applied_to(given.for_rows(len(rows)))
    leaves = model.recipe.leaves
    rounds, share = model.recipe.rounds, model.recipe.log_share
    matrix = model.encoded(history.holdout)
    fares = EncodedFares(model.encoder, rows, model.former, parameters.seed)
    training = training_matrix(
        fares, np.log, parameters.threads, on_disk=is_for_the_disk(len(fares))
    )
    with measured(seconds, READ):
        for upload in history.uploads:
            read_rows(services.objects, upload)
    with measured(seconds, BARE):
        booster = xgboost.train(
            parameters.for_xgboost(leaves), training, num_boost_round=rounds
        )
        if share < 1:
            training.set_label(fares.prices / model.price_scale)
            plain = xgboost.train(
                parameters.for_plain_prices(leaves),
                training,
                num_boost_round=plain_rounds(rounds),
            )
    predicted = np.exp(booster.inplace_predict(matrix).astype(float))
    if share < 1:
        prices = plain.inplace_predict(matrix) * model.price_scale
        predicted = share * predicted + (1 - share) * prices
    actual = history.holdout["price"].to_numpy(float)
    return RegressionMetrics.of(actual, predicted, weights_of(history.holdout))


def show(seconds: Seconds, model: ModelVersion, bare: RegressionMetrics) -> None:
    times = Table("step", "wall s", "CPU s", title="Time")
    for name, (wall, cpu) in seconds.items():
        times.add_row(name, f"{wall:.2f}", f"{cpu:.2f}")
    console.print(times)
    night, trial, read, bare_fit = (seconds[n][1] for n in (NIGHT, TRIAL, READ, BARE))
    console.print(
        f"CPU of the night ÷ (bare fit + one read): {night / (bare_fit + read):.2f}; "
        f"without the trial: {(night - trial) / (bare_fit + read):.2f}; beyond both: "
        f"{night - trial - bare_fit - read:.1f} s"
    )

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
