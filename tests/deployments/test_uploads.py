"""The commands on what was taken in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

HEADER = "date,start_city,end_city,airline,duration,price\n"
GOOD_ROW = "25/03/2025,Salvador,Recife,Gol,80,82.68\n"
BAD_ROW = "25/03,Salvador,Recife,Gol,80,82.68\n"


def documents(done: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def taken_in(installation: Any, tmp_path: Path) -> str:
    """Take one file in and return its id."""
    file = tmp_path / "a.csv"
    file.write_text(HEADER + GOOD_ROW + BAD_ROW, encoding="utf-8")
    done = installation.command("ingest", str(file), "--json")
    (document,) = documents(done)
    return str(document["id"])


def test_uploads_are_listed_with_their_status(installation: Any, taken_in: str) -> None:
    (upload,) = documents(installation.command("uploads", "--json"))
    assert (upload["id"], upload["status"]) == (taken_in, "pending")
    assert "a.csv" in installation.command("uploads").stdout


def test_uploads_tell_who_handed_them_in_and_how_much_was_noticed(
    installation: Any, tmp_path: Path
) -> None:
    file = tmp_path / "twice.csv"
    file.write_text(HEADER + GOOD_ROW * 2, encoding="utf-8")
    installation.command("ingest", str(file))
    (upload,) = documents(installation.command("uploads", "--json"))
    assert upload["owner"] == "command"
    assert [warning.partition(":")[0] for warning in upload["warnings"]] == [
        "duplicate_rows"
    ]
    installation.environment["COLUMNS"] = "200"
    header, line = installation.command("uploads").stdout.splitlines()
    assert "Handed in by" in header
    assert line.split()[-4:] == ["command", "2", "0", "1"]  # kept, refused, warnings


def test_refused_rows_are_written_as_a_workbook(
    installation: Any, taken_in: str, tmp_path: Path
) -> None:
    output = tmp_path / "refused.xlsx"
    done = installation.command("refused", taken_in[:8], "-o", str(output))
    assert done.exit_code == 0
    header, *rows = openpyxl.load_workbook(output).worksheets[0].values
    assert header[-3:] == ("row", "column", "reason")
    assert [row[-3] for row in rows] == [3]


def test_withdrawn_upload_is_listed_as_such(installation: Any, taken_in: str) -> None:
    done = installation.command("withdraw", taken_in[:8], "--reason", "a test")
    assert done.exit_code == 0
    (upload,) = documents(installation.command("uploads", "--json"))
    assert upload["status"] == "withdrawn"


def test_contradicting_file_is_held_told_and_released(
    installation: Any, tmp_path: Path, make_fares: Callable[..., bytes]
) -> None:
    usual, dear = tmp_path / "usual.csv", tmp_path / "dear.csv"
    usual.write_bytes(make_fares(400, seed=1))
    header, *lines = make_fares(300, seed=2).decode().splitlines()
    tenfold = [
        f"{start},{float(price) * 10:.2f}"
        for start, _, price in (line.rpartition(",") for line in lines)
    ]
    dear.write_text("\n".join([header, *tenfold]), encoding="utf-8")
    installation.command("ingest", str(usual))
    done = installation.command("ingest", str(dear), "--json")
    (document,) = documents(done)
    assert (document["status"], document["verdict"]) == ("held", "accept")
    assert document["evidence"][0]["code"] == "PRICES_OFF_LEVEL"
    released = installation.command("release", document["id"], "--reason", "true")
    assert released.exit_code == 0


def test_unknown_upload_is_one_clear_sentence(installation: Any) -> None:
    done = installation.command("withdraw", "nothing", "--reason", "x")
    assert done.exit_code == 1
    assert "UPLOAD_NOT_FOUND" in done.stderr + done.stdout


def test_uploads_name_the_models_that_learned_from_them(
    installation: Any, tmp_path: Path, make_fares: Callable[..., bytes]
) -> None:
    for number in (1, 2):
        file = tmp_path / f"{number}.csv"
        file.write_bytes(make_fares(300, seed=number))
        installation.command("ingest", str(file))
        installation.command("train", "--ignore-window")
    first, second = documents(installation.command("uploads", "--json"))
    (listed,) = documents(installation.command("models", "--json"))
    newest, oldest = (model["id"] for model in listed["models"])
    assert (first["models"], second["models"]) == ([oldest, newest], [newest])
