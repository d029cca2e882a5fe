"""The commands backup and restore."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock


@pytest.fixture
def archive(
    installation: Any, tmp_path: Path, make_fares: Callable[..., bytes]
) -> Path:
    fares = tmp_path / "fares.csv"
    fares.write_bytes(make_fares(50))
    installation.command("ingest", str(fares))
    path = tmp_path / "a.zip"
    done = installation.command("backup", str(path))
    assert done.exit_code == 0
    assert "2 files" in done.output
    assert "TRIPADVANCE_SECRET" in done.output
    return path


def test_backup_is_restored_by_the_command(
    installation: Any, archive: Path, tmp_path: Path
) -> None:
    there = ("--data-dir", str(tmp_path / "there"))
    (document,) = installation.documents("restore", str(archive), *there)
    assert (document["files"], document["problems"]) == (2, [])
    here, back = (installation.documents("uploads", *where) for where in ((), there))
    assert back == here
    again = installation.command("restore", str(archive), *there)
    assert again.exit_code == 1
    assert "INSTALLATION_NOT_EMPTY" in again.output


def test_backup_without_a_lost_file_ends_with_1_and_so_does_its_restore(
    installation: Any, archive: Path, tmp_path: Path
) -> None:
    (raw,) = (installation.data_dir / "objects" / "raw").iterdir()
    raw.unlink()
    done = installation.command("backup", str(archive))
    assert done.exit_code == 1
    assert f"raw/{raw.name}" in done.output
    there = ("--data-dir", str(tmp_path / "there"))
    restored = installation.command("restore", str(archive), *there)
    assert restored.exit_code == 1
    assert "is lost" in restored.output


def test_nothing_is_restored_where_tripadvance_runs(
    installation: Any, archive: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    with FileLock(there / "up.lock"):
        done = installation.command("restore", str(archive), "--data-dir", str(there))
    assert done.exit_code == 1
    assert "DATA_DIR_IN_USE" in done.output


def test_installation_that_is_half_restored_starts_no_command(
    installation: Any, archive: Path
) -> None:
    from tripadvance_core.storage.sqlite import SqliteDatabase

    database = SqliteDatabase(installation.data_dir / "tripadvance.db")
    database.put("installation", {"_id": "restoring"})
    database.close()
    for command in (["uploads"], ["doctor"], ["up"]):
        done = installation.command(*command)
        assert done.exit_code == 1
        assert "tripadvance restore" in done.output
    assert installation.command("restore", str(archive)).exit_code == 0
    assert installation.command("uploads").exit_code == 0
