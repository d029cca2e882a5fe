"""The command migrate."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock


@pytest.fixture
def taken_in(
    installation: Any, tmp_path: Path, make_fares: Callable[..., bytes]
) -> Any:
    fares = tmp_path / "fares.csv"
    fares.write_bytes(make_fares(50))
    installation.command("ingest", str(fares))
    return installation


@pytest.fixture
def to(tmp_path: Path) -> Path:
    file = tmp_path / "new.env"
    file.touch(0o600)
    file.write_text(f"# The new one\nTRIPADVANCE_DATA_DIR={tmp_path / 'there'}\n")
    return file


def test_installation_is_moved_by_the_command(
    taken_in: Any, to: Path, tmp_path: Path
) -> None:
    (document,) = taken_in.documents("migrate", "--to", str(to))
    assert document.pop("records") > 0
    assert document == {"files": 2, "copied": 2, "lost": [], "problems": []}
    there = ("--data-dir", str(tmp_path / "there"))
    here, arrived = (taken_in.documents("uploads", *where) for where in ((), there))
    assert arrived == here
    again = taken_in.command("migrate", "--to", str(to))
    assert again.exit_code == 0
    assert "0 files were copied" in again.output
    assert "TRIPADVANCE_SECRET" in again.output


def test_move_without_a_lost_file_ends_with_1(taken_in: Any, to: Path) -> None:
    (raw,) = (taken_in.data_dir / "objects" / "raw").iterdir()
    raw.unlink()
    done = taken_in.command("migrate", "--to", str(to))
    assert done.exit_code == 1
    assert f"raw/{raw.name}" in done.output


@pytest.mark.parametrize("where", ["data", "there"])
def test_nothing_is_moved_where_tripadvance_runs(
    taken_in: Any, to: Path, tmp_path: Path, where: str
) -> None:
    (tmp_path / where).mkdir(exist_ok=True)
    with FileLock(tmp_path / where / "up.lock"):
        done = taken_in.command("migrate", "--to", str(to))
    assert done.exit_code == 1
    assert "DATA_DIR_IN_USE" in done.output


def test_settings_that_others_may_read_are_refused(taken_in: Any, to: Path) -> None:
    to.chmod(0o640)
    done = taken_in.command("migrate", "--to", str(to))
    assert done.exit_code == 1
    assert "chmod 600" in done.output


def test_installation_that_is_half_moved_starts_no_command(
    installation: Any,
) -> None:
    from tripadvance_core.storage.sqlite import SqliteDatabase

    database = SqliteDatabase(installation.data_dir / "tripadvance.db")
    database.put("installation", {"_id": "restoring", "by": "migrate"})
    database.close()
    for command in (["uploads"], ["doctor"], ["up"]):
        done = installation.command(*command)
        assert done.exit_code == 1
        assert "tripadvance migrate" in done.output
