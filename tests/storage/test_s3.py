import secrets
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import pytest

from tripadvance_core.errors import Unavailable
from tripadvance_core.storage import s3
from tripadvance_core.storage.s3 import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.usefixtures("aws_environment")


@pytest.fixture
def bucket() -> str:
    return f"bucket-{secrets.token_hex(4)}"


@pytest.fixture
def client(s3_url: str) -> "S3Client":
    return boto3.client("s3", endpoint_url=s3_url)


def names(client: "S3Client", bucket: str) -> list[str]:
    listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [entry["Key"] for entry in listed]


@pytest.mark.parametrize(
    ("prefix", "name"),
    [("trips", "trips/a/b"), ("/trips/x/", "trips/x/a/b"), ("", "a/b")],
)
def test_every_key_stands_under_the_prefix(
    client: "S3Client", bucket: str, s3_url: str, prefix: str, name: str
) -> None:
    store = S3Store(bucket, prefix, s3_url)
    store.ensure()
    store.put("a/b", b"1")
    assert names(client, bucket) == [name]


def test_key_that_starts_like_the_prefix_is_another_object(
    bucket: str, s3_url: str
) -> None:
    store = S3Store(bucket, "trips", s3_url)
    store.ensure()
    store.put("a", b"1")
    store.put("trips/a", b"2")
    assert list(store.keys()) == ["a", "trips/a"]
    assert (store.get("a"), store.get("trips/a")) == (b"1", b"2")


def test_objects_beside_the_prefix_are_not_seen(
    client: "S3Client", bucket: str, s3_url: str
) -> None:
    store = S3Store(bucket, "trips", s3_url)
    store.ensure()
    client.put_object(Bucket=bucket, Key="trips2/a", Body=b"")
    assert list(store.keys()) == []


def test_keys_of_several_pages_are_all_listed(
    client: "S3Client", bucket: str, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    store = S3Store(bucket, "trips", s3_url)
    store.ensure()
    keys = [f"raw/{number:02}" for number in range(25)]
    for key in keys:
        store.put(key, b"")
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 10
    assert list(store.keys("raw/")) == keys


@pytest.mark.parametrize("region", ["us-east-1", "sa-east-1"])
def test_bucket_is_made_in_the_region_of_the_environment(
    bucket: str,
    s3_url: str,
    region: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    # The block keeps clients by its own fields, the environment not among them.
    monkeypatch.setitem(s3._CONNECTION, "user_agent_extra", region)
    S3Store(bucket, "trips", s3_url).ensure()
    made = boto3.client("s3", endpoint_url=s3_url).head_bucket(Bucket=bucket)
    assert made["BucketRegion"] == region


def test_missing_bucket_is_unavailable(bucket: str, s3_url: str) -> None:
    store = S3Store(bucket, "trips", s3_url)
    for use in (lambda: store.put("a", b"1"), lambda: list(store.keys())):
        with pytest.raises(Unavailable, match=f"s3://{bucket}/trips/.*NoSuchBucket"):
            use()


@pytest.fixture
def silent_url() -> Iterator[str]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_silent_server_is_unavailable(
    bucket: str, silent_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(s3._CONNECTION, "retries", {"total_max_attempts": 1})
    store = S3Store(bucket, "trips", silent_url)
    for use in (store.ensure, lambda: store.get("a"), lambda: store.exists("a")):
        with pytest.raises(Unavailable, match="EndpointConnectionError"):
            use()


def test_missing_credentials_are_named(
    bucket: str, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setitem(s3._CONNECTION, "user_agent_extra", "nobody")
    with pytest.raises(Unavailable, match="NoCredentialsError"):
        S3Store(bucket, "trips", s3_url).ensure()


def test_uploads_in_parts_that_were_cut_off_are_aborted(
    client: "S3Client", bucket: str, s3_url: str
) -> None:
    store = S3Store(bucket, "trips", s3_url)
    store.ensure()
    for key in ("trips/a", "other/b"):
        client.create_multipart_upload(Bucket=bucket, Key=key)
    # To moto all began in 2010.
    assert store.discard_unfinished(datetime(2000, 1, 1, tzinfo=UTC)) == []
    left = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert len(left) == 2
    assert store.discard_unfinished(datetime.now(UTC)) == ["a"]
    (left_one,) = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert left_one["Key"] == "other/b"
