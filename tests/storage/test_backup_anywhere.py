"""A backup is of no database and no object store: it moves from any to any."""

import secrets
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tripadvance_core.domain.times import utc_now
from tripadvance_core.services.alerts import Alerts
from tripadvance_core.services.backup import Backups
from tripadvance_core.services.filling import Filling
from tripadvance_core.services.installation import Installation
from tripadvance_core.services.invariants import Invariants
from tripadvance_core.services.registry import Registry
from tripadvance_core.services.restore import Restore
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.folder import FolderStore
from tripadvance_core.storage.objects import ObjectStore, store_file
from tripadvance_core.storage.sqlite import SqliteDatabase

RECORDS = {
    "settings": [
        {"_id": "é", "n": 2**53 + 1, "x": 0.1, "deep": {"list": [None, True]}}
    ],
    "many": [{"_id": f"{number:04}", "text": "ç\n\u2028"} for number in range(1200)],
}


@pytest.fixture
def new_bucket(
    request: pytest.FixtureRequest, aws_environment: None
) -> Callable[[], ObjectStore]:
    from tripadvance_core.storage.s3 import S3Store

    url = request.getfixturevalue("s3_url")
    return lambda: S3Store(f"bucket-{secrets.token_hex(4)}", "some", url)


def restore_into(database: Database, objects: ObjectStore, tmp_path: Path) -> Restore:
    settings = load_settings(tmp_path)
    alerts = Alerts(settings, database, utc_now)
    registry = Registry(database, objects, alerts, utc_now)
    installation = Installation(settings, database, objects)
    invariants = Invariants(database, objects, registry)
    return Restore(Filling(database, objects, installation, registry, invariants))


def test_backup_moves_to_another_database_and_store_and_back(
    database: Database, new_bucket: Callable[[], ObjectStore], tmp_path: Path
) -> None:
    """SQLite and a folder, to what ``database`` is and S3, and back again."""
    first: tuple[Any, ObjectStore] = (
        SqliteDatabase(tmp_path / "first.db"),
        FolderStore(tmp_path / "first"),
    )
    last = SqliteDatabase(tmp_path / "last.db"), FolderStore(tmp_path / "last")
    with closing(first[0]), closing(last[0]):
        file = store_file(first[1], "some/file", b"content")
        first[0].insert("owners", {"_id": "1", "of": [file.model_dump(mode="json")]})
        for name, documents in RECORDS.items():
            for document in documents:
                first[0].insert(name, document)
        here = first
        for there in ((database, new_bucket()), last):
            archive = Backups(*here, utc_now).write(tmp_path).path
            restored = restore_into(*there, tmp_path).run(archive)
            assert list(restored.violations) == []
            archive.unlink()
            here = there
        assert last[1].get("some/file") == b"content"
        for name, documents in RECORDS.items():
            assert last[0].find(name) == documents
