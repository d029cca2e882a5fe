"""A move takes everything along, is begun again where it was cut off, or tells why not."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.services.conftest import LIVED_IN
from tests.services.test_backup import contents, outcome, records
from tripadvance_core.bootstrap import opened_move, opened_restore, opened_services
from tripadvance_core.domain.times import utc_now
from tripadvance_core.errors import Conflict, Corrupted
from tripadvance_core.services import backup, moving
from tripadvance_core.services.backup_archive import LEFT_OUT
from tripadvance_core.services.claims import LEASE
from tripadvance_core.services.moving import Move, Moved
from tripadvance_core.settings import Settings, load_settings
from tripadvance_core.storage.leases import acquire

pytestmark = pytest.mark.usefixtures("cheap_hashing")


@pytest.fixture
def trained(lived_in_house: Any) -> Any:
    """People, two nights, MASTER, a waiting file and a refused one."""
    return lived_in_house


@pytest.fixture
def here(trained: Any) -> Settings:
    settings: Settings = trained.services.settings
    return settings


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    return load_settings(tmp_path / "elsewhere", **LIVED_IN)


def untold(*_: Any) -> None:
    """Tell nobody."""


def moved(
    here: Settings, there: Settings, change: Callable[[Move], None] = untold
) -> Moved:
    with opened_move(here, there) as move:
        change(move)
        return move.run(untold)


def everything(settings: Settings) -> tuple[dict[str, Any], dict[str, bytes]]:
    with opened_services(settings) as services:
        return records(services.database), contents(services.objects)


def test_everything_arrives_and_nothing_is_changed_here(
    trained: Any, here: Settings, elsewhere: Settings
) -> None:
    before = everything(here)
    told: list[tuple[str, int, int]] = []
    with opened_move(here, elsewhere) as move:
        result = move.run(lambda *progress: told.append(progress))
    assert list(result.violations) == []
    assert result.lost == ()
    assert result.files == result.copied == len(before[1])
    count = len(before[1])
    assert told == [
        (stage, done, count)
        for stage in ("MIGRATION_COPIES", "MIGRATION_PROVES")
        for done in range(1, count + 1)
    ]
    assert everything(elsewhere) == everything(here) == before
    with opened_services(elsewhere) as there:
        assert there.registry.load(there.registry.master()).features
        for name in LEFT_OUT - {"installation"}:
            assert there.database.count(name) == 0


def test_moved_installation_goes_on_with_the_night(
    trained: Any, here: Settings, elsewhere: Settings
) -> None:
    moved(here, elsewhere)
    trained.services.database.close()
    with opened_services(elsewhere, trained.clock) as there:
        trained.services = there
        assert trained.run().run is not None
        assert there.invariants.violations() == []


def test_move_that_is_done_is_done_once_more_without_a_copy(
    here: Settings, elsewhere: Settings
) -> None:
    first = moved(here, elsewhere)
    again = moved(here, elsewhere)
    assert (again.copied, again.files) == (0, first.files)
    assert again.records == first.records


class Killed(Exception):
    """The process ends here."""


def move_cut_off(here: Settings, there: Settings, after: int) -> int:
    """Let the process end after so many writes there; return how many were made."""
    made = 0

    def counted(write: Any) -> Any:
        def wrapped(*arguments: Any) -> Any:
            nonlocal made
            if made == after:
                raise Killed
            made += 1
            return write(*arguments)

        return wrapped

    with opened_move(here, there) as move:
        for store, names in (
            (move._filling.database, ("insert", "put", "delete")),
            (move._filling.objects, ("put",)),
        ):
            for name in names:
                setattr(store, name, counted(getattr(store, name)))
        with suppress(Killed):
            move.run(untold)
    return made


def test_move_that_is_cut_off_anywhere_does_not_start_and_goes_on(
    house: Any, tmp_path: Path
) -> None:
    house.upload(rows=30)
    house.administrator()
    here = house.services.settings
    expected = everything(here)
    there = load_settings(tmp_path / "there", threads=1)
    outcomes = []
    copied = []
    for after in range(1_000):
        whole = move_cut_off(here, there, after) < after
        outcomes.append(outcome(there, expected[0]))
        again = load_settings(
            shutil.copytree(there.data_dir, tmp_path / f"again-{after}"), threads=1
        )
        copied.append(moved(here, again).copied)
        assert everything(again) == expected
        if whole:
            break
        shutil.rmtree(there.data_dir)
    in_order = ["empty", "MIGRATION_UNFINISHED", "whole"]
    assert list(dict.fromkeys(outcomes)) == in_order
    assert outcomes == sorted(outcomes, key=in_order.index)
    assert copied == sorted(copied, reverse=True)
    assert (copied[0], copied[-1]) == (2, 0)


def test_file_that_was_damaged_on_its_way_is_copied_once_more(
    here: Settings, elsewhere: Settings
) -> None:
    moved(here, elsewhere)
    first = next(iter((elsewhere.data_dir / "objects" / "raw").iterdir()))
    first.write_bytes(b"damaged")
    assert moved(here, elsewhere).copied == 1
    assert everything(elsewhere) == everything(here)


def test_lost_and_damaged_files_are_named_and_the_rest_is_taken_along(
    trained: Any, here: Settings, elsewhere: Settings
) -> None:
    services = trained.services
    first, second, *_ = services.uploads.all()
    services.objects.delete(first.raw.key)
    services.objects.put(second.raw.key, b"other")
    result = moved(here, elsewhere)
    lost = {first.raw.key, second.raw.key}
    assert {*result.lost} == lost
    assert {violation.ids[1] for violation in result.violations} == lost


@pytest.mark.parametrize("what", ["record", "file"])
def test_what_arrives_otherwise_is_told_and_nobody_gets_in(
    here: Settings, elsewhere: Settings, what: str
) -> None:
    def spoil(move: Move) -> None:
        store: Any = (
            move._filling.database if what == "record" else move._filling.objects
        )
        name = "insert" if what == "record" else "put"
        write = getattr(store, name)

        def spoiled(where: str, content: Any) -> None:
            if what == "record":
                write(where, content | {"more": 1} if where == "models" else content)
            else:
                write(where, content if where.startswith("probe") else content[:-1])

        setattr(store, name, spoiled)

    with pytest.raises(Corrupted, match="MIGRATION_DIFFERS"):
        moved(here, elsewhere, spoil)
    with pytest.raises(Conflict, match="MIGRATION_UNFINISHED"):
        everything(elsewhere)
    assert list(moved(here, elsewhere).violations) == []


def test_work_done_here_meanwhile_is_told_and_nobody_gets_in_there(
    trained: Any, here: Settings, elsewhere: Settings
) -> None:
    with opened_move(here, elsewhere) as move:
        work = iter([lambda: trained.upload(rows=5)])
        with pytest.raises(Conflict, match="MIGRATION_SOURCE_CHANGED"):
            move.run(lambda *_: [each() for each in work] and None)
    with pytest.raises(Conflict, match="MIGRATION_UNFINISHED"):
        everything(elsewhere)
    assert list(moved(here, elsewhere).violations) == []
    assert everything(elsewhere) == everything(here)


def test_nothing_is_moved_during_a_run_or_a_backup(
    trained: Any, here: Settings, elsewhere: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "KEEPING_SECONDS", 0)
    monkeypatch.setattr(moving, "_LEASE_SECONDS", 0)
    database = trained.services.database
    for name, code in (
        (LEASE, "MIGRATION_DURING_RUN"),
        (backup.KEEPING, "BACKUP_MUST_WAIT"),
    ):
        assert acquire(database, name, "another", utc_now(), 60)
        with pytest.raises(Conflict, match=code):
            moved(here, elsewhere)
        database.delete("leases", {"_id": name})
        assert records_of(elsewhere) == {}


def records_of(settings: Settings) -> dict[str, Any]:
    with opened_services(settings) as services:
        return records(services.database)


def test_no_run_begins_and_nothing_is_swept_while_it_is_moved(
    trained: Any, here: Settings, elsewhere: Settings
) -> None:
    database, held = trained.services.database, []
    with opened_move(here, elsewhere) as move:
        move.run(
            lambda *_: held.append(
                [
                    acquire(database, name, "another", utc_now(), 60)
                    for name in (LEASE, backup.KEEPING)
                ]
            )
        )
    assert held
    assert {lease for leases in held for lease in leases} == {None}
    for name in (LEASE, backup.KEEPING):
        assert acquire(database, name, "another", utc_now(), 60)


def test_nothing_is_moved_onto_itself_or_onto_something_else(
    here: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    before = everything(here)
    itself = tmp_path / "a-link"
    itself.symlink_to(here.data_dir)
    with pytest.raises(Conflict, match="MIGRATION_TO_ITSELF"):
        moved(here, load_settings(itself))
    with opened_services(elsewhere) as there:
        there.database.insert("users", {"_id": "1", "email": "x@y.zz"})
    with pytest.raises(Conflict, match="MIGRATION_NOT_EMPTY"):
        moved(here, elsewhere)
    other = load_settings(tmp_path / "other")
    with opened_services(other) as there:
        there.objects.put("raw/of-somebody", b"1")
    with pytest.raises(Conflict, match="raw/of-somebody"):
        moved(here, other)
    assert everything(here) == before
    assert everything(other) == ({}, {"raw/of-somebody": b"1"})


def test_nothing_is_moved_from_what_is_older_or_not_there_or_half_restored(
    trained: Any, here: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    with pytest.raises(Conflict, match="RECORDS_OF_OLDER_VERSION"):
        moved(load_settings(tmp_path / "nowhere"), elsewhere)
    trained.services.database.put("installation", {"_id": "restoring"})
    with pytest.raises(Conflict, match="RESTORE_UNFINISHED"):
        moved(here, elsewhere)


def test_restore_and_move_do_not_go_on_with_each_other(
    trained: Any, here: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    archive = trained.services.backups.write(tmp_path / "a.zip").path
    with opened_services(elsewhere) as there:
        there.database.put("installation", {"_id": "restoring"})
    with pytest.raises(Conflict, match="RESTORE_UNFINISHED"):
        moved(here, elsewhere)
    other = load_settings(tmp_path / "other")
    move_cut_off(here, other, 40)
    with (
        opened_restore(other) as restore,
        pytest.raises(Conflict, match="MIGRATION_UNFINISHED"),
    ):
        restore.run(archive)


def test_only_the_database_may_be_moved(
    trained: Any, here: Settings, elsewhere: Settings
) -> None:
    """The files stay where they are, beside what the day has left over there."""
    trained.services.objects.put("raw/left-over", b"1")
    elsewhere.data_dir.mkdir()
    (elsewhere.data_dir / "objects").symlink_to(here.data_dir / "objects")
    assert moved(here, elsewhere).copied == 0
    assert everything(elsewhere) == everything(here)
