import errno
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tripadvance_core.errors import Unavailable
from tripadvance_core.storage import folder
from tripadvance_core.storage.folder import FolderStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data" / "objects"


@pytest.fixture
def store(root: Path) -> FolderStore:
    opened = FolderStore(root)
    opened.ensure()
    return opened


def files(root: Path) -> list[str]:
    return sorted(file.name for file in root.rglob("*") if file.is_file())


def fail_to_sync(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)


def test_files_and_folders_are_open_to_their_owner_alone(
    store: FolderStore, root: Path
) -> None:
    store.put("models/7/model.ubj", b"1")
    made = [root.parent, root, *root.rglob("*")]
    assert len(made) == 5
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700] * 4 + [0o600]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_failed_put_leaves_the_former_object_and_nothing_else(
    store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store.put("model", b"former")
    fail_to_sync(monkeypatch, number)
    with pytest.raises(Unavailable, match="OBJECTS_UNAVAILABLE") as caught:
        store.put("model", b"new")
    assert caught.value.details["problem"] == os.strerror(number)
    assert store.get("model") == b"former"
    assert files(root) == ["model"]


def test_object_is_synced_before_it_is_named_and_its_folder_after(
    store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool]] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, (root / "model").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    store.put("model", b"1")
    assert synced == [("file", False), ("folder", True)]


def test_new_folders_are_synced_into_their_parents(
    store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = set()
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    store.put("a/b/c", b"1")
    folders = [root, root / "a", root / "a/b"]
    assert {folder.stat().st_ino for folder in folders} <= synced


def test_files_that_another_process_renames_meanwhile_are_passed_over(
    store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed_meanwhile = root / ".being-written"
    monkeypatch.setattr(folder, "_files", lambda _root: iter([renamed_meanwhile]))
    assert store.discard_unfinished(datetime.now(UTC)) == []
    assert list(store.keys_before(datetime.now(UTC))) == []


def test_what_killed_writers_left_is_no_object_and_can_be_discarded(
    store: FolderStore, root: Path
) -> None:
    store.put("old", b"1")
    abandoned, in_use = root / ".abandoned", root / ".in-use"
    for file in (abandoned, in_use):
        file.touch()
    for file in (abandoned, root / "old"):
        os.utime(file, (0, 0))
    assert list(store.keys()) == ["old"]
    assert store.discard_unfinished(datetime(2000, 1, 1, tzinfo=UTC)) == [".abandoned"]
    assert files(root) == [".in-use", "old"]


def test_object_that_is_put_while_it_is_removed_stays(
    store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The put comes after the first look, and once more after the second."""
    store.put("a", b"old")
    os.utime(root / "a", (0, 0))
    rename = Path.rename
    contents = [b"new", b"newer"]

    def put_and_rename(path: Path, target: Path) -> Path:
        store.put("a", contents.pop(0))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", put_and_rename)
    assert not store.delete_before("a", datetime(2000, 1, 1, tzinfo=UTC))
    assert store.get("a") == b"new"
    os.utime(root / "a", (0, 0))
    hardlink_to = Path.hardlink_to

    def put_and_link(path: Path, target: Path) -> None:
        store.put("a", b"newest")
        hardlink_to(path, target)

    monkeypatch.setattr(Path, "hardlink_to", put_and_link)
    assert not store.delete_before("a", datetime(2000, 1, 1, tzinfo=UTC))
    assert store.get("a") == b"newest"
    assert files(root) == ["a"]


def test_store_in_place_of_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = FolderStore(tmp_path / "file" / "objects")
    with pytest.raises(Unavailable, match=r"file/objects.*OBJECTS_UNAVAILABLE"):
        store.ensure()
    with pytest.raises(Unavailable, match="OBJECTS_UNAVAILABLE"):
        store.put("a", b"1")


def test_folder_that_cannot_be_read_is_not_taken_for_an_empty_one(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a/b", b"1")

    def scandir(folder: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(Unavailable, match="Permission denied"):
        list(store.keys())
