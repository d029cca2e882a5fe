"""What the whole intake costs, beside a bare read of the very same file.

Takes a CSV of fares, writes its first seven columns, 300,000 rows, as .xlsx and as
CSV, and measures in one run the CPU of the whole intake (guard, parse, map, clean,
identity, Parquet; in its confined process) and of a reader that does nothing but
read. Options are those of ``tripadvance check``::

    python benchmarks/intake_speed.py FARES.csv

Bare readers: fastexcel to Arrow and pandas with openpyxl for .xlsx, pyarrow for CSV.
"""

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pyarrow.csv
from rich.console import Console
from rich.table import Table

from deployments.reading_options import mapping_of, reading_options
from tripadvance_core.confined import Outcome, run_confined
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.tabular.intake import read_fares
from tripadvance_core.tabular.jobs import caps_for, clean_fares

ROWS = 300_000
REPEATS = 3
MOST_MEMORY = 4 * 1024**3
COLUMNS = {
    "date": "date(DD/MM/YYYY)",
    "start_city": "start_city",
    "end_city": "end_city",
    "airline": "airline",
    "duration_minutes": "duration(minutes)",
    "price": "price",
}
FURTHER = 1
"""Further columns beside the six."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@reading_options
def main(file: Path, **reading: Any) -> None:
    """Measure the whole intake of FILE beside bare readers."""
    fares = read_seven_columns(file, mapping_of(**reading))
    with tempfile.TemporaryDirectory() as folder:
        workbook, text = Path(folder) / "fares.xlsx", Path(folder) / "fares.csv"
        fares.to_excel(workbook, index=False)
        fares.to_csv(text, index=False, date_format="%d/%m/%Y")
        rows = [
            beside("xlsx", workbook, {"fastexcel → Arrow": bare_fastexcel}),
            beside("xlsx", workbook, {"pandas, openpyxl": bare_pandas}, repeats=1),
            beside("csv", text, {"pyarrow": bare_pyarrow}, repeats=9),
        ]
    show(rows, len(fares))


def read_seven_columns(file: Path, mapping: ColumnMapping) -> pd.DataFrame:
    """Read real fares and repeat them to the number of rows asked for."""
    base = mapping.currency or "USD"
    table = read_fares(file.read_bytes(), file.name, mapping, base)
    known = {*COLUMNS, "sheet_row", "quote_date"}
    further = [name for name in table.rows if name not in known]
    fares = table.rows[[*COLUMNS, *further[:FURTHER]]].rename(columns=COLUMNS)
    times = -(-ROWS // len(fares))
    return pd.concat([fares] * times, ignore_index=True)[:ROWS]


def beside(
    kind: str,
    file: Path,
    bare: dict[str, Callable[[bytes], object]],
    repeats: int = REPEATS,
) -> tuple[str, str, float, float]:
    """Measure the intake and a bare reader in turns; return the medians in CPU s."""
    ((name, read),) = bare.items()
    content = file.read_bytes()
    ours, theirs = [], []
    for _ in range(repeats):
        theirs.append(cpu_seconds(lambda: read(content)))
        ours.append(whole_intake(content, file.name).cpu_seconds)
    return kind, name, statistics.median(ours), statistics.median(theirs)


def whole_intake(content: bytes, name: str) -> Outcome:
    caps = caps_for(content, MOST_MEMORY)
    return run_confined(clean_fares, content, name, ColumnMapping(), "USD", caps=caps)


def bare_fastexcel(content: bytes) -> object:
    import fastexcel

    return fastexcel.read_excel(content).load_sheet(0).to_arrow()


def bare_pandas(content: bytes) -> object:
    return pd.read_excel(io.BytesIO(content), engine="openpyxl")


def bare_pyarrow(content: bytes) -> object:
    return pyarrow.csv.read_csv(io.BytesIO(content))


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def show(rows: list[tuple[str, str, float, float]], count: int) -> None:
    table = Table(title=f"{count:,} rows, CPU seconds")
    for title in ("File", "Bare reader", "Intake", "Bare", "Intake / bare"):
        table.add_column(
            title, justify="left" if title in "File Bare reader" else "right"
        )
    for kind, name, ours, theirs in rows:
        table.add_row(
            kind, name, f"{ours:.2f}", f"{theirs:.2f}", f"{ours / theirs:.2f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
