import socket
import traceback
from collections.abc import Iterator
from contextlib import closing

import pytest

from tripadvance_core.errors import SettingRefused, Unavailable
from tripadvance_core.storage import mongodb
from tripadvance_core.storage.mongodb import MongoDatabase


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Give a port that is taken, so that nobody else answers on it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_unreachable_server_is_named_without_user_and_password(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mongodb.CONNECT_MILLISECONDS <= 5_000
    monkeypatch.setattr(mongodb, "CONNECT_MILLISECONDS", 50)
    uri = f"mongodb://maria:s3cret@127.0.0.1:{silent_port}/?authSource=admin"
    with closing(MongoDatabase(uri, "test")) as database:
        for use in (database.ping, lambda: database.find("things")):
            with pytest.raises(Unavailable) as caught:
                use()
            assert caught.value.code == "DATABASE_UNAVAILABLE"
            assert caught.value.details["address"] == f"127.0.0.1:{silent_port}"
            shown = "".join(traceback.format_exception(caught.value))
            assert "maria" not in shown
            assert "s3cret" not in shown


@pytest.mark.parametrize(
    "uri",
    [
        "localhost:27017",
        "mongodb://",
        "mongodb://maria:s3cret@host:port/",
        "mongodb://maria:s3cret@host@host/",
        "mongodb://maria:s3cret/s3cret@host/",
        "mongodb://maria:s3cret@host/?tls=true&tlsCAFile=/nowhere/s3cret.pem",
    ],
)
def test_address_that_is_none_is_refused_and_not_quoted(uri: str) -> None:
    with pytest.raises(SettingRefused, match="MONGODB_URI_INVALID") as caught:
        MongoDatabase(uri, "test")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_name_that_is_none_is_refused() -> None:
    with pytest.raises(SettingRefused, match="TRIPADVANCE_MONGODB_DATABASE"):
        MongoDatabase("mongodb://127.0.0.1", "a name")


def test_wrong_password_is_told_from_a_silent_server(
    mongodb_uri: str, mongodb_name: str
) -> None:
    uri = mongodb_uri.replace("//", "//nobody:s3cret@", 1)
    with (
        closing(MongoDatabase(uri, mongodb_name)) as database,
        pytest.raises(Unavailable, match="DATABASE_UNAUTHORIZED") as caught,
    ):
        database.find("things")
    assert "s3cret" not in str(caught.value)


def test_write_waits_for_the_journals_of_a_majority() -> None:
    with closing(MongoDatabase("mongodb://127.0.0.1/?w=0", "test")) as database:
        concern = database._database.write_concern.document
    assert concern == {"w": "majority", "j": True}
