"""The rules of objects.py, which every object store keeps alike."""

import asyncio
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tripadvance_core.errors import Corrupted, NotFound
from tripadvance_core.storage.folder import FolderStore
from tripadvance_core.storage.objects import ObjectStore, load_file, store_file


@pytest.fixture(params=["folder", "s3", "s3 without a prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """Give an empty store."""
    if request.param == "folder":
        return FolderStore(tmp_path / "objects")
    from tripadvance_core.storage.s3 import S3Store

    request.getfixturevalue("aws_environment")
    prefix = "some/prefix" if request.param == "s3" else ""
    bucket = f"bucket-{secrets.token_hex(4)}"
    opened = S3Store(bucket, prefix, request.getfixturevalue("s3_url"))
    opened.ensure()
    return opened


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.binary(max_size=2000))
def test_bytes_come_back_as_they_were(store: ObjectStore, content: bytes) -> None:
    store.put("raw/1", content)
    assert store.get("raw/1") == content


def test_large_object_comes_back(store: ObjectStore) -> None:
    """S3 takes it in parts."""
    content = secrets.token_bytes(20 * 1024 * 1024)
    store.put("models/large", content)
    assert store.get("models/large") == content


def test_last_put_wins(store: ObjectStore) -> None:
    store.put("a", b"old and longer")
    store.put("a", b"new")
    assert store.get("a") == b"new"


@pytest.mark.parametrize("key", ["a", "a/b", "a/b/c", "x/y"])
def test_missing_object_is_not_found(store: ObjectStore, key: str) -> None:
    store.put("a/b/file", b"")
    store.put("x/y-z", b"")
    assert not store.exists(key)
    with pytest.raises(NotFound, match="OBJECT_NOT_FOUND"):
        store.get(key)


def test_object_exists_until_it_is_deleted(store: ObjectStore) -> None:
    store.put("a/b", b"")
    assert store.exists("a/b")
    store.delete("a/b")
    assert not store.exists("a/b")
    store.delete("a/b")


def test_keys_come_in_order_by_their_start(store: ObjectStore) -> None:
    kept = ["a", "b-1", "b.x/1", "b/1", "b/10", "b/2", "b0", "c_d/e"]
    for key in reversed(kept):
        store.put(key, b"")
    assert list(store.keys()) == kept
    assert list(store.keys("b/")) == ["b/1", "b/10", "b/2"]
    assert list(store.keys("b/1")) == ["b/1", "b/10"]
    assert list(store.keys("b")) == ["b-1", "b.x/1", "b/1", "b/10", "b/2", "b0"]
    assert list(store.keys("nothing/here")) == []


def test_object_is_removed_only_if_it_was_written_before(store: ObjectStore) -> None:
    store.put("b/1", b"")
    store.put("a", b"")
    now = datetime.now(UTC)
    earlier, later = now - timedelta(hours=1), now + timedelta(hours=1)
    assert list(store.keys_before(earlier)) == []
    assert list(store.keys_before(later)) == ["a", "b/1"]
    assert not store.delete_before("a", earlier)
    assert store.exists("a")
    assert store.delete_before("a", later)
    assert not store.exists("a")
    assert not store.delete_before("a", later)
    assert store.discard_unfinished(later) == []
    assert list(store.keys()) == ["b/1"]


def test_store_may_be_ensured_again_and_keeps_its_objects(store: ObjectStore) -> None:
    store.put("kept", b"1")
    store.ensure()
    store.ensure()
    assert list(store.keys()) == ["kept"]


@pytest.mark.parametrize("key", ["../a", "/a", "a/../../b", "", "A"])
def test_key_that_is_none_is_refused(store: ObjectStore, key: str) -> None:
    def put(key: str) -> None:
        store.put(key, b"")

    for use in (put, store.get, store.exists, store.delete):
        with pytest.raises(ValueError, match="not a key"):
            use(key)
    with pytest.raises(ValueError, match="not the start of a key"):
        list(store.keys("../"))


def test_reader_sees_the_former_object_or_the_new_one(store: ObjectStore) -> None:
    contents = {letter * 200_000 for letter in (b"a", b"b")}
    done = threading.Event()
    store.put("model", max(contents))

    def write() -> None:
        for content in [*contents] * 5:
            store.put("model", content)
        done.set()

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write) for _ in range(2)]
        while not done.is_set():
            assert store.get("model") in contents
        for writer in writers:
            writer.result()


def test_store_works_in_and_beside_a_running_event_loop(store: ObjectStore) -> None:
    def use() -> list[str]:
        store.put("a", b"1")
        assert store.get("a") == b"1"
        assert store.exists("a")
        keys = list(store.keys())
        store.delete("a")
        return keys

    async def run() -> list[list[str]]:
        return [use(), await asyncio.to_thread(use)]

    assert asyncio.run(run()) == [["a"], ["a"]]


def test_stored_file_is_proven_by_its_checksum(store: ObjectStore) -> None:
    file = store_file(store, "models/1", b"a model")
    assert file.size_bytes == 7
    assert load_file(store, file) == b"a model"
    store.put("models/1", b"a mode1")
    with pytest.raises(Corrupted, match="CHECKSUM_MISMATCH"):
        load_file(store, file)
