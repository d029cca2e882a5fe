"""The command without any server: check, ingest, train, models, predict, switch."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from deployments.reading_options import CANONICAL
from tripadvance_core.bootstrap import opened_services
from tripadvance_core.settings import load_settings
from tripadvance_core.tabular.columns import CORE, OPTIONAL

HEADER = "date,start_city,end_city,airline,duration,price\n"
GOOD_ROW = "25/03/2025,Salvador,Recife,Gol,80,82.68\n"
BAD_ROW = "25/03,Salvador,Recife,Gol,80,82.68\n"


@pytest.fixture
def fares(tmp_path: Path, make_fares: Callable[..., bytes]) -> Path:
    file = tmp_path / "fares.csv"
    file.write_bytes(make_fares(800))
    return file


def test_command_begins_without_what_only_some_of_it_needs() -> None:
    told = "import deployments.cli, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", told], check=True, capture_output=True, text=True
    )
    assert not {"pandas", "prefect", "xgboost"} & {*done.stdout.split()}


def test_check_prints_one_line_a_file_with_every_refused_row(
    installation: Any, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(HEADER + GOOD_ROW + BAD_ROW, encoding="utf-8")
    done = installation.command("check", str(file), "--json", "--rows")
    document = json.loads(done.stdout)
    assert done.exit_code == 0
    assert document["verdict"] == "partial"
    assert document["reason"] is None
    assert (document["rows_total"], document["rows_kept"]) == (2, 1)
    assert document["rows"] == [["2025-03-25", "Salvador", "Recife", "Gol", 80, 82.68]]
    (refused,) = document["rejected"]
    assert (refused["row"], refused["column"]) == (3, "date")
    assert refused["code"] == "DATE_NO_YEAR"
    assert refused["message"]


def test_check_ends_with_1_when_a_file_is_refused(
    installation: Any, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(HEADER + GOOD_ROW, encoding="utf-8")
    bad.write_text("date,price\n25/03/2025,3\n", encoding="utf-8")
    done = installation.command("check", str(good), str(bad), "--json")
    verdicts = [json.loads(line)["verdict"] for line in done.stdout.splitlines()]
    assert verdicts == ["accept", "reject"]
    assert done.exit_code == 1


def test_check_judges_a_file_by_another_name(installation: Any, tmp_path: Path) -> None:
    file = tmp_path / "upload"
    file.write_text(HEADER + GOOD_ROW, encoding="utf-8")
    assert installation.command("check", str(file)).exit_code == 1
    assert installation.command("check", str(file), "--name", "a.csv").exit_code == 0


def test_missing_file_is_one_sentence_and_1(installation: Any) -> None:
    done = installation.command("check", "nowhere.csv")
    assert done.exit_code == 1
    assert "FILE_UNREADABLE" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["check", "a.csv", "--map", "fare=Tarifa"],
        ["check", "a.csv", "--map", "price"],
        ["check", "a.csv", "--currency", "reais"],
        ["predict", "a.csv", "-o", "out.pdf"],
        ["nonsense"],
    ],
)
def test_wrong_usage_ends_with_2(installation: Any, arguments: list[str]) -> None:
    assert installation.command(*arguments).exit_code == 2


def test_wrong_setting_names_its_variable(installation: Any) -> None:
    installation.environment["TRIPADVANCE_WINDOW_END"] = "late"
    done = installation.command("models")
    assert done.exit_code == 1
    assert "TRIPADVANCE_WINDOW_END" in done.stderr


def test_night_without_a_server(installation: Any, fares: Path, tmp_path: Path) -> None:
    (taken,) = installation.documents("ingest", str(fares))
    assert taken["verdict"] == "accept"
    assert taken["status"] == "pending"

    (night,) = installation.documents("train", "--ignore-window")
    assert night["outcome"] == "PROMOTE"
    (partition,) = night["partitions"]
    assert partition["upload_ids"] == [taken["id"]]

    (listed,) = installation.documents("models")
    (model,) = listed["models"]
    assert listed["master"] == model["id"] == partition["model"]["id"]
    assert model["MASTER"] is True
    metrics, baseline = model["metrics"], model["baseline_metrics"]
    assert (
        metrics["mean_absolute_percentage_error"]
        < baseline["mean_absolute_percentage_error"]
    )

    wanted = tmp_path / "wanted.csv"
    wanted.write_text(
        "Observação,data,origem,destino,companhia,duração\n"
        "=1+1,25/03/2025,Salvador,Recife,Gol,95\n"
        ",26/03,Salvador,Recife,Gol,95\n",
        encoding="utf-8",
    )
    for suffix in ("xlsx", "csv"):
        out = tmp_path / f"out.{suffix}"
        (predicted,) = installation.documents("predict", str(wanted), "-o", str(out))
        assert predicted["rows_predicted"] == 1
        assert predicted["model_id"] == model["id"]
        assert [row["row"] for row in predicted["rejected"]] == [3]
        header, first, second = read_table(out)
        assert header[:2] == ["Observação", "data"]
        added = ["predicted_price", "low", "high", "reason", "doubt", "model_id"]
        assert header[-6:] == added
        price, low, high = (float(value) for value in first[-6:-3])
        assert 0 < low < price < high
        assert first[-1] == model["id"]
        assert not any(second[-6:])


def read_table(file: Path) -> list[list[Any]]:
    if file.suffix == ".csv":
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return [list(row) for row in csv.reader(lines)]
    sheet = openpyxl.load_workbook(file).active
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def test_same_file_again_is_not_taken_twice(installation: Any, fares: Path) -> None:
    installation.documents("ingest", str(fares))
    done = installation.command("ingest", str(fares), "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["duplicate"] is True


def test_promote_and_rollback_move_master(
    installation: Any, tmp_path: Path, make_fares: Callable[..., bytes]
) -> None:
    for number in (1, 2):
        file = tmp_path / f"{number}.csv"
        file.write_bytes(make_fares(300, seed=number))
        installation.command("ingest", str(file))
        installation.command("train", "--ignore-window")
    (listed,) = installation.documents("models")
    other = next(m for m in listed["models"] if not m["MASTER"])
    (promoted,) = installation.documents("promote", other["id"], "--reason", "try it")
    assert promoted["master"] == other["id"]
    assert installation.command("rollback").exit_code == 2
    assert installation.command("rollback", "--reason", " ").exit_code == 1
    (back,) = installation.documents("rollback", "--reason", "no good")
    assert back["master"] == listed["master"]


def test_history_and_card_tell_what_happened(
    installation: Any, tmp_path: Path, fares: Path
) -> None:
    installation.command("ingest", str(fares))
    (night,) = installation.documents("train", "--ignore-window")
    model = night["partitions"][0]["model"]

    (document,) = installation.documents("history")
    (switch,) = document["history"]
    assert switch["model_id"] == model["id"]
    assert switch["by"] == "night"
    (then,) = installation.documents("history", "--at", "2999-01-01")
    assert then["model_id"] == model["id"]
    assert installation.command("history", "--at", "2001-01-01").exit_code == 1
    assert installation.command("history", "--at", "noon").exit_code == 1

    (card,) = installation.documents("card", "v1")
    assert card["decisions"][0]["id"] == switch["decision_id"]
    assert card["uploads"][0]["name"] == fares.name
    for words in ("history", "card v1", "models"):
        told = installation.command(*words.split())
        assert told.exit_code == 0
        assert "v1" in told.stdout


def test_master_is_rebuilt_without_a_withdrawn_file(
    installation: Any, tmp_path: Path, make_fares: Callable[..., bytes]
) -> None:
    ids = []
    for number in (1, 2):
        file = tmp_path / f"{number}.csv"
        file.write_bytes(make_fares(300, seed=number))
        (taken,) = installation.documents("ingest", str(file))
        installation.command("train", "--ignore-window")
        ids.append(taken["id"])
    (listed,) = installation.documents("models")
    learned = next(m for m in listed["models"] if ids[1] in m["upload_ids"])
    if listed["master"] != learned["id"]:
        installation.command("promote", learned["id"], "--reason", "for the test")
    refused = installation.command("rebuild", "--reason", "no cause", "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"]["code"] == "NOTHING_WITHDRAWN"
    installation.command("withdraw", ids[1], "--reason", "test fares")
    (night,) = installation.documents("rebuild", "--reason", "test fares")
    assert night["outcome"] == "PROMOTE"
    (listed,) = installation.documents("models")
    assert listed["master"] == night["partitions"][0]["model"]["id"] != learned["id"]


def test_outside_the_window_nothing_is_done_and_that_is_no_failure(
    installation: Any, fares: Path
) -> None:
    now = datetime.now(ZoneInfo("America/Sao_Paulo"))
    opens, closes = now + timedelta(hours=2), now + timedelta(hours=3)
    installation.environment |= {
        "TRIPADVANCE_WINDOW_START": f"{opens:%H:%M}",
        "TRIPADVANCE_WINDOW_END": f"{closes:%H:%M}",
    }
    installation.command("ingest", str(fares))
    done = installation.command("train", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["outcome"] == "OUTSIDE_WINDOW"


def test_setup_may_be_run_again(installation: Any) -> None:
    for _ in range(2):
        assert installation.command("setup").exit_code == 0


def test_every_column_of_ours_can_be_mapped() -> None:
    assert set(CANONICAL) == {*CORE, *OPTIONAL}


@pytest.mark.parametrize(
    "option",
    [
        ["--rate", "BRL=0.2"],
        ["--rate", "BRL=-1@2026-11-20"],
        ["--rate", "R$=0.2@2026-11-20"],
        ["--decimal", "."],
        ["--date-order", "mdy"],
        ["--duration-unit", "days"],
    ],
)
def test_answer_that_is_none_is_wrong_usage(
    installation: Any, option: list[str]
) -> None:
    assert installation.command("check", "a.csv", *option).exit_code == 2


def test_what_a_file_leaves_open_is_asked_and_answered(
    installation: Any, tmp_path: Path
) -> None:
    file = tmp_path / "fares.csv"
    file.write_text(
        "date,start_city,end_city,airline,duration,price\n"
        "03/02/2026,Salvador,Recife,Gol,2.5,R$ 1.037\n"
    )
    command = ["check", str(file), "--json", "--rows"]
    answers = [
        ("DATE_ORDER_AMBIGUOUS", ["--date-order", "month-first"]),
        ("DURATION_UNIT_AMBIGUOUS", ["--duration-unit", "hours"]),
        ("CURRENCY_OTHER", ["--rate", "BRL=0.2@2026-11-20"]),
        ("NUMBER_AMBIGUOUS", ["--decimal", "comma"]),
    ]
    for code, answer in answers:
        asked = installation.command(*command)
        assert json.loads(asked.stdout)["reason"] == code
        command += answer
    answered = json.loads(installation.command(*command).stdout)
    assert answered["rows"] == [["2026-03-02", "Salvador", "Recife", "Gol", 150, 207.4]]


def test_setup_shows_the_first_administrators_link_to_people_alone(
    installation: Any,
) -> None:
    installation.environment["TRIPADVANCE_PUBLIC_URL"] = "https://fares.example"
    assert "https://fares.example/first-admin/#" in installation.command("setup").output
    assert "first-admin" not in installation.command("setup", "--json").output
    with opened_services(load_settings(installation.data_dir)) as services:
        token = services.accounts.first_admin_token()
        assert token is not None
        services.accounts.create_first_admin(
            token, "ana@exemplo.com", "Ana", "uma senha longa de teste"
        )
    assert "first-admin" not in installation.command("setup").output
