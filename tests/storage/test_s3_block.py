"""The object store that a block at a real Prefect server describes."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_aws import AwsClientParameters, AwsCredentials, MinIOCredentials, S3Bucket

from tests.flows.conftest import prefect_server
from tripadvance_core.bootstrap import opened_services
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import SettingRefused, Unavailable
from tripadvance_core.settings import load_settings
from tripadvance_core.storage import s3
from tripadvance_core.storage.s3 import store_of_block

__all__ = ["prefect_server"]  # a fixture

pytestmark = pytest.mark.servers


@pytest.fixture(params=["aws", "minio"])
def credentials(request: pytest.FixtureRequest, s3_url: str) -> Any:
    there = AwsClientParameters(endpoint_url=s3_url, config={"read_timeout": 7})
    if request.param == "aws":
        return AwsCredentials(
            aws_access_key_id="of the block",
            aws_secret_access_key="of the block",
            region_name="us-east-1",
            aws_client_parameters=there,
        )
    return MinIOCredentials(
        minio_root_user="of the block",
        minio_root_password="of the block",
        region_name="us-east-1",
        aws_client_parameters=there,
    )


@pytest.fixture
def block(
    prefect_server: None, credentials: Any, monkeypatch: pytest.MonkeyPatch
) -> S3Bucket:
    """A block that is stored; the environment knows no credentials."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    name = f"fares-{secrets.token_hex(4)}"
    credentials.save(name, _sync=True)
    bucket = S3Bucket(
        bucket_name=f"bucket-{secrets.token_hex(4)}",
        bucket_folder="some/folder",
        credentials=credentials,
    )
    bucket.save(name, _sync=True)
    return bucket


def name_of(block: S3Bucket) -> str:
    name = block._block_document_name
    assert name is not None
    return name


def test_bucket_folder_credentials_and_address_are_those_of_the_block(
    block: S3Bucket, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of_block(name_of(block))
    store.ensure()
    store.put("a/b", b"1")
    assert store.address == f"s3://{block.bucket_name}/some/folder/"
    assert list(store.keys()) == ["a/b"]
    straight = boto3.client(
        "s3", endpoint_url=s3_url, aws_access_key_id="x", aws_secret_access_key="x"
    )
    listed = straight.list_objects_v2(Bucket=block.bucket_name)["Contents"]
    assert [entry["Key"] for entry in listed] == ["some/folder/a/b"]


def test_store_of_a_block_is_as_patient_as_any_unless_the_block_says_otherwise(
    block: S3Bucket,
) -> None:
    config = store_of_block(name_of(block))._client.meta.config
    assert config.connect_timeout == s3._CONNECTION["connect_timeout"]
    assert config.retries == {"mode": "standard", "total_max_attempts": 4}
    assert config.read_timeout == 7


def test_installation_lies_where_its_block_says(
    block: S3Bucket, tmp_path: Path, make_fares: Callable[..., bytes]
) -> None:
    settings = load_settings(tmp_path, s3_block=name_of(block))
    with opened_services(settings) as services:
        services.uploads.ingest(make_fares(5), "a.csv", ColumnMapping(), owner="ana")
        assert services.invariants.violations() == []
        assert services.objects.address == f"s3://{block.bucket_name}/some/folder/"
    assert not (tmp_path / "objects").exists()


def test_block_that_prefect_does_not_have_is_named(
    prefect_server: None, tmp_path: Path
) -> None:
    with (
        pytest.raises(SettingRefused, match=r"no-such-block.*S3_BLOCK_MISSING"),
        opened_services(load_settings(tmp_path, s3_block="no-such-block")),
    ):
        pass


def test_prefect_that_does_not_answer_is_named() -> None:
    nobody = "http://127.0.0.1:9/api"
    with (
        temporary_settings({PREFECT_API_URL: nobody}),
        pytest.raises(Unavailable, match=rf"{nobody}.*S3_BLOCK_UNREACHABLE"),
    ):
        store_of_block("fares")
