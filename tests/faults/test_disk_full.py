"""A full disk loses nothing: it is told, and all goes on when there is space again."""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from unittest.mock import patch

import pytest

from tests.faults.gate import gates
from tests.faults.works import FIRST, NEW
from tests.faults.world import World, broken_promises
from tripadvance_core.bootstrap import Services
from tripadvance_core.errors import Unavailable
from tripadvance_core.storage.sqlite import SqliteDatabase

MOST_FILES = 60
"""So many small files surely do not fit into a few pages."""


@pytest.fixture(autouse=True)
def _gates() -> Iterator[None]:
    with gates():
        yield


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a world with one MASTER and a file that waits."""
    made = World(tmp_path / "data")
    services = made.open()
    made.ingest(services, *FIRST)
    made.night(services)
    made.ingest(services, *NEW)
    made.close()
    yield made
    made.close()


@contextmanager
def no_space_for_objects() -> Iterator[None]:
    """Let every object be written by half, and no more."""
    opened = os.fdopen

    def full(descriptor: int, mode: str) -> IO[Any]:
        file = opened(descriptor, mode)
        write = file.write

        def half(content: bytes) -> int:
            write(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        file.write = half  # type: ignore[assignment, method-assign]
        return file

    with patch.object(os, "fdopen", full):
        yield


@contextmanager
def no_space_for_documents() -> Iterator[None]:
    """Let the database file have the pages that it has, and no more."""
    connect = SqliteDatabase._connect

    def full(database: SqliteDatabase) -> sqlite3.Connection:
        connection = connect(database)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    with patch.object(SqliteDatabase, "_connect", full):
        yield


def hand_in_many(world: World, services: Services) -> None:
    for number in range(MOST_FILES):
        world.ingest(services, 60, 100 + number)


def run_night(world: World, services: Services) -> None:
    world.night(services)


@pytest.mark.parametrize("work", [hand_in_many, run_night])
@pytest.mark.parametrize(
    ("no_space", "code"),
    [
        (no_space_for_objects, "OBJECTS_UNAVAILABLE"),
        (no_space_for_documents, "DATABASE_UNAVAILABLE"),
    ],
)
def test_full_disk_is_told_and_loses_nothing(
    world: World,
    no_space: Callable[[], Any],
    code: str,
    work: Callable[[World, Services], None],
) -> None:
    with no_space():
        services = world.open()
        with pytest.raises(Unavailable) as told:
            work(world, services)
        assert told.value.code == code
        assert "full" in str(told.value) or "space" in str(told.value)
        assert half_written(world.folder) == []
        world.close()
    services = world.open()
    world.nights(services)
    assert broken_promises(world, services) == []
    assert len(world.acknowledged) == len(services.uploads.all()) >= 2
    assert not services.uploads.waiting()


def half_written(data: Path) -> list[str]:
    return [file.name for file in (data / "objects").rglob(".*")]
