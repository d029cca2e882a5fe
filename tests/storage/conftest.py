"""Every database and every object store, for the rules that bind them all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pymongo import MongoClient

from tripadvance_core.storage.database import Database
from tripadvance_core.storage.mongodb import MongoDatabase
from tripadvance_core.storage.sqlite import SqliteDatabase


@pytest.fixture(scope="session")
def mongodb_uri() -> str:
    uri = os.environ.get("TRIPADVANCE_TEST_MONGODB_URI")
    if not uri:
        pytest.skip("TRIPADVANCE_TEST_MONGODB_URI names no server")
    return uri


@pytest.fixture
def mongodb_name(mongodb_uri: str) -> Iterator[str]:
    """Give the name of a database of the test's own, gone after it."""
    name = f"tripadvance_test_{secrets.token_hex(4)}"
    yield name
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        client.drop_database(name)


@pytest.fixture(params=["sqlite", "mongodb"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Give a file, or a URI and a name: what another process needs to open it too."""
    if request.param == "sqlite":
        return [str(tmp_path / "test.db")]
    return [request.getfixturevalue(name) for name in ("mongodb_uri", "mongodb_name")]


@pytest.fixture
def database(address: list[str]) -> Iterator[Database]:
    on_server = len(address) == 2
    opened = MongoDatabase(*address) if on_server else SqliteDatabase(Path(*address))
    with closing(opened):
        yield opened


@pytest.fixture
def beyond_ferretdb(database: Database, request: pytest.FixtureRequest) -> None:
    """Skip what MongoDB and SQLite do and FerretDB 1 does not."""
    if isinstance(database, MongoDatabase):
        uri = request.getfixturevalue("mongodb_uri")
        with MongoClient[dict[str, object]](uri) as client:
            if "ferretdbVersion" in client.server_info():
                pytest.skip(
                    "FerretDB 1 finds and changes a document in two steps, and calls "
                    "a change to a taken unique value a failure of its own"
                )


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
