"""The command ``train``: a night in this process, without any server."""

import os
from datetime import datetime
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from deployments.console import Console
from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.entities import Rebuild, TrainingRun
from tripadvance_core.services.night import NightOrder, NightResult
from tripadvance_core.services.report import NightReport


class PlainSteps:
    """The steps carried out as plain calls, with a line of progress each."""

    def __init__(self, services: Services, console: Console) -> None:
        self._training = services.training
        self._console = console

    def preprocess(self, run_id: str, token: str) -> None:
        self._console.say("STEP_PREPROCESS")
        self._training.preprocess(run_id, token)

    def train(self, run_id: str, token: str, *, stop_at: datetime | None) -> None:
        label = self._console.sentence("STEP_TRAIN")
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            disable=self._console.as_json,
        ) as progress:
            bar = progress.add_task(label, total=None)
            self._training.train(
                run_id,
                token,
                stop_at=stop_at,
                on_round=lambda done, of: progress.update(
                    bar, completed=done, total=of
                ),
            )

    def save(self, run_id: str, token: str) -> None:
        self._console.say("STEP_SAVE")
        self._training.save(run_id, token)

    def promote(self, run_id: str, token: str) -> None:
        self._console.say("STEP_PROMOTE")
        self._training.promote(run_id, token)


def train_night(services: Services, console: Console, *, ignore_window: bool) -> None:
    """Train partition after partition while files wait and the window is open."""
    order = NightOrder(
        holder=f"command, process {os.getpid()}", ignore_window=ignore_window
    )
    steps = PlainSteps(services, console)
    results: list[NightResult] = []
    more = True
    while more and len(results) < services.settings.max_partitions:
        result = services.night.run_partition(order, steps)
        results.append(result)
        print_result(console, result)
        more = result.more
    console.document(_night(results))


def rebuild_master(services: Services, console: Console, rebuild: Rebuild) -> None:
    """Train a model of the remaining files in MASTER's place, whatever the hour.

    A run that was left unfinished is finished first.
    """
    order = NightOrder(
        holder=f"command, process {os.getpid()}", ignore_window=True, rebuild=rebuild
    )
    steps = PlainSteps(services, console)
    results: list[NightResult] = []
    while not results or (results[-1].run and not results[-1].run.rebuild):
        results.append(services.night.run_partition(order, steps))
        print_result(console, results[-1])
    console.document(_night(results))


def print_result(console: Console, result: NightResult) -> None:
    """Tell people how a run ended."""
    report = NightReport(result, console.language)
    console.line()
    console.line(report.headline)
    console.facts(report.facts())


def _night(results: list[NightResult]) -> dict[str, Any]:
    last = results[-1]
    return {
        "outcome": last.state,
        "partitions": [
            _partition(result, run) for result in results if (run := result.run)
        ],
        "waiting_files": last.choice.waiting_files if last.choice else None,
        "missing_bytes": last.choice.missing_bytes if last.choice else None,
    }


def _partition(result: NightResult, run: TrainingRun) -> dict[str, Any]:
    document: dict[str, Any] = {
        "outcome": result.state,
        "number": run.number,
        "run_id": run.id,
        "upload_ids": list(run.upload_ids),
        "steps": run.steps,
    }
    if result.model is not None:
        document["model"] = result.model.model_dump(mode="json", exclude={"files"})
    return document
