"""Files without a record go after a day; what a record names never does."""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import Unavailable
from tripadvance_core.services import backup, sweeper
from tripadvance_core.services.sweeper import Sweeper, Swept
from tripadvance_core.storage.leases import acquire

CSV = (
    b"date,start_city,end_city,airline,duration,price\n25/03/2025,Rio,Recife,Gol,80,82"
)


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def sweep(lived_in_house: Any) -> Sweeper:
    """A sweeper of a house whose files are all two days old."""
    services = lived_in_house.services
    lived_in_house.clock.now = datetime.now(UTC)
    for key in services.objects.keys():  # noqa: SIM118
        make_old(lived_in_house, key)
    return Sweeper(services.database, services.objects, lived_in_house.clock)


def make_old(house: Any, key: str, **ago: float) -> None:
    written = (house.clock.now - timedelta(**(ago or {"hours": 48}))).timestamp()
    os.utime(house.services.settings.data_dir / "objects" / key, (written, written))


def put(house: Any, key: str, **ago: float) -> None:
    house.services.objects.put(key, b"orphan")
    make_old(house, key, **ago)


def keys(house: Any) -> set[str]:
    return {*house.services.objects.keys()}


def test_what_records_name_is_kept_however_old(
    lived_in_house: Any, sweep: Sweeper
) -> None:
    before = keys(lived_in_house)
    assert len(before) > 10
    assert sweep.sweep() == Swept()
    assert keys(lived_in_house) == before
    assert lived_in_house.services.invariants.violations() == []


def test_file_without_a_record_goes_after_a_day(
    lived_in_house: Any, sweep: Sweeper, caplog: pytest.LogCaptureFixture
) -> None:
    before = keys(lived_in_house)
    put(lived_in_house, "raw/old", hours=25)
    put(lived_in_house, "raw/young", hours=23)
    with caplog.at_level(logging.INFO):
        assert sweep.sweep() == Swept(files=1)
    assert keys(lived_in_house) == before | {"raw/young"}
    assert "raw/old" in caplog.text


def test_left_over_folders_and_puts_go_too(
    lived_in_house: Any, sweep: Sweeper, own_temporary_folder: Path
) -> None:
    folder = own_temporary_folder / "tripadvance-x"
    folder.mkdir()
    (folder / "lock").touch()
    os.utime(folder, (0, 0))
    unfinished = lived_in_house.services.settings.data_dir / "objects" / ".cut-off"
    unfinished.touch()
    os.utime(unfinished, (0, 0))
    assert sweep.sweep() == Swept(unfinished=1, folders=1)
    assert not folder.exists()
    assert not unfinished.exists()


def test_file_that_is_handed_in_between_listing_and_removal_is_kept(
    lived_in_house: Any, sweep: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes lie there from an upload that was killed before its record."""
    services = lived_in_house.services
    upload, _ = services.uploads.ingest(CSV, "a.csv", ColumnMapping(), owner="ana")
    services.database.delete("uploaded_files", {"_id": upload.id})
    for file in (upload.raw, upload.cleaned):
        make_old(lived_in_house, file.key)
    named = Sweeper._named

    def named_and_then_handed_in(self: Sweeper) -> set[str]:
        found = named(self)
        services.uploads.ingest(CSV, "a.csv", ColumnMapping(), owner="ana")
        return found

    monkeypatch.setattr(Sweeper, "_named", named_and_then_handed_in)
    assert sweep.sweep() == Swept()
    assert services.invariants.violations() == []


def test_one_of_two_sweepers_at_once_sweeps(
    lived_in_house: Any, sweep: Sweeper
) -> None:
    for number in range(30):
        put(lived_in_house, f"raw/{number}")
    with ThreadPoolExecutor(4) as pool:
        done = [job.result() for job in [pool.submit(sweep.sweep) for _ in range(4)]]
    assert sorted(done, key=lambda swept: swept.files) == [Swept()] * 3 + [Swept(30)]


def test_second_sweep_of_a_day_does_nothing(
    lived_in_house: Any, sweep: Sweeper
) -> None:
    assert sweep.sweep() == Swept()
    put(lived_in_house, "raw/old")
    assert sweep.sweep() == Swept()
    lived_in_house.clock.now += timedelta(hours=21)
    lived_in_house.upload()
    assert sweep.sweep() == Swept(files=1)


def test_sweep_waits_for_the_next_time_while_a_backup_is_made(
    lived_in_house: Any, sweep: Sweeper
) -> None:
    put(lived_in_house, "raw/old")
    services = lived_in_house.services
    assert acquire(
        services.database, backup.KEEPING, "backup", lived_in_house.clock(), 60
    )
    assert sweep.sweep() == Swept()
    lived_in_house.clock.now += timedelta(seconds=61)
    assert sweep.sweep() == Swept(files=1)


def test_sweep_is_bounded(
    lived_in_house: Any, sweep: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "MOST_AT_ONCE", 2)
    for number in range(3):
        put(lived_in_house, f"raw/{number}")
    assert sweep.sweep() == Swept(files=2)


def test_night_sweeps_first_and_does_not_fail_for_it(
    lived_in_house: Any, sweep: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lived_in_house, "raw/old")
    lived_in_house.run(ignore_window=True)
    assert "raw/old" not in keys(lived_in_house)

    def broken(*_: Any) -> Iterator[str]:
        raise Unavailable("OBJECTS_UNAVAILABLE", address="there", problem="gone")

    objects = type(lived_in_house.services.objects)
    monkeypatch.setattr(objects, "keys_before", broken)
    lived_in_house.clock.now += timedelta(hours=21)
    lived_in_house.upload()
    assert lived_in_house.run(ignore_window=True).trained
