"""A temporary folder goes with its process, or is found when that was killed."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tripadvance_core.scratch import ScratchFolder, remove_abandoned

PROJECT = Path(__file__).parents[1]
HOLDER = """
import sys, time
from pathlib import Path
from tripadvance_core.scratch import ScratchFolder
folder = ScratchFolder(Path(sys.argv[1]))
(folder.path / "rows").write_bytes(b"1")
print(folder.path.name, flush=True)
time.sleep(600)
"""


def make_old(folder: Path) -> None:
    long_ago = time.time() - 7200
    os.utime(folder, (long_ago, long_ago))


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a folder in ``tmp_path``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        env={"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_folder_is_private_and_goes_with_its_holder(tmp_path: Path) -> None:
    folder = ScratchFolder(tmp_path)
    path = folder.path
    modes = [each.stat().st_mode & 0o777 for each in (path, *path.iterdir())]
    assert modes == [0o700, 0o600]
    folder.close()
    assert not path.exists()
    folder = ScratchFolder(tmp_path)
    path = folder.path
    del folder
    assert not path.exists()


def test_folder_of_a_killed_process_is_removed_and_that_of_a_live_one_kept(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    assert holder.stdout is not None
    name = holder.stdout.readline().strip()
    make_old(tmp_path / name)
    assert remove_abandoned(tmp_path) == []
    holder.kill()
    holder.wait()
    assert remove_abandoned(tmp_path) == [name]
    assert list(tmp_path.iterdir()) == []


def test_young_folder_is_left_alone_for_its_lock_may_be_on_its_way(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    assert holder.stdout is not None
    holder.stdout.readline()
    holder.kill()
    holder.wait()
    assert remove_abandoned(tmp_path) == []


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tripadvance-without-lock").mkdir()
    (tmp_path / "tripadvance-file").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "lock").touch()
    (tmp_path / "tripadvance-link").symlink_to(tmp_path / "other")
    for path in tmp_path.iterdir():
        make_old(path)
    os.utime(tmp_path / "tripadvance-link", (0, 0), follow_symlinks=False)
    assert remove_abandoned(tmp_path) == []
    assert (tmp_path / "other" / "lock").exists()


def test_of_two_who_sweep_at_once_one_removes(tmp_path: Path) -> None:
    for number in range(20):
        folder = tmp_path / f"tripadvance-{number}"
        folder.mkdir()
        (folder / "lock").touch()
        make_old(folder)
    with ThreadPoolExecutor(2) as pool:
        removed = [*pool.map(remove_abandoned, [tmp_path] * 2)]
    assert sorted(removed[0] + removed[1]) == sorted(
        f"tripadvance-{number}" for number in range(20)
    )
    assert list(tmp_path.iterdir()) == []
