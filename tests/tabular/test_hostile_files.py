"""Files as they go wrong in the wild: each gets its verdict, and the right rows."""

import json
import math
import re
import unicodedata
from pathlib import Path
from typing import Any

import psutil
import pytest

from tripadvance_core.confined import run_confined
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.jobs import CleanFares, caps_for, clean_fares

HOSTILE = Path(__file__).parents[2] / "../shared/hostile"
EXPECTED = HOSTILE / "expected.json"

MOST_GROWTH = 50 * 1024 * 1024
"""Bytes by which the whole corpus may move the memory of whoever has it read."""


def cases() -> list[Any]:
    if not EXPECTED.exists():
        absent = pytest.mark.skip(reason=f"{EXPECTED.parent.name}/ is not here")
        return [pytest.param({}, marks=absent, id="absent")]
    return [pytest.param(case, id=case["id"]) for case in every_case()]


def every_case() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(EXPECTED.read_text("utf-8"))["cases"]
    return found


@pytest.mark.parametrize("case", cases())
def test_file_gets_its_verdict_and_its_rows(case: dict[str, Any]) -> None:
    found = read(case)
    allowed = [case, *case["also_ok"]]
    problems = [_problems(found, expected) for expected in allowed]
    assert [] in problems, problems[0]


@pytest.mark.skipif(not EXPECTED.exists(), reason="the corpus is not here")
def test_whole_corpus_leaves_the_reader_as_it_was() -> None:
    read(every_case()[0])
    process = psutil.Process()
    before = process.memory_info().rss
    for case in every_case():
        read(case)
    assert process.memory_info().rss - before < MOST_GROWTH


def read(case: dict[str, Any]) -> CleanFares | FileRefused:
    """Read a file as the services do, within the limits of its case."""
    content = (HOSTILE / case["file"]).read_bytes()
    limits = case["limits"]
    caps = caps_for(content, limits["max_rss_mb"] * 1024 * 1024)
    try:
        return CleanFares.of(
            run_confined(
                clean_fares,
                content,
                case["upload_name"],
                ColumnMapping(),
                "USD",
                caps=caps,
            )
        )
    except FileRefused as refusal:
        return refusal


def _problems(found: CleanFares | FileRefused, expected: dict[str, Any]) -> list[str]:
    """Return where a result differs; another allowed verdict may name no rows."""
    if isinstance(found, FileRefused):
        return _refusal_problems(found, expected)
    verdict = "partial" if found.refused else "accept"
    if verdict != expected["verdict"]:
        return [f"{verdict}, not {expected['verdict']}: {found.refused[:3]}"]
    assert found.rows_total == found.rows_kept + len(found.refused)
    return [
        *_refused_row_problems(found, expected),
        *_warning_problems(found, expected),
        *_sum_problems(found, expected),
        *_row_problems(found, expected),
    ]


def _refusal_problems(refusal: FileRefused, expected: dict[str, Any]) -> list[str]:
    if expected["verdict"] != "reject":
        return [f"refused: {refusal}"]
    reason = expected.get("reason")
    assert refusal.sentence("pt-BR")
    assert refusal.sentence("en")
    return [] if reason in (None, refusal.code) else [f"{refusal.code}, not {reason}"]


def _refused_row_problems(table: CleanFares, expected: dict[str, Any]) -> list[str]:
    if "rejected" not in expected:
        return []
    wanted = {(r["row"], r["col"], r["code"]) for r in expected["rejected"]}
    found = {(r.row, r.column, r.code) for r in table.refused}
    return [f"refused {found ^ wanted}"] if found != wanted else []


def _warning_problems(table: CleanFares, expected: dict[str, Any]) -> list[str]:
    missing = set(expected.get("warn", ())) - {str(w) for w in table.warnings}
    return [f"no warning {missing}"] if missing else []


def _sum_problems(table: CleanFares, expected: dict[str, Any]) -> list[str]:
    sums = expected.get("rows_sum")
    if not sums:
        return []
    found = {
        "duration": table.rows()["duration_minutes"].sum(),
        "price": table.rows()["price"].sum(),
    }
    return [
        f"sum of {name} {found[name]}, not {total}"
        for name, total in sums.items()
        if not math.isclose(found[name], total, rel_tol=1e-6)
    ]


def _row_problems(table: CleanFares, expected: dict[str, Any]) -> list[str]:
    rows = expected.get("rows")
    if rows is None:
        wanted = expected.get("n_rows", table.rows_kept)
        return [] if table.rows_kept == wanted else [f"{table.rows_kept} rows kept"]
    found = _core(table)
    if len(found) != len(rows):
        return [f"{len(found)} rows kept, not {len(rows)}"]
    pairs = zip(found, rows, strict=True)
    return [f"{row}, not {wanted}" for row, wanted in pairs if not _same(row, wanted)]


def _core(table: CleanFares) -> list[tuple[Any, ...]]:
    rows = table.rows()
    days = rows["date"].dt.strftime("%Y-%m-%d")
    names = ["start_city", "end_city", "airline", "duration_minutes", "price"]
    return list(zip(days, *(rows[name] for name in names), strict=True))


def _same(found: tuple[Any, ...], wanted: list[Any]) -> bool:
    same_names = all(map(_same_name, found[1:4], wanted[1:4]))
    same_numbers = all(
        math.isclose(a, b, rel_tol=1e-6)
        for a, b in zip(found[4:], wanted[4:], strict=True)
    )
    return found[0] == wanted[0] and same_names and same_numbers


def _same_name(found: str, wanted: str) -> bool:
    """Whether names are equal once folded; U+FFFD stands for any one letter."""
    pattern = re.escape(_fold(found)).replace("\ufffd", ".")
    other = re.escape(_fold(wanted)).replace("\ufffd", ".")
    return bool(
        re.fullmatch(pattern, _fold(wanted)) or re.fullmatch(other, _fold(found))
    )


def _fold(name: str) -> str:
    visible = "".join(
        c
        for c in unicodedata.normalize("NFKC", name)
        if unicodedata.category(c) != "Cf"
    )
    return " ".join(visible.split()).casefold()
