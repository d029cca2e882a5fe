"""What the whole intake costs, beside a bare read of the very same file.

Takes a CSV of fares, writes its first seven columns, 300,000 rows, as .xlsx and as
CSV, and measures in one run the CPU of the whole intake (guard, parse, map, clean,
identity, Parquet; in its confined process) and of a reader that does nothing but
read::

    python benchmarks/intake_speed.py FARES.csv

Bare readers: fastexcel to Arrow and pandas with openpyxl for .xlsx, pyarrow for CSV.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.csv
from rich.console import Console
from rich.table import Table

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


def main() -> None:
    arguments = read_arguments()
    fares = read_seven_columns(arguments)
    with tempfile.TemporaryDirectory() as folder:
        workbook, text = Path(folder) / "fares.xlsx", Path(folder) / "fares.csv"
        fares.to_excel(workbook, index=False)
        fares.to_csv(text, index=False, date_format="%d/%m/%Y")
        rows = [
            beside("xlsx", workbook, {"fastexcel → Arrow": bare_fastexcel}),
            beside("xlsx", workbook, {"pandas, openpyxl": bare_pandas}, repeats=1),
            beside("csv", text, {"pyarrow": bare_pyarrow}),
        ]
    show(rows, len(fares))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("fares", type=Path)
    parser.add_argument(
        "--map", action="append", default=[], metavar="CANONICAL=HEADER"
    )
    parser.add_argument("--quote-date", type=pd.Timestamp)
    return parser.parse_args()


def read_seven_columns(arguments: argparse.Namespace) -> pd.DataFrame:
    """Read real fares and repeat them to the number of rows asked for."""
    mapping = ColumnMapping(
        headers=dict(pair.split("=", 1) for pair in arguments.map),
        quote_date=arguments.quote_date and arguments.quote_date.date(),
    )
    table = read_fares(
        arguments.fares.read_bytes(), arguments.fares.name, mapping, "USD"
    )
    further = [name for name in table.rows if name not in {*COLUMNS, "sheet_row"}]
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
