"""How much is lost when anything fails at any moment: nothing may be.

Strikes every call of an upload, nights, switches by hand, a withdrawal, a rebuild and an
experiment, in every kind of way (see ``tests/faults``); then lets several runners and
people work beside each other in schedules drawn from seeds, with faults among them::

    python benchmarks/faults.py --every 1 --schedules 500

Where something is broken it is told with the call, or with the seed that gives the same
schedule again (``--seed``). The exit status tells whether anything was.
"""

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.faults.gate import gates
from tests.faults.schedules import Schedule, play
from tests.faults.strikes import Kind, Outcome, strikes
from tests.faults.works import WORKS

console = Console(width=100)

_THREADS = "OMP_NUM_THREADS"
"""Read when xgboost is first imported."""


@click.command(help=__doc__)
@click.option("--every", default=2, show_default=True, help="Strike so manieth calls.")
@click.option("--first", default=1, show_default=True, help="Begin with this call.")
@click.option("--work", "works", multiple=True, type=click.Choice(list(WORKS)))
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice([kind.value for kind in Kind])
)
@click.option("--schedules", default=100, show_default=True, help="So many seeds.")
@click.option("--seed", default=0, show_default=True, help="The first seed.")
@click.option("--json", "as_json", is_flag=True, help="Print one line for programs.")
def main(
    every: int,
    first: int,
    works: tuple[str, ...],
    kinds: tuple[str, ...],
    schedules: int,
    seed: int,
    as_json: bool,
) -> None:
    _start_again_with_one_thread()
    began = time.perf_counter()
    with gates():
        struck = list(
            _strikes(works or tuple(WORKS), kinds or tuple(Kind), first, every)
        )
        played = list(_schedules(range(seed, seed + schedules)))
    broken = [
        *(str(outcome) for outcome in struck if outcome.broken),
        *(str(schedule) for schedule in played if schedule.broken),
    ]
    found = {
        "strikes": len(struck),
        "schedules": len(played),
        "faults": sum(schedule.faults for schedule in played),
        "broken": broken,
        "orphans": Counter(
            key.partition("/")[0] for outcome in struck for key in outcome.orphans
        ),
        "seconds": round(time.perf_counter() - began),
    }
    if as_json:
        print(json.dumps(found))
    else:
        _show(struck, found)
    sys.exit(bool(broken))


def _start_again_with_one_thread() -> None:
    """Do without OpenMP's threads: a process that is forked waits for them for ever."""
    if os.environ.get(_THREADS) != "1":
        os.execve(  # noqa: S606 - this very program
            sys.executable,
            [sys.executable, *sys.argv],
            os.environ | {_THREADS: "1"},
        )


def _strikes(
    works: tuple[str, ...], kinds: tuple[str, ...], first: int, every: int
) -> Iterator[Outcome]:
    for work in track(works, "Striking", console=Console(stderr=True)):
        with tempfile.TemporaryDirectory() as folder:
            yield from strikes(
                WORKS[work],
                [Kind(kind) for kind in kinds],
                Path(folder),
                first=first,
                every=every,
            )


def _schedules(seeds: range) -> Iterator[Schedule]:
    for seed in track(seeds, "Playing", console=Console(stderr=True)):
        with tempfile.TemporaryDirectory() as folder:
            yield play(seed, Path(folder))


def _show(struck: list[Outcome], found: dict[str, Any]) -> None:
    table = Table(title="Calls struck")
    table.add_column("Work")
    for kind in Kind:
        table.add_column(kind.capitalize(), justify="right")
    table.add_column("Broken", justify="right")
    for work in WORKS:
        own = [outcome for outcome in struck if outcome.work == work]
        by_kind = Counter(outcome.kind for outcome in own)
        broken = sum(bool(outcome.broken) for outcome in own)
        table.add_row(work, *(str(by_kind[kind]) for kind in Kind), str(broken))
    console.print(table)
    console.print(
        f"{found['strikes']} strikes; {found['schedules']} schedules with "
        f"{found['faults']} faults; {found['seconds']} seconds"
    )
    console.print(f"Objects that no record names: {dict(found['orphans'])}")
    console.print(f"Broken: {len(found['broken'])}")
    for told in found["broken"]:
        console.print(told, markup=False)


if __name__ == "__main__":
    main()
