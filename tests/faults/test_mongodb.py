"""A MongoDB that is slow, cut off or silent after the write: told, and nothing is lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.gate import gates
from tests.faults.proxy import Fate, Proxy, proxy_to
from tests.faults.works import FIRST
from tests.faults.world import World, broken_promises
from tripadvance_core.domain.entities import UploadStatus
from tripadvance_core.errors import AlreadyExists, Unavailable
from tripadvance_core.storage import mongodb
from tripadvance_core.storage.mongodb import MongoDatabase

THING = {"_id": "one", "size": 1}


@pytest.fixture
def proxy(mongodb_uri: str) -> Iterator[Proxy]:
    with proxy_to(urlsplit(mongodb_uri).netloc) as before:
        yield before


@pytest.fixture
def through(proxy: Proxy, mongodb_name: str) -> Iterator[MongoDatabase]:
    """Give the database with the proxy before it."""
    uri = f"mongodb://127.0.0.1:{proxy.port}/"
    with closing(MongoDatabase(uri, mongodb_name)) as opened:
        yield opened


@pytest.fixture
def straight(mongodb_uri: str, mongodb_name: str) -> Iterator[MongoDatabase]:
    with closing(MongoDatabase(mongodb_uri, mongodb_name)) as opened:
        yield opened


def command(name: str, collection: str) -> bytes:
    """Return how a command on a collection begins on the wire."""
    text = collection.encode() + b"\0"
    return b"\x02" + name.encode() + b"\0" + len(text).to_bytes(4, "little") + text


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mongodb.ANSWER_MILLISECONDS <= 20_000
    monkeypatch.setattr(mongodb, "ANSWER_MILLISECONDS", 500)


@pytest.mark.usefixtures("impatient")
def test_reply_that_does_not_come_is_told_and_keeps_nobody_else_waiting(
    proxy: Proxy, through: MongoDatabase
) -> None:
    proxy.strike(Fate.STALLED, command("insert", "things"))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(through.insert, "things", dict(THING))
        assert proxy.struck.wait(60)
        through.insert("others", dict(THING))
        assert isinstance(waiting.exception(), Unavailable)
    assert through.get("others", "one") == THING


@pytest.mark.parametrize("fate", [Fate.CUT, Fate.LOST])
def test_insert_whose_reply_was_lost_is_told_and_stands_once(
    proxy: Proxy, through: MongoDatabase, straight: MongoDatabase, fate: Fate
) -> None:
    proxy.strike(fate, command("insert", "things"))
    with pytest.raises(Unavailable):
        through.insert("things", dict(THING))
    assert straight.find("things") == [THING]
    with pytest.raises(AlreadyExists):
        through.insert("things", dict(THING))


@pytest.mark.parametrize("fate", [Fate.CUT, Fate.LOST])
def test_change_whose_reply_was_lost_is_told_and_stands_once(
    proxy: Proxy, through: MongoDatabase, straight: MongoDatabase, fate: Fate
) -> None:
    through.insert("things", dict(THING))
    proxy.strike(fate, command("update", "things"))
    with pytest.raises(Unavailable):
        through.update("things", {"_id": "one", "size": 1}, {"size": 2})
    assert straight.find("things") == [THING | {"size": 2}]
    assert through.update("things", {"_id": "one", "size": 1}, {"size": 2}) == 0


@pytest.mark.parametrize("fate", [Fate.CUT, Fate.LOST])
def test_read_whose_reply_was_lost_is_repeated(
    proxy: Proxy, through: MongoDatabase, fate: Fate
) -> None:
    through.insert("things", dict(THING))
    proxy.strike(fate, command("find", "things"))
    assert through.find("things") == [THING]
    assert proxy.struck.is_set()


@pytest.mark.parametrize(
    "lost",
    [
        ("insert", "uploaded_files"),
        ("insert", "leases"),
        ("insert", "models"),
        ("update", "uploaded_files"),
        ("insert", "pointers"),
    ],
    ids=" ".join,
)
def test_installation_goes_on_after_a_lost_reply(
    proxy: Proxy,
    mongodb_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lost: tuple[str, str],
) -> None:
    monkeypatch.setenv("TRIPADVANCE_MONGODB_URI", f"mongodb://127.0.0.1:{proxy.port}/")
    monkeypatch.setenv("TRIPADVANCE_MONGODB_DATABASE", mongodb_name)
    world = World(tmp_path / "data")
    with gates():
        services = world.open()
        proxy.strike(Fate.LOST, command(*lost))
        with pytest.raises(Unavailable):  # noqa: PT012 - either is struck
            world.ingest(services, *FIRST)
            world.night(services)
        assert proxy.struck.is_set()
        world.ingest_again(services, *FIRST)
        services.registry.repair()
        world.nights(services)
        assert broken_promises(world, services) == []
        assert [u.status for u in services.uploads.all()] == [UploadStatus.TRAINED]
        assert [switch.version for switch in services.registry.history()] == [1]
    world.close()
