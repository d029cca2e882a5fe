"""The doctor tells what is sound, what is wrong and what cannot be told."""

import importlib.metadata
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments import checks
from tripadvance_core.domain.times import to_text, utc_now
from tripadvance_core.storage.sqlite import SqliteDatabase

SERVER_CHECKS = ["CHECK_PREFECT", "CHECK_RUNNER", "CHECK_SCHEDULE"]


class Prefect:
    """A server that answers the doctor's two questions as Prefect's does."""

    def __init__(self) -> None:
        self.version = importlib.metadata.version("prefect")
        self.now: Callable[[], datetime] = utc_now
        cron = {"cron": "0 0 * * *", "timezone": "America/Sao_Paulo"}
        self.deployment: dict[str, Any] | None = {
            "schedules": [{"active": True, "schedule": cron}],
            "last_polled": utc_now().isoformat(),
        }
        prefect = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.path == "/api/admin/version"
                answer = prefect.version if asked else prefect.deployment
                self.send_response(404 if answer is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def date_time_string(self, _timestamp: float | None = None) -> str:
                return format_datetime(prefect.now(), usegmt=True)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=self.server.serve_forever, args=[0.05], daemon=True
        ).start()


@pytest.fixture
def prefect(installation: Any) -> Iterator[Prefect]:
    one = Prefect()
    port = str(one.server.server_port)
    installation.environment["TRIPADVANCE_PREFECT_PORT"] = port
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def ready(installation: Any) -> Any:
    """Give an installation that has been set up."""
    installation.command("setup")
    return installation


@pytest.fixture
def trained(ready: Any, tmp_path: Path, make_fares: Callable[..., bytes]) -> Any:
    """Give an installation with a MASTER."""
    fares = tmp_path / "fares.csv"
    fares.write_bytes(make_fares(400))
    ready.command("ingest", str(fares))
    ready.command("train", "--ignore-window")
    return ready


def examined(installation: Any) -> tuple[dict[str, str], int]:
    """Return what became of each check, and the exit status."""
    done = installation.command("doctor", "--json")
    report = json.loads(done.stdout)
    states = {check["check"]: check["state"] for check in report["checks"]}
    assert report["healthy"] is (done.exit_code == 0)
    assert all(c["ok"] is (c["state"] != "wrong") for c in report["checks"])
    return states, done.exit_code


def wrong(installation: Any) -> dict[str, str]:
    """Return the problem of each check that found one."""
    (report,) = installation.documents("doctor")
    return {c["check"]: c["problem"] for c in report["checks"] if c["problem"]}


def change(installation: Any, collection: str, **changes: Any) -> None:
    database = SqliteDatabase(installation.data_dir / "tripadvance.db")
    database.update(collection, {}, changes)
    database.close()


def test_fresh_installation_is_sound_and_its_servers_are_not_running(
    ready: Any,
) -> None:
    states, status = examined(ready)
    assert status == 0
    assert [states[check] for check in SERVER_CHECKS] == ["unknown"] * 3
    for check in ("CHECK_PYTHON", "CHECK_FOLDER", "CHECK_DATABASE", "CHECK_OBJECTS"):
        assert states[check] == "sound"
    lines = ready.command("doctor").stdout.splitlines()
    assert len(lines) == len(states) + 1
    assert "— Prefect server: not running." in lines
    folder = ready.data_dir / "objects"
    assert f"✓ Object store: {folder} writes, reads and deletes." in lines


def test_installation_that_trains_and_is_served_is_sound(
    trained: Any, prefect: Prefect
) -> None:
    states, status = examined(trained)
    assert status == 0
    unknown = [check for check, state in states.items() if state == "unknown"]
    assert unknown == ["CHECK_ALERTS", "CHECK_MAIL"]
    told = trained.command("doctor").stdout
    assert "✓ MASTER: v1 loads" in told
    assert "✓ Last night: training 1 ended on" in told


def test_damaged_master_is_found(trained: Any) -> None:
    (model,) = (trained.data_dir / "objects" / "models").rglob("model.ubj.zst")
    content = bytearray(model.read_bytes())
    content[100] ^= 1
    model.write_bytes(bytes(content))
    assert [*wrong(trained)] == ["CHECK_MASTER", "CHECK_INVARIANTS"]


def test_folder_and_files_that_others_may_read_are_found(ready: Any) -> None:
    settings = ready.data_dir / "tripadvance.toml"
    settings.write_text("seed = 8")
    settings.chmod(0o640)
    assert "tripadvance.toml" in wrong(ready)["CHECK_FOLDER"]
    settings.chmod(0o600)
    ready.data_dir.chmod(0o755)
    assert str(ready.data_dir) in wrong(ready)["CHECK_FOLDER"]
    ready.data_dir.chmod(0o700)
    assert wrong(ready) == {}


def test_disk_that_is_nearly_full_is_found(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = SimpleNamespace(free=10**8)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    assert "100 MB" in wrong(ready)["CHECK_SPACE"]


def test_database_that_cannot_be_opened_is_found(ready: Any) -> None:
    for file in ready.data_dir.glob("tripadvance.db*"):
        file.unlink()
    (ready.data_dir / "tripadvance.db").write_bytes(b"no database at all " * 99)
    (ready.data_dir / "tripadvance.db").chmod(0o600)
    assert [*wrong(ready)] == ["CHECK_STORAGE"]


def test_object_store_that_cannot_be_written_is_found(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tripadvance_core.storage.folder import FolderStore

    monkeypatch.setattr(FolderStore, "get", lambda *_: b"something else")
    assert [*wrong(ready)] == ["CHECK_OBJECTS"]
    assert list((ready.data_dir / "objects").iterdir()) == []


def test_clock_that_is_behind_what_is_stored_is_found(trained: Any) -> None:
    ahead = to_text(utc_now() + timedelta(hours=1))
    for collection in ("pointers", "promotions"):
        change(trained, collection, at=ahead)
    assert [*wrong(trained)] == ["CHECK_CLOCK"]


def test_clock_that_differs_from_the_server_is_found(
    ready: Any, prefect: Prefect
) -> None:
    prefect.now = lambda: datetime(2020, 1, 1, tzinfo=UTC)
    assert [*wrong(ready)] == ["CHECK_CLOCK"]


def test_night_that_failed_is_found(trained: Any) -> None:
    change(trained, "training_runs", status="open", failure="RUN_BROKEN")
    assert "(RUN_BROKEN)" in wrong(trained)["CHECK_NIGHT"]


def test_file_that_nights_have_left_behind_is_found(
    ready: Any, tmp_path: Path, make_fares: Callable[..., bytes]
) -> None:
    fares = tmp_path / "fares.csv"
    fares.write_bytes(make_fares(20))
    ready.command("ingest", str(fares))
    assert wrong(ready) == {}
    ago = timedelta(days=3, hours=23)
    change(ready, "uploaded_files", uploaded_at=to_text(utc_now() - ago))
    assert wrong(ready) == {}
    ago = timedelta(days=4, hours=1)
    change(ready, "uploaded_files", uploaded_at=to_text(utc_now() - ago))
    assert [*wrong(ready)] == ["CHECK_WAITING"]


def test_server_of_another_version_is_found(ready: Any, prefect: Prefect) -> None:
    prefect.version = "2.0.0"
    assert "2.0.0" in wrong(ready)["CHECK_PREFECT"]


def test_server_without_the_nightly_deployment_is_found(
    ready: Any, prefect: Prefect
) -> None:
    prefect.deployment = None
    assert [*wrong(ready)] == ["CHECK_SCHEDULE", "CHECK_RUNNER"]


@pytest.mark.parametrize(
    "schedules",
    [
        [],
        [{"active": False, "schedule": {"cron": "0 0 * * *", "timezone": "UTC"}}],
        [{"active": True, "schedule": {"interval": 60}}],
        [{"active": True, "schedule": {"cron": "5 1 * * *", "timezone": "UTC"}}],
    ],
)
def test_schedule_that_is_not_that_of_the_settings_is_found(
    ready: Any, prefect: Prefect, schedules: list[Any]
) -> None:
    assert prefect.deployment is not None
    prefect.deployment["schedules"] = schedules
    problem = wrong(ready)["CHECK_SCHEDULE"]
    assert "0 0 * * * America/Sao_Paulo" in problem


@pytest.mark.parametrize("ago", [None, timedelta(minutes=5)])
def test_runner_that_asks_for_no_work_is_found(
    ready: Any, prefect: Prefect, ago: timedelta | None
) -> None:
    assert prefect.deployment is not None
    polled = None if ago is None else (utc_now() - ago).isoformat()
    prefect.deployment["last_polled"] = polled
    assert [*wrong(ready)] == ["CHECK_RUNNER"]


def test_what_is_set_up_is_told_without_secrets(ready: Any) -> None:
    ready.environment |= {
        "TRIPADVANCE_ALERT_URLS": "json://ana:secret@127.0.0.1:9",
        "TRIPADVANCE_SMTP_HOST": "mail.example.com",
    }
    told = ready.command("doctor").stdout
    assert "✓ Alerts: addresses: 1; undelivered: 0." in told
    assert "✓ E-mail: by mail.example.com." in told
    assert "secret" not in told


def test_packages_and_python_that_do_not_fit_are_found(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks.platform, "python_version", lambda: "3.9.1")
    monkeypatch.setattr(
        checks.importlib.metadata, "requires", lambda _: ["pydantic>=99"]
    )
    assert [*wrong(ready)] == ["CHECK_PYTHON", "CHECK_PACKAGES"]
