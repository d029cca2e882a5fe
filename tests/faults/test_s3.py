"""An S3 that is slow, cut off, refuses or lies: repeated or told, never taken as true."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.gate import gates
from tests.faults.proxy import Fate, Proxy, proxy_to
from tests.faults.works import FIRST
from tests.faults.world import World, broken_promises
from tripadvance_core.errors import Corrupted, Unavailable
from tripadvance_core.storage import s3
from tripadvance_core.storage.objects import load_file, store_file
from tripadvance_core.storage.s3 import S3Store

pytestmark = pytest.mark.usefixtures("aws_environment")

CONTENT = bytes(range(256)) * 400
BROKEN = (
    b"HTTP/1.1 500 Internal Server Error\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
_DENIED = b"<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"
FORBIDDEN = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_DENIED), _DENIED)
)
GO_ON_CUT = b"HTTP/1.1 100 Continue\r\nServ"
EVERY = b"/bucket-"
KINDS = ["cut", "lost", "stalled", "500"]


@pytest.fixture
def proxy(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    # Bounded in the product, too, by more than a test can wait for.
    assert {"connect_timeout", "read_timeout", "retries"} <= s3._CONNECTION.keys()
    impatient = {"mode": "standard", "total_max_attempts": 2}
    changed = {"read_timeout": 0.5, "retries": impatient}
    monkeypatch.setattr(s3, "_CONNECTION", s3._CONNECTION | changed)
    with proxy_to(urlsplit(s3_url).netloc) as before:
        yield before


@pytest.fixture
def bucket() -> str:
    return f"bucket-{secrets.token_hex(4)}"


@pytest.fixture
def straight(bucket: str, s3_url: str) -> S3Store:
    store = S3Store(bucket, "", s3_url)
    store.ensure()
    return store


@pytest.fixture
def through(straight: S3Store, bucket: str, proxy: Proxy) -> S3Store:
    """Give the store with the proxy before it."""
    return S3Store(bucket, "", f"http://127.0.0.1:{proxy.port}")


@pytest.mark.parametrize(
    "fate",
    [Fate.CUT, Fate.LOST, Fate.STALLED, BROKEN, GO_ON_CUT],
    ids=[*KINDS, "go-on cut"],
)
def test_write_that_is_not_answered_once_is_repeated(
    proxy: Proxy, through: S3Store, straight: S3Store, fate: Fate | bytes
) -> None:
    proxy.strike(fate, b"PUT " + EVERY)
    through.put("a", CONTENT)
    assert proxy.struck.is_set()
    assert straight.get("a") == CONTENT


@pytest.mark.parametrize("fate", [Fate.CUT, Fate.LOST, Fate.STALLED, BROKEN], ids=KINDS)
def test_read_that_is_cut_once_gives_all_bytes(
    proxy: Proxy, through: S3Store, straight: S3Store, fate: Fate | bytes
) -> None:
    straight.put("a", CONTENT)
    proxy.strike(fate, b"GET " + EVERY)
    assert through.get("a") == CONTENT
    assert proxy.struck.is_set()


@pytest.mark.parametrize(
    "fate",
    [Fate.STALLED, Fate.LOST, BROKEN, FORBIDDEN],
    ids=["stalled", "lost", "500", "403"],
)
def test_store_that_never_answers_is_told(
    proxy: Proxy, through: S3Store, straight: S3Store, fate: Fate | bytes
) -> None:
    straight.put("a", CONTENT)
    proxy.strike(fate, EVERY, again=True)
    for use in (
        lambda: through.put("b", CONTENT),
        lambda: through.get("a"),
        lambda: through.exists("a"),
        lambda: list(through.keys()),
    ):
        with pytest.raises(Unavailable, match="OBJECTS_UNAVAILABLE"):
            use()


def test_other_bytes_than_were_stored_are_refused(
    through: S3Store, straight: S3Store
) -> None:
    stored = store_file(through, "a", CONTENT)
    straight.put("a", CONTENT[:-1])
    with pytest.raises(Corrupted, match="CHECKSUM_MISMATCH"):
        load_file(through, stored)


@pytest.mark.parametrize("fate", [BROKEN, FORBIDDEN], ids=["500", "403"])
def test_upload_is_not_acknowledged_without_the_store_and_the_night_goes_on_with_it(
    proxy: Proxy,
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fate: bytes,
) -> None:
    monkeypatch.setenv("TRIPADVANCE_S3_BUCKET", bucket)
    monkeypatch.setenv("TRIPADVANCE_S3_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
    world = World(tmp_path / "data")
    with gates():
        services = world.open()
        proxy.strike(fate, EVERY, again=True)
        with pytest.raises(Unavailable):
            world.ingest(services, *FIRST)
        assert list(services.uploads.all()) == []
        proxy.strike(fate, b"no such bytes")
        world.ingest(services, *FIRST)
        proxy.strike(fate, EVERY, again=True)
        with pytest.raises(Unavailable):
            world.night(services)
        proxy.strike(fate, b"no such bytes")
        world.nights(services)
        assert broken_promises(world, services) == []
        assert services.registry.master() is not None
    world.close()
