"""A move is of no database and no object store, and outlives kills."""

import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.storage import killed_move
from tripadvance_core.bootstrap import Services, opened_move, opened_services
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import Conflict
from tripadvance_core.services.backup_archive import LEFT_OUT
from tripadvance_core.settings import Settings, load_named_settings, load_settings

pytestmark = [pytest.mark.scale, pytest.mark.usefixtures("aws_environment")]

KILLED_AFTER = (6, 300)
"""Writes: with files still to come, and among the records."""
RECORDS = {
    "settings": [{"_id": "é", "n": 2**53 + 1, "x": 1.0, "b": {"a": [None, True]}}],
    "many": [{"_id": f"{number:04}", "text": "ç\n\u2028"} for number in range(600)],
}


@pytest.fixture
def first(tmp_path: Path, make_fares: Callable[..., bytes]) -> Settings:
    """An embedded installation with uploads, and records of every kind of value."""
    settings = load_settings(tmp_path / "first", threads=1)
    with opened_services(settings) as services:
        for seed in range(2):
            services.uploads.ingest(
                make_fares(20, seed=seed), f"{seed}.csv", ColumnMapping(), owner="ana"
            )
        for name, documents in RECORDS.items():
            for document in documents:
                services.database.insert(name, document)
    return settings


@pytest.fixture(params=["sqlite", "mongodb"])
def on_servers(request: pytest.FixtureRequest, tmp_path: Path, s3_url: str) -> Path:
    """The settings of an installation on S3, with either database."""
    lines = {
        "TRIPADVANCE_DATA_DIR": tmp_path / "servers",
        "TRIPADVANCE_S3_BUCKET": f"bucket-{secrets.token_hex(4)}",
        "TRIPADVANCE_S3_ENDPOINT_URL": s3_url,
    }
    if request.param == "mongodb":
        lines |= {
            "MONGODB_URI": request.getfixturevalue("mongodb_uri"),
            "TRIPADVANCE_MONGODB_DATABASE": request.getfixturevalue("mongodb_name"),
        }
    file = tmp_path / "servers.env"
    file.touch(0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    return file


def moved(here: Settings, there: Settings) -> None:
    with opened_move(here, there) as move:
        result = move.run(lambda *_: None)
    assert list(result.violations) == []
    assert result.lost == ()


def everything(settings: Settings) -> tuple[dict[str, Any], dict[str, bytes]]:
    with opened_services(settings) as services:
        assert services.invariants.violations() == []
        return records(services), contents(services)


def records(services: Services) -> dict[str, str]:
    """Return the records as text, which tells 1 from 1.0 and keeps the order of keys.

    All but that of the id, which MongoDB puts first.
    """
    database = services.database
    return {
        name: repr([{"_id": each["_id"], **each} for each in found])
        for name in database.collections()
        if name not in LEFT_OUT and (found := database.find(name))
    }


def contents(services: Services) -> dict[str, bytes]:
    objects = services.objects
    return {key: objects.get(key) for key in objects.keys()}  # noqa: SIM118


def test_installation_moves_to_servers_and_back_as_it_was_whatever_is_killed(
    first: Settings, on_servers: Path, tmp_path: Path
) -> None:
    expected = everything(first)
    servers = load_named_settings(on_servers, first)
    for after in KILLED_AFTER:
        killed = subprocess.run(
            [
                *(sys.executable, "-m", killed_move.__name__, str(after)),
                *(first.data_dir, on_servers),
            ],
            check=False,
            timeout=120,
            cwd=Path(__file__).parents[2],
        )
        assert killed.returncode == -signal.SIGKILL
        with pytest.raises(Conflict, match="MIGRATION_UNFINISHED"):
            everything(servers)
        # Its leases here have not run out yet, for which the next would wait.
        with opened_services(first) as services:
            services.database.delete("leases", {})
    moved(first, servers)
    assert everything(servers) == expected
    last = load_settings(tmp_path / "last", threads=1)
    moved(servers, last)
    assert everything(last) == expected
