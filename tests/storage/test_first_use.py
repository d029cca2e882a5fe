"""Several who come first at once: none of them may fail for it."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from tripadvance_core.storage import sqlite
from tripadvance_core.storage.sqlite import SqliteDatabase

WORKERS = 6


def at_once(work: Callable[[int], Any]) -> None:
    together = Barrier(WORKERS)

    def begin(worker: int) -> None:
        together.wait()
        work(worker)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(begin, range(WORKERS)))


def test_collection_is_seen_with_its_index_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_index = sqlite._create_index
    tables_seen_early: list[int] = []

    def look_first(*arguments: Any, **options: Any) -> None:
        with closing(sqlite.sqlite3.connect(tmp_path / "test.db")) as other:
            count = "SELECT count(*) FROM sqlite_master WHERE name = 'things'"
            tables_seen_early.extend(other.execute(count).fetchone())
        create_index(*arguments, **options)

    monkeypatch.setattr(sqlite, "_create_index", look_first)
    with closing(SqliteDatabase(tmp_path / "test.db")) as database:
        database.put("things", {"_id": "1"})
    assert tables_seen_early == [0]


def test_many_may_put_into_a_new_collection(tmp_path: Path) -> None:
    with closing(SqliteDatabase(tmp_path / "test.db")) as database:
        at_once(lambda worker: database.put("things", {"_id": "1", "by": worker}))
        assert database.count("things") == 1


@pytest.mark.usefixtures("aws_environment")
def test_many_may_make_the_bucket(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tripadvance_core.storage.s3 import S3Store

    # There S3 tells the owner that the bucket is there; in us-east-1 it does not.
    monkeypatch.setenv("AWS_DEFAULT_REGION", "sa-east-1")
    bucket = f"bucket-{secrets.token_hex(4)}"
    stores = [S3Store(bucket, f"worker{n}", s3_url) for n in range(WORKERS)]
    at_once(lambda worker: stores[worker].ensure())
