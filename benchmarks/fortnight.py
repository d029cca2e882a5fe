"""Two weeks of uploads, nights, faults, restarts and an upgrade, on a fast clock.

See ``tests/faults/fortnight.py``. Told is what each day and its night did and what is
stored after it; the exit status tells whether anything was broken::

    python benchmarks/fortnight.py --seeds 5
"""

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.faults.fortnight import Day, Fortnight, as_json
from tests.faults.gate import gates

KINDS = {
    "raw": "files",
    "rows": "rows",
    "models": "models",
    "shadows": "shadows",
    "panels": "panels",
    "profiles": "profiles",
    "database": "database",
}

console = Console(width=110)


@click.command(help=__doc__)
@click.option("--seed", default=0, show_default=True, help="The first seed.")
@click.option("--seeds", default=1, show_default=True, help="How many fortnights.")
@click.option("--json", "for_programs", is_flag=True, help="Print lines for programs.")
def main(seed: int, seeds: int, for_programs: bool) -> None:
    broken = False
    for number in range(seed, seed + seeds):
        with tempfile.TemporaryDirectory() as folder, gates():
            days = list(Fortnight(number, Path(folder)).days())
        broken = broken or any(day.broken for day in days)
        if for_programs:
            print(as_json(days))
        else:
            show(number, days)
    sys.exit(1 if broken else 0)


def show(seed: int, days: list[Day]) -> None:
    """Print what each day did, and what is broken."""
    table = Table(
        "day", "files in", "partitions", "faults", "MASTER", *KINDS.values(),
        title=f"Seed {seed}; what is stored, in kB", caption_justify="left",
    )  # fmt: skip
    for day in days:
        stored = (f"{day.stored.get(kind, 0) / 1e3:,.0f}" for kind in KINDS)
        counts = (day.number + 1, day.uploads, day.partitions, day.faults)
        table.add_row(*map(str, counts), f"v{day.master}", *stored)
    console.print(table)
    broken = [f"day {day.number + 1}: {told}" for day in days for told in day.broken]
    console.print("\n".join(broken) if broken else "nothing broken")


if __name__ == "__main__":
    main()
