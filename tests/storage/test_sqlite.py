import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tripadvance_core.errors import Unavailable
from tripadvance_core.storage import sqlite
from tripadvance_core.storage.sqlite import SqliteDatabase


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "test.db"


@pytest.fixture
def database(path: Path) -> Iterator[SqliteDatabase]:
    with closing(SqliteDatabase(path)) as opened:
        yield opened


def test_files_are_open_to_their_owner_alone(
    database: SqliteDatabase, path: Path
) -> None:
    database.insert("things", {"_id": "1"})
    files = [path.parent, *path.parent.iterdir()]
    assert len(files) == 4
    assert {file.name: file.stat().st_mode & 0o077 for file in files} == dict.fromkeys(
        (file.name for file in files), 0
    )


def test_acknowledged_write_is_synced_to_disk(database: SqliteDatabase) -> None:
    with database._connection() as connection:
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
        (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    assert (journal, synchronous) == ("wal", 2)


def test_filter_uses_the_index(database: SqliteDatabase, path: Path) -> None:
    database.ensure_index("uploads", ["status", "claim.token"])
    database.insert("uploads", {"_id": "1"})
    where = {"status": "open", "claim.token": {"$in": ["a", "b"]}}
    condition, values = sqlite._condition(where)
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN SELECT body FROM uploads WHERE {condition}",  # noqa: S608
            values,
        ).fetchall()
    assert "USING INDEX uploads by status and claim.token" in str(plan)


def test_documents_outlive_the_connection(path: Path) -> None:
    with closing(SqliteDatabase(path)) as database:
        database.insert("things", {"_id": "1"})
    with closing(SqliteDatabase(path)) as database:
        assert database.find("things") == [{"_id": "1"}]


def test_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("not a database, but long enough to be taken for one" * 20)
    with pytest.raises(Unavailable, match=r"notes\.db.*DATABASE_UNAVAILABLE"):
        SqliteDatabase(file)


def test_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="DATABASE_UNAVAILABLE"):
        SqliteDatabase(tmp_path / "file" / "test.db")


def test_writer_that_waits_too_long_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    with (
        closing(SqliteDatabase(path)) as database,
        closing(sqlite3.connect(path)) as other,
    ):
        database.insert("things", {"_id": "1"})
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            database.insert("things", {"_id": "2"})
        assert database.count("things") == 1
        other.rollback()
        database.insert("things", {"_id": "2"})


def test_failed_change_changes_nothing(database: SqliteDatabase) -> None:
    database.insert("things", {"_id": "1", "a": {}})
    database.insert("things", {"_id": "2", "a": 1})
    with pytest.raises(ValueError, match="not an object"):
        database.update("things", {}, {"a.b": 2})
    assert database.find("things") == [{"_id": "1", "a": {}}, {"_id": "2", "a": 1}]


def test_processes_may_create_the_file_at_once(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path;"
        "from tripadvance_core.storage.sqlite import SqliteDatabase;"
        "SqliteDatabase(Path(sys.argv[1])).insert('things', {'_id': sys.argv[2]})"
    )
    project = Path(__file__).parents[2]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, path, str(number)],
            env={"PYTHONPATH": str(project)},
        )
        for number in range(8)
    ]
    assert [process.wait() for process in processes] == [0] * 8
    with closing(SqliteDatabase(path)) as database:
        assert database.count("things") == 8
