"""What is kept is for its owner alone, whatever the umask was."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments import runner, web


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    former = os.umask(0)
    yield
    os.umask(former)


def test_commands_leave_nothing_open_to_others(
    installation: Any, tmp_path: Path, make_fares: Callable[..., bytes]
) -> None:
    installation.data_dir.mkdir()
    fares = tmp_path / "fares.csv"
    fares.write_bytes(make_fares(300))
    archive = tmp_path / "a.zip"
    there = tmp_path / "there"
    for command in (
        ["ingest", str(fares)],
        ["train", "--ignore-window"],
        ["backup", str(archive)],
        ["restore", str(archive), "--data-dir", str(there)],
    ):
        assert installation.command(*command).exit_code == 0
    kept = [archive]
    for folder in (installation.data_dir, there):
        kept += [folder, *folder.rglob("*")]
    assert len(kept) > 20
    assert [path for path in kept if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize(
    ("program", "begins_with"), [(web, "_serve"), (runner, "reap")], ids=str
)
def test_servers_that_are_started_by_hand_keep_their_files_private(
    program: Any, begins_with: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Begun(Exception):
        pass

    def create(*_: Any) -> None:
        subprocess.run(
            [sys.executable, "-c", f"open({str(tmp_path / 'made')!r}, 'w')"], check=True
        )
        raise Begun

    monkeypatch.setattr(program, begins_with, create)
    with pytest.raises(Begun):
        program.main()
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600
