"""What the whole stack costs beside the embedded one, and that it decides the same.

A chain of nights over made-up fares, a file a partition, twice in one run::

    TRIPADVANCE_TEST_MONGODB_URI=mongodb://… python benchmarks/stack.py

Embedded: ``tripadvance train`` on SQLite and a folder, one process for all partitions.
Stack: each partition is a run of its own that a worker of a process work pool starts,
on that MongoDB (FerretDB by ``.ci/ferretdb.sh``, where none is named), an S3 server whose
bucket a Prefect block names, and a Prefect server, all on this machine. From the first
run's order to the last run's end; starting the servers does not count.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.e2e.stack import Told, embedded, on_servers, write_fares

PROJECT = Path(__file__).parents[1]

console = Console(width=88)


@click.command()
@click.option("--partitions", default=20, help="Files, and so partitions.")
@click.option("--rows", default=300, help="Fares in each file.")
def main(partitions: int, rows: int) -> None:
    """Run both chains, compare what they decided, print what they took."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = write_fares(folder, partitions, rows)
        here = embedded(folder / "embedded", files)
        there = on_servers(folder / "servers", mongodb_uri(), files)
    print_costs(here, there, partitions)
    different = print_decisions(here, there)
    sys.exit(1 if different else 0)


def mongodb_uri() -> str:
    """Return the server to use; one that is started here ends with this process."""
    named = os.environ.get("TRIPADVANCE_TEST_MONGODB_URI")
    if named:
        return named
    started = subprocess.run(
        [PROJECT / ".ci" / "ferretdb.sh"], check=True, stdout=subprocess.PIPE, text=True
    )
    if not started.stdout.strip():
        sys.exit("No server that speaks MongoDB's protocol: nothing was measured.")
    return started.stdout.strip()


def print_costs(here: Told, there: Told, partitions: int) -> None:
    table = Table("a partition", "wall, s", "CPU, s")
    for name, told in (("embedded", here), ("stack", there)):
        table.add_row(
            name,
            f"{told.wall_seconds / partitions:.2f}",
            f"{told.all_cpu_seconds / partitions:.2f}",
        )
    for name, seconds in there.cpu_seconds.items():
        table.add_row(f"  of it {name}", "", f"{seconds / partitions:.2f}")
    table.add_row(
        "stack beside embedded",
        f"×{there.wall_seconds / here.wall_seconds:.1f}",
        f"×{there.all_cpu_seconds / here.all_cpu_seconds:.1f}",
    )
    table.add_row(
        "what the stack adds",
        f"{(there.wall_seconds - here.wall_seconds) / partitions:.2f}",
        f"{(there.all_cpu_seconds - here.all_cpu_seconds) / partitions:.2f}",
    )
    console.print(table)


def print_decisions(here: Told, there: Told) -> int:
    """Print what was decided and whether it is the same; return how often it is not."""
    different = abs(len(here.decided) - len(there.decided))
    table = Table("model", "decision", "booster's SHA-256", "on the stack")
    for one, other in zip(here.decided, there.decided, strict=False):
        same = one == other
        different += not same
        decision = one["decision"]
        table.add_row(
            f"v{one['number']}",
            decision["outcome"] if decision else "–",
            one["files"][0]["sha256"][:12],
            "the same" if same else "different",
        )
    console.print(table)
    console.print(
        f"{len(here.decided)} models embedded, {len(there.decided)} on the stack, "
        f"{different} different"
    )
    return different


if __name__ == "__main__":
    main()
