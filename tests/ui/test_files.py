"""How long the files of Gradio are kept, and whose each is."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from tripadvance_core.domain.times import utc_now
from tripadvance_core.domain.users import Role, User
from tripadvance_core.services.sessions import ABSOLUTE_LIMIT
from tripadvance_core.settings import load_settings
from ui.files import UNFINISHED_LIMIT, Owners, gradio_folder, own_folder, sweep

NOW = 1_800_000_000.0
OLD = ABSOLUTE_LIMIT + timedelta(seconds=1)


def put(path: Path, age: timedelta) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    for changed in (path, *path.parents[:-1]):
        if changed.is_relative_to(path.parents[1]):
            os.utime(changed, (0, NOW - age.total_seconds()))
    return path


def test_file_that_no_session_can_have_asked_for_is_removed(tmp_path: Path) -> None:
    old = put(tmp_path / "hash-1" / "old.csv", OLD)
    new = put(tmp_path / "hash-2" / "new.csv", timedelta(hours=11))
    sweep(tmp_path, NOW)
    assert not old.parent.exists()
    assert new.exists()


def test_rest_of_an_upload_goes_sooner_and_one_under_way_stays(tmp_path: Path) -> None:
    over = put(tmp_path / "tmpabc", UNFINISHED_LIMIT + timedelta(seconds=1))
    going_on = put(tmp_path / "tmpdef", UNFINISHED_LIMIT - timedelta(seconds=1))
    sweep(tmp_path, NOW)
    assert not over.exists()
    assert going_on.exists()


def test_new_folder_without_a_file_yet_stays(tmp_path: Path) -> None:
    folder = tmp_path / "own" / "user" / "new"
    folder.mkdir(parents=True)
    os.utime(folder, (0, NOW))
    sweep(tmp_path, NOW)
    assert folder.exists()


def test_folder_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    sweep(tmp_path / "nothing", NOW)


def test_owners_of_a_file_that_is_gone_are_forgotten(tmp_path: Path) -> None:
    owners = Owners(tmp_path)
    path = tmp_path / "hash" / "a.csv"
    path.parent.mkdir()
    path.touch()
    owners.claim(str(path), "ana")
    owners.forget_missing()
    assert owners.may_have(str(path), "ana")
    path.unlink()
    owners.forget_missing()
    assert not owners.may_have(str(path), "ana")


@pytest.mark.parametrize("inside", ["../bia/x/b.csv", "../../hash/b.csv", "../bia"])
def test_own_folder_is_not_left_by_dots(tmp_path: Path, inside: str) -> None:
    settings = load_settings(tmp_path)
    ana, bia = (
        User(
            id=name,
            email=f"{name}@exemplo.com",
            name=name,
            role=Role.VIEWER,
            created_at=utc_now(),
        )
        for name in ("ana", "bia")
    )
    folder = own_folder(settings, ana)
    own_folder(settings, bia)
    owners = Owners(gradio_folder(settings))
    assert owners.may_have(str(folder / "a.csv"), "ana")
    assert not owners.may_have(str(folder / "a.csv"), "bia")
    assert not owners.may_have(str(folder.parent / inside), "ana")
