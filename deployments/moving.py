"""The command migrate."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import get_args

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from deployments.backup import say_problems
from deployments.console import Console
from deployments.local import only_instance
from deployments.prefect_environment import lead_to_server
from tripadvance_core.bootstrap import opened_move
from tripadvance_core.services.moving import OnFile, Stage
from tripadvance_core.settings import Settings, load_named_settings


def migrate(here: Settings, console: Console, file: Path) -> bool:
    """Move everything to where the settings in a file lead; False if any was lost.

    Also where something is wrong with what has arrived.
    """
    there = load_named_settings(file, here)
    if there.s3_block is not None:
        lead_to_server(here)
    with (
        opened_move(here, there) as move,
        _nothing_up(here, there),
        _progress(console) as on_file,
    ):
        moved = move.run(on_file)
    told = {
        "records": sum(records.count for records in moved.records.values()),
        "files": moved.files,
        "copied": moved.copied,
    }
    console.say("MIGRATED", **told, file=file)
    for key in moved.lost:
        console.say("MIGRATION_LACKS", key=key)
    problems = say_problems(moved.violations, console)
    console.document({**told, "lost": list(moved.lost), "problems": problems})
    return not moved.lost and not problems


@contextmanager
def _nothing_up(*installations: Settings) -> Iterator[None]:
    folders = {each.data_dir.resolve(): each for each in installations}
    with ExitStack() as held:
        for settings in folders.values():
            held.enter_context(only_instance(settings))
        yield


@contextmanager
def _progress(console: Console) -> Iterator[OnFile]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, disable=console.as_json) as progress:
        bars = {
            stage: progress.add_task(console.sentence(stage), total=None)
            for stage in get_args(Stage)
        }

        def on_file(stage: Stage, done: int, of: int) -> None:
            progress.update(bars[stage], completed=done, total=of)

        yield on_file
