"""``tripadvance up``: everything starts, says so, recovers, and stops in order."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from flows.events import _proof_against_forgery
from flows.names import DEPLOYMENT, FLOW, UPLOAD, UPLOAD_PENDING
from tests.e2e.conftest import PREFECT_AUTH, wait_for

pytestmark = pytest.mark.servers


def children(installation: Any) -> dict[str, psutil.Process]:
    found = psutil.Process(installation.up.pid).children()
    names = {
        "prefect": "server",
        "deployments.web": "web",
        "deployments.runner": "runner",
    }
    return {
        name: process
        for process in found
        for module, name in names.items()
        if module in process.cmdline()
    }


def answers(url: str) -> bool:
    try:
        page = httpx.get(
            url, timeout=5, follow_redirects=True, headers={"Accept": "text/html"}
        )
        return page.status_code == 200
    except httpx.HTTPError:
        return False


def test_demo_ends_with_a_master_and_both_uis_answer(running: Any) -> None:
    assert "The challenger is the new MASTER." in running.output
    assert answers(running.web_url)
    assert answers(running.prefect_url)
    (listed,) = running.documents("models")
    assert listed["master"] is not None


def test_command_tells_the_server_of_a_file_that_waits(
    running: Any, tmp_path: Path, make_fares: Callable[..., bytes]
) -> None:
    file = tmp_path / "fares.csv"
    file.write_bytes(make_fares(20, seed=77))
    (taken,) = running.documents("ingest", str(file))
    with httpx.Client(
        base_url=f"{running.prefect_url}/api", auth=tuple(PREFECT_AUTH.split(":"))
    ) as api:
        api.headers.update(_proof_against_forgery(api))
        resource = f"{UPLOAD}.{taken['id']}"
        asked = {"filter": {"resource": {"id": [resource]}}}

        def told() -> Any:
            return api.post("/events/filter", json=asked).json()["events"]

        (event,) = wait_for(told)
    assert event["event"] == UPLOAD_PENDING
    assert running.command("withdraw", taken["id"], "--reason", "test").returncode == 0


def test_demo_tells_what_was_kept_and_what_was_refused(running: Any) -> None:
    assert "rows read" in running.output
    assert "Rows refused" in running.output
    assert "Route median" in running.output


def test_doctor_finds_the_running_servers_sound(running: Any) -> None:
    running.data_dir.chmod(0o700)  # which the tests have made, as well as this file
    (running.data_dir / "up.out").chmod(0o600)
    (report,) = running.documents("doctor")
    assert [c["problem"] for c in report["checks"] if not c["ok"]] == []
    unknown = [c["check"] for c in report["checks"] if c["state"] == "unknown"]
    assert unknown == ["CHECK_ALERTS", "CHECK_MAIL"]


def test_every_process_logs_json_and_a_run_its_ids(running: Any) -> None:
    logs = running.data_dir / "logs"
    assert {f"{name}.jsonl" for name in ("web", "runner", "flow")} <= {
        file.name for file in logs.iterdir()
    }
    lines = (logs / "flow.jsonl").read_text(encoding="utf-8").splitlines()
    records = {record["event"]: record for record in map(json.loads, lines)}
    for event in ("run 1 begins, start 1", "run 1 ends: PROMOTE"):
        assert {"run_id", "flow_run_id"} <= set(records[event])


def test_fresh_start_prints_a_one_time_link(running: Any) -> None:
    assert f"{running.web_url}/first-admin/#" in running.output


def test_data_folder_is_for_its_owner_alone(running: Any) -> None:
    """After a night, a backup and a page, all of them started with the umask 0."""
    backup = running.data_dir / "backup.zip"
    assert running.command("backup", str(backup)).returncode == 0
    assert answers(running.web_url)
    made_by_the_test = {running.data_dir / "up.out"}
    everything = {running.data_dir, *running.data_dir.rglob("*")} - made_by_the_test
    names = {path.relative_to(running.data_dir).parts[:1] for path in everything}
    assert {("prefect",), ("logs",), ("objects",), ("gradio",)} <= names
    assert [path for path in everything if path.stat().st_mode & 0o077] == []
    backup.unlink()


def test_prefect_asks_who_it_is_and_nobody_tells_the_password(running: Any) -> None:
    asked = f"{running.prefect_url}/api/deployments/name/{FLOW}/{DEPLOYMENT}"
    user, _, password = PREFECT_AUTH.partition(":")
    statuses = [
        httpx.get(asked, auth=auth).status_code
        for auth in (None, (user, "guessed"), (user, password))
    ]
    assert statuses == [401, 401, 200]
    kept = running.data_dir.rglob("*")
    told = [
        file
        for file in kept
        if file.is_file() and PREFECT_AUTH.encode() in file.read_bytes()
    ]
    assert told == []


def test_everything_listens_on_this_machine_alone(running: Any) -> None:
    process = psutil.Process(running.up.pid)
    addresses = {
        connection.laddr.ip
        for child in process.children(recursive=True)
        for connection in child.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_second_instance_on_one_folder_is_refused(running: Any) -> None:
    second = running.command("up")
    assert second.returncode == 1
    assert "DATA_DIR_IN_USE" in second.stderr


def test_taken_port_is_refused_by_name(installation: Any) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        installation.environment["TRIPADVANCE_WEB_PORT"] = port
        done = installation.command("up")
    assert done.returncode == 1
    assert "PORT_TAKEN" in done.stderr
    assert "TRIPADVANCE_WEB_PORT" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_write_permission_is_refused(installation: Any) -> None:
    installation.data_dir.chmod(0o500)
    done = installation.command("up")
    installation.data_dir.chmod(0o700)
    assert done.returncode == 1
    assert "DATA_DIR_NOT_WRITABLE" in done.stderr


def test_data_folder_that_is_a_file_is_refused(installation: Any) -> None:
    installation.data_dir.rmdir()
    installation.data_dir.touch()
    done = installation.command("models")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_unreachable_mongodb_is_one_sentence(installation: Any) -> None:
    installation.environment["MONGODB_URI"] = "mongodb://ana:secret@127.0.0.1:9/"
    done = installation.command("up")
    assert done.returncode == 1
    assert "DATABASE_UNAVAILABLE" in done.stderr
    assert "secret" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_demo_does_not_mix_with_files_of_ones_own(
    installation: Any, tmp_path: Path
) -> None:
    own = tmp_path / "own.csv"
    own.write_text(
        "date,start_city,end_city,airline,duration,price\n"
        "25/03/2025,Salvador,Recife,Gol,80,82.68\n",
        encoding="utf-8",
    )
    installation.command("ingest", str(own))
    done = installation.command("up", "--demo")
    assert done.returncode == 1
    assert "DEMO_FOLDER_IN_USE" in done.stderr


def test_cron_run_is_scheduled_at_midnight_in_sao_paulo(running: Any) -> None:
    """Guards the pins: with an unsuited SQLAlchemy no cron run is ever created."""
    script = (
        "from datetime import timedelta\n"
        "from zoneinfo import ZoneInfo\n"
        "from prefect.client.orchestration import get_client\n"
        "with get_client(sync_client=True) as client:\n"
        "    runs = [r for r in client.read_flow_runs() if r.auto_scheduled]\n"
        "for run in runs:\n"
        "    local = run.expected_start_time.astimezone(ZoneInfo('America/Sao_Paulo'))\n"
        "    print(local.strftime('%H:%M'))\n"
    )
    times = prefect_script(running, script).split()
    assert times
    assert set(times) == {"00:00"}


def test_prefect_command_works_with_the_pins(running: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "work-pool", "ls"],
        env=running.environment | prefect_environment(running),
        check=False,
    )
    assert done.returncode == 0


def prefect_environment(installation: Any) -> dict[str, str]:
    return {
        "PREFECT_API_URL": f"{installation.prefect_url}/api",
        "PREFECT_HOME": str(installation.data_dir / "prefect"),
        "PREFECT_API_AUTH_STRING": PREFECT_AUTH,
    }


def prefect_script(installation: Any, script: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", script],
        env=installation.environment | prefect_environment(installation),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    ("child", "said", "path"),
    [("web", "App ended", "web_url"), ("server", "Prefect ended", "prefect_url")],
)
def test_child_that_dies_is_restarted_and_said_so(
    running: Any, child: str, said: str, path: str
) -> None:
    killed = children(running)[child]
    killed.send_signal(signal.SIGKILL)
    running.wait_for_output(said)
    give_up_at = time.monotonic() + 120
    while not answers(getattr(running, path)):
        assert time.monotonic() < give_up_at, running.output
        time.sleep(0.5)
    assert children(running)[child].pid != killed.pid
    assert running.up.poll() is None
