"""A backup is whole or not there, and comes back as it was or changes nothing."""

import json
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.test_migrations import age_runs
from tripadvance_core.bootstrap import build_services, opened_restore, opened_services
from tripadvance_core.errors import (
    Conflict,
    Corrupted,
    Outdated,
    Refused,
    TripAdvanceError,
    Unavailable,
)
from tripadvance_core.services import backup, backup_archive, readings
from tripadvance_core.services.backup_archive import LEFT_OUT
from tripadvance_core.services.restore import Restored
from tripadvance_core.settings import Settings, load_settings
from tripadvance_core.storage.leases import acquire
from tripadvance_core.storage.sqlite import SqliteDatabase

pytestmark = pytest.mark.usefixtures("cheap_hashing")


@pytest.fixture
def trained(lived_in_house: Any) -> Any:
    """People, two nights, MASTER, a waiting file and a refused one."""
    return lived_in_house


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    return load_settings(tmp_path / "elsewhere", threads=1, secret="a secret")


def restored(there: Settings, archive: Path) -> Restored:
    with opened_restore(there) as restore:
        return restore.run(archive)


def records(database: Any) -> dict[str, list[Any]]:
    """Return all that a backup holds of the records; empty collections do not count."""
    return {
        name: found
        for name in database.collections()
        if name not in LEFT_OUT and (found := database.find(name))
    }


def contents(objects: Any) -> dict[str, bytes]:
    return {key: objects.get(key) for key in objects.keys()}  # noqa: SIM118


# Round trip


def test_backup_comes_back_as_it_was(
    trained: Any, elsewhere: Settings, tmp_path: Path
) -> None:
    here = trained.services
    archive = here.backups.write(tmp_path / "a.zip").path
    assert archive == tmp_path / "a.zip"
    assert archive.stat().st_mode & 0o777 == 0o600
    result = restored(elsewhere, archive)
    assert list(result.violations) == []
    with opened_services(elsewhere) as there:
        assert records(there.database) == records(here.database)
        assert contents(there.objects) == contents(here.objects)
        assert there.registry.load(there.registry.master()).features
        assert there.accounts.sign_in(
            "bia@exemplo.com", "uma frase bem longa", "203.0.113.7"
        )


def test_restored_installation_goes_on_with_the_night(
    trained: Any, elsewhere: Settings, tmp_path: Path
) -> None:
    services = trained.services
    run = services.claims.claim("token", trained.request())
    services.training.preprocess(run.id, "token")
    archive = services.backups.write(tmp_path).path
    restored(elsewhere, archive)
    there = build_services(elsewhere, trained.clock)
    trained.services = there
    assert trained.run().run.id == run.id
    assert there.invariants.violations() == []
    there.database.close()


def test_backup_of_a_new_installation_can_be_restored(
    house: Any, elsewhere: Settings, tmp_path: Path
) -> None:
    archive = house.services.backups.write(tmp_path / "a.zip").path
    assert list(restored(elsewhere, archive).violations) == []


def test_records_of_an_older_version_are_brought_up_to_date_by_a_restore(
    trained: Any, elsewhere: Settings, tmp_path: Path
) -> None:
    age_runs(trained.services.database)
    archive = trained.services.backups.write(tmp_path / "a.zip").path
    assert list(restored(elsewhere, archive).violations) == []


def test_backup_into_a_folder_gets_a_name_by_its_moment(
    trained: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    written = trained.services.backups.write(folder)
    assert [file.name for file in folder.iterdir()] == [written.path.name]
    assert written.path.name == f"tripadvance-{trained.clock.now:%Y%m%dT%H%M%SZ}.zip"
    assert written.size_bytes == written.path.stat().st_size


def test_backup_holds_no_session_and_no_secret_but_hashes_of_passwords(
    open_house: Callable[..., Any], tmp_path: Path
) -> None:
    house = open_house(secret="seal of the house", smtp_password="of the mail")
    bia = house.person("bia@exemplo.com")
    token = house.services.accounts.open_session(bia)
    archive = house.services.backups.write(tmp_path / "a.zip").path
    with zipfile.ZipFile(archive) as zipped:
        names = zipped.namelist()
        everything = b"".join(map(zipped.read, names)).decode(errors="replace")
    assert not any(left_out in name for name in names for left_out in LEFT_OUT)
    for secret in ("seal of the house", "of the mail", token):
        assert secret not in everything
    assert "bia@exemplo.com" in everything


def test_lost_and_damaged_files_are_named_and_the_rest_is_kept(
    trained: Any, elsewhere: Settings, tmp_path: Path
) -> None:
    services = trained.services
    first, second, *_ = services.uploads.all()
    services.objects.delete(first.raw.key)
    services.objects.put(second.raw.key, b"other")
    written = services.backups.write(tmp_path / "a.zip")
    lost = {first.raw.key, second.raw.key}
    assert set(written.manifest.lost) == lost
    found = restored(elsewhere, written.path).violations
    assert {violation.problem for violation in found} == {"UPLOAD_FILE_LOST"}
    assert {violation.ids[1] for violation in found} == lost


# While others write


def test_backup_taken_during_uploads_and_nights_is_of_one_moment(
    trained: Any, tmp_path: Path
) -> None:
    """No time decides: whenever the backup is taken, it must be of one moment."""
    done = threading.Event()

    def work() -> None:
        for rows in (60, 70, 80):
            trained.upload(rows=rows)
            trained.run()
        done.set()

    worker = threading.Thread(target=work)
    worker.start()
    taken = 0
    while not done.is_set() or not taken:
        archive = trained.services.backups.write(tmp_path / f"{taken}.zip").path
        there = load_settings(tmp_path / f"there-{taken}", secret="a secret")
        assert list(restored(there, archive).violations) == []
        taken += 1
    worker.join()


def test_records_that_disagree_are_read_again(
    trained: Any, elsewhere: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promotion between two collections of the first reading is not torn."""
    services = trained.services
    registry = services.registry
    read = readings.every_document
    moves = iter([next(v for v in registry.versions() if not v.MASTER).id])

    def read_and_promote(database: Any, name: str) -> Iterator[Any]:
        yield from read(database, name)
        if name == "pointers":  # before promotions, which no start would mend
            for model_id in moves:
                registry.promote(model_id, reason="try", by="ana")

    monkeypatch.setattr(readings, "every_document", read_and_promote)
    monkeypatch.setattr(backup, "_PAUSE_SECONDS", 0)
    archive = services.backups.write(tmp_path / "a.zip").path
    assert list(restored(elsewhere, archive).violations) == []
    with opened_services(elsewhere) as there:
        assert records(there.database) == records(services.database)


def test_records_that_never_stand_still_give_no_backup(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = readings.every_document

    def read_and_write(database: Any, name: str) -> Iterator[Any]:
        yield from read(database, name)
        if name == "uploaded_files":
            trained.upload(rows=5)

    monkeypatch.setattr(readings, "every_document", read_and_write)
    monkeypatch.setattr(backup, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(backup, "_MOST_READINGS", 3)
    target = tmp_path / "backups"
    target.mkdir()
    with pytest.raises(Unavailable, match="BACKUP_NEVER_QUIET"):
        trained.services.backups.write(target)
    assert list(target.iterdir()) == []


def test_progress_and_the_audit_log_need_not_stand_still(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = trained.services
    run = services.claims.claim("token", trained.request())
    read = readings.every_document
    rounds = iter(range(100))

    def read_and_go_on(database: Any, name: str) -> Iterator[Any]:
        if name == "training_runs":
            step = {"name": "train", "since": "2026-11-24T04:00:00.000000Z"}
            under_way = {"under_way": step | {"rounds_done": next(rounds)}}
            database.update("training_runs", {"_id": run.id}, under_way)
            services.accounts.sign_in(
                "bia@exemplo.com", "uma frase bem longa", "203.0.113.7"
            )
        yield from read(database, name)

    monkeypatch.setattr(readings, "every_document", read_and_go_on)
    services.backups.write(tmp_path / "a.zip")
    assert next(rounds) == 2


def test_backup_waits_for_nobody_who_sweeps(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = trained.services
    monkeypatch.setattr(backup, "KEEPING_SECONDS", 0)
    assert acquire(services.database, backup.KEEPING, "sweep", trained.clock(), 60)
    with pytest.raises(Conflict, match="BACKUP_MUST_WAIT"):
        services.backups.write(tmp_path / "a.zip")


def test_backup_that_cannot_be_written_leaves_the_former_one(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "backups" / "a.zip"
    with pytest.raises(Refused, match="BACKUP_NOT_WRITABLE"):
        trained.services.backups.write(target)
    target.parent.mkdir()
    target.write_bytes(b"former")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "add_manifest", full)
    with pytest.raises(Refused, match="No space left"):
        trained.services.backups.write(target)
    assert [file.name for file in target.parent.iterdir()] == ["a.zip"]
    assert target.read_bytes() == b"former"


# Restore


@pytest.fixture
def archive(trained: Any, tmp_path: Path) -> Path:
    path: Path = trained.services.backups.write(tmp_path / "archive.zip").path
    return path


def test_restore_into_an_installation_with_anything_in_it_is_refused(
    trained: Any, archive: Path
) -> None:
    services = trained.services
    before = records(services.database), contents(services.objects)
    with pytest.raises(Conflict, match="INSTALLATION_NOT_EMPTY"):
        restored(services.settings, archive)
    assert (records(services.database), contents(services.objects)) == before


def test_restore_into_an_installation_that_was_only_started_is_done(
    archive: Path, elsewhere: Settings
) -> None:
    with opened_services(elsewhere) as there:
        link = there.accounts.first_admin_token()
        assert link
    restored(elsewhere, archive)
    with opened_services(elsewhere) as there:
        assert there.accounts.first_admin_token() is None
        with pytest.raises(TripAdvanceError):
            there.accounts.create_first_admin(
                link, "x@y.zz", "X", "uma frase bem longa"
            )


def rewritten(archive: Path, changed: Path, **entries: bytes | None) -> Path:
    """Copy a zip with some entries replaced, added, or (None) left out."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            if name not in entries:
                new.writestr(name, old.read(name))
        for name, content in entries.items():
            if content is not None:
                new.writestr(name, content)
    return changed


def manifest_of(archive: Path) -> dict[str, Any]:
    with zipfile.ZipFile(archive) as zipped:
        manifest: dict[str, Any] = json.loads(zipped.read("manifest.json"))
    return manifest


def assert_refused(path: Path, there: Settings, code: str = "BACKUP_DAMAGED") -> None:
    with pytest.raises((Corrupted, Outdated), match=code):
        restored(there, path)
    database = SqliteDatabase(there.data_dir / "tripadvance.db")
    assert records(database) == {}
    assert not any((there.data_dir / "objects").rglob("*"))
    database.close()


@pytest.mark.parametrize("counted", ["format", "schema_version"])
def test_archive_of_a_newer_version_is_refused(
    archive: Path, elsewhere: Settings, tmp_path: Path, counted: str
) -> None:
    manifest = manifest_of(archive)
    newer = manifest | {counted: manifest[counted] + 1, "new": 1}
    entries = {"manifest.json": json.dumps(newer).encode()}
    changed = rewritten(archive, tmp_path / "newer.zip", **entries)
    assert_refused(changed, elsewhere, "BACKUP_OF_NEWER_VERSION")


def test_archive_whose_version_is_no_number_is_refused(
    archive: Path, elsewhere: Settings, tmp_path: Path
) -> None:
    odd = manifest_of(archive) | {"format": "one"}
    entries = {"manifest.json": json.dumps(odd).encode()}
    changed = rewritten(archive, tmp_path / "odd.zip", **entries)
    assert_refused(changed, elsewhere, "BACKUP_DAMAGED")


def test_archive_with_a_key_that_is_a_path_is_refused(
    archive: Path, elsewhere: Settings, tmp_path: Path
) -> None:
    manifest = manifest_of(archive)
    file = manifest["files"][0]
    with zipfile.ZipFile(archive) as zipped:
        content = zipped.read(f"objects/{file['key']}")
    for key in ("../../evil", "/evil", "a/../../evil"):
        manifest["files"][0] = file | {"key": key}
        entries: dict[str, bytes | None] = {
            f"objects/{file['key']}": None,
            f"objects/{key}": content,
            "manifest.json": json.dumps(manifest).encode(),
        }
        changed = rewritten(archive, tmp_path / "evil.zip", **entries)
        assert_refused(changed, elsewhere)


@pytest.mark.parametrize("collection", ["sessions", "leases", 'x"; DROP', "../users"])
def test_archive_with_a_collection_that_no_backup_holds_is_refused(
    archive: Path, elsewhere: Settings, tmp_path: Path, collection: str
) -> None:
    manifest = manifest_of(archive)
    manifest["records"][collection] = manifest["records"].pop("users")
    with zipfile.ZipFile(archive) as zipped:
        users = zipped.read("documents/users.jsonl")
    entries: dict[str, bytes | None] = {
        "documents/users.jsonl": None,
        f"documents/{collection}.jsonl": users,
        "manifest.json": json.dumps(manifest).encode(),
    }
    assert_refused(rewritten(archive, tmp_path / "evil.zip", **entries), elsewhere)


@pytest.mark.parametrize("name", ["documents/models.jsonl", "extra", "manifest.json"])
def test_archive_with_other_entries_than_its_manifest_names_is_refused(
    archive: Path, elsewhere: Settings, tmp_path: Path, name: str
) -> None:
    content = b"{}" if name == "extra" else None
    changed = rewritten(archive, tmp_path / "other.zip", **{name: content})
    assert_refused(changed, elsewhere)


@pytest.mark.parametrize("name", ["documents/models.jsonl", "objects/"])
def test_archive_with_a_changed_entry_is_refused(
    archive: Path, elsewhere: Settings, tmp_path: Path, name: str
) -> None:
    with zipfile.ZipFile(archive) as zipped:
        entry = next(each for each in zipped.namelist() if each.startswith(name))
        content = zipped.read(entry)
    changed = content.replace(b"v", b"w", 1) if b"v" in content else content + b"!"
    assert_refused(
        rewritten(archive, tmp_path / "changed.zip", **{entry: changed}), elsewhere
    )


def test_file_that_is_no_archive_is_refused(
    elsewhere: Settings, tmp_path: Path
) -> None:
    for name, content in {"empty": b"", "text": b"not a zip" * 100}.items():
        (tmp_path / name).write_bytes(content)
        assert_refused(tmp_path / name, elsewhere)
    with pytest.raises(Refused, match="BACKUP_UNREADABLE"):
        restored(elsewhere, tmp_path / "none")


# Built once: only bytes of a copy are changed.
@pytest.fixture
def small_archive(house: Any, tmp_path: Path) -> bytes:
    house.upload(rows=30)
    return house.services.backups.write(tmp_path / "small.zip").path.read_bytes()


def read_whole(path: Path) -> tuple[Any, ...]:
    with backup_archive.opened_archive(path) as opened:
        manifest = opened.manifest
        return (
            manifest,
            {name: list(opened.records(name)) for name in manifest.records},
            {file.key: opened.content(file) for file in manifest.files},
        )


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_archive_with_any_byte_changed_is_refused_or_the_same(
    small_archive: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    sound, damaged = tmp_path / "sound.zip", tmp_path / "damaged.zip"
    sound.write_bytes(small_archive)
    content = bytearray(small_archive)
    # Half of the changes near the end, where the names and sizes of all entries lie.
    places = st.integers(0, len(content) - 1) | st.integers(
        max(0, len(content) - 2_000), len(content) - 1
    )
    content[data.draw(places)] ^= data.draw(st.integers(1, 255))
    damaged.write_bytes(content)
    try:
        found = read_whole(damaged)
    except (Corrupted, Outdated):
        return
    assert found == read_whole(sound)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(share=st.floats(0, 1, exclude_max=True))
def test_archive_that_is_cut_short_is_refused(
    small_archive: bytes, tmp_path: Path, share: float
) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(small_archive[: int(len(small_archive) * share)])
    with pytest.raises(Corrupted, match="BACKUP_DAMAGED"):
        read_whole(cut)


class Killed(BaseException):
    """Stands for a kill: nothing of ours catches it."""


def restore_cut_off(there: Settings, archive: Path, after: int) -> int:
    """Restore until so many writes were made, then be killed; return those made."""
    made = 0

    def counted(write: Callable[..., Any]) -> Callable[..., Any]:
        def write_or_die(*args: Any) -> Any:
            nonlocal made
            if made == after:
                raise Killed
            made += 1
            return write(*args)

        return write_or_die

    with opened_restore(there) as restore:
        for store, names in (
            (restore._filling.database, ("insert", "put", "delete")),
            (restore._filling.objects, ("put",)),
        ):
            for name in names:
                setattr(store, name, counted(getattr(store, name)))
        with suppress(Killed):
            restore.run(archive)
    return made


def outcome(there: Settings, expected: dict[str, list[Any]]) -> str:
    """Start an installation; say what is found there."""
    try:
        with opened_services(there) as services:
            found = records(services.database)
    except Conflict as refused:
        return refused.code
    assert found in ({}, expected)
    return "whole" if found else "empty"


def test_restore_that_is_cut_off_anywhere_starts_empty_or_not_at_all(
    house: Any, tmp_path: Path
) -> None:
    house.upload(rows=30)
    house.administrator()
    archive = house.services.backups.write(tmp_path / "small.zip").path
    expected = records(house.services.database)
    there = load_settings(tmp_path / "there", threads=1)
    outcomes = []
    for after in range(1_000):
        whole = restore_cut_off(there, archive, after) < after
        outcomes.append(outcome(there, expected))
        again = shutil.copytree(there.data_dir, tmp_path / f"again-{after}")
        if outcomes[-1] != "whole":
            settings = load_settings(again, threads=1)
            assert list(restored(settings, archive).violations) == []
        if whole:
            break
        shutil.rmtree(there.data_dir)
    in_order = ["empty", "RESTORE_UNFINISHED", "whole"]
    assert list(dict.fromkeys(outcomes)) == in_order
    assert outcomes == sorted(outcomes, key=in_order.index)


def test_restored_pointer_comes_last(
    archive: Path, elsewhere: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    insert = SqliteDatabase.insert

    def noted(database: Any, name: str, document: Any) -> None:
        insert(database, name, document)
        written.append(name)

    monkeypatch.setattr(SqliteDatabase, "insert", noted)
    restored(elsewhere, archive)
    assert written[-1] == "pointers"
