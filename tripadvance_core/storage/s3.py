"""The object store on S3, or on a server that speaks its protocol.

Importing this module imports Prefect, which takes seconds.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from botocore.handlers import add_expect_header
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL
from prefect_aws import (
    AwsClientParameters,
    AwsCredentials,
    MinIOCredentials,
    S3Bucket,
)
from s3transfer.exceptions import RetriesExceededError

from tripadvance_core.errors import NotFound, SettingRefused, Unavailable
from tripadvance_core.storage.keys import check_key, check_prefix

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import BucketLocationConstraintType

_MISSING = {"404", "NoSuchKey"}
_MADE_MEANWHILE = "BucketAlreadyOwnedByYou"
_PROBE = "probe"
# A bucket here is made without naming the region; naming it is an error.
_REGIONS_WITHOUT_NAME = {"us-east-1", "aws-global"}
# Left to itself, a method of a block returns a coroutine in an asynchronous flow.
_SYNCHRONOUS: dict[str, Any] = {"_sync": True}
_CONNECTION = {
    "connect_timeout": 5,
    "read_timeout": 60,
    "retries": {"mode": "standard", "total_max_attempts": 4},
}


class S3Store:
    """Objects in a bucket, through the ``S3Bucket`` block; see ``ObjectStore``.

    Parameters
    ----------
    prefix
        What every key in the bucket starts with; empty for none.
    endpoint_url
        Address of the server; None for AWS itself, or where the credentials name it.
    credentials
        Those of a block; None for those, and the region, of the usual AWS environment.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        endpoint_url: str | None = None,
        credentials: AwsCredentials | MinIOCredentials | None = None,
    ) -> None:
        # The block's own bucket_folder is not used, for it leaves keys alone that
        # happen to start like it.
        self._prefix = f"{prefix.strip('/')}/".removeprefix("/")
        self._block = S3Bucket(
            bucket_name=bucket,
            credentials=credentials
            or AwsCredentials(
                aws_client_parameters=AwsClientParameters(
                    endpoint_url=endpoint_url, config=_CONNECTION
                )
            ),
        )

        self._given = (bucket, prefix, endpoint_url)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a process elsewhere open the same store, by its own credentials."""
        return type(self), self._given

    @property
    def address(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}"

    def put(self, key: str, content: bytes) -> None:
        with self._translated():
            self._client.put_object(
                Bucket=self._bucket, Key=self._name(key), Body=content
            )

    def get(self, key: str) -> bytes:
        with self._translated():
            try:
                content = self._block.read_path(self._name(key), **_SYNCHRONOUS)
            except ClientError as error:
                if _code(error) in _MISSING:
                    raise NotFound("OBJECT_NOT_FOUND", key=key) from error
                raise
        return cast(bytes, content)

    # The block can neither ask for one object, nor delete one, nor make a bucket, nor
    # write without asking first, nor does it know of uploads in parts: these go through
    # its client.
    def exists(self, key: str) -> bool:
        with self._translated():
            return _found(
                self._client.head_object, Bucket=self._bucket, Key=self._name(key)
            )

    def delete(self, key: str) -> None:
        with self._translated():
            self._client.delete_object(Bucket=self._bucket, Key=self._name(key))

    def keys(self, prefix: str = "") -> Iterator[str]:
        check_prefix(prefix)
        for entry in self._listed(prefix):
            yield entry["Key"].removeprefix(self._prefix)

    def keys_before(self, moment: datetime) -> Iterator[str]:
        for entry in self._listed(""):
            if entry["LastModified"] < moment:
                yield entry["Key"].removeprefix(self._prefix)

    def delete_before(self, key: str, moment: datetime) -> bool:
        """Look, then remove: S3 does not do both in one step."""
        with self._translated():
            try:
                found = self._client.head_object(
                    Bucket=self._bucket, Key=self._name(key)
                )
            except ClientError as error:
                if _code(error) in _MISSING:
                    return False
                raise
        old = found["LastModified"] < moment
        if old:
            self.delete(key)
        return old

    def discard_unfinished(self, moment: datetime) -> list[str]:
        """Abort uploads in parts, which S3 keeps, and bills, until somebody does."""
        discarded = []
        with self._translated():
            pages = self._client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
                for upload in page.get("Uploads", []):
                    if upload["Initiated"] < moment:
                        self._client.abort_multipart_upload(
                            Bucket=self._bucket,
                            Key=upload["Key"],
                            UploadId=upload["UploadId"],
                        )
                        discarded.append(upload["Key"].removeprefix(self._prefix))
        return discarded

    def ensure(self) -> None:
        with self._translated():
            self._make_bucket()
        self.put(_PROBE, b"can be written")
        self.delete(_PROBE)

    def save_blocks(self, name: str) -> None:
        """Tell Prefect's server of the bucket, as blocks that hold no secret.

        They are for flows beside ours and for people: who loads them has the
        credentials of the environment, a role in AWS, as the store itself has.
        """
        self._block.credentials.save(name, overwrite=True)
        folder = self._prefix.removesuffix("/")
        block = self._block.model_copy(update={"bucket_folder": folder})
        block.save(name, overwrite=True)

    def _listed(self, prefix: str) -> list[dict[str, Any]]:
        with self._translated():
            found = self._block.list_objects(self._prefix + prefix, **_SYNCHRONOUS)
        return cast(list[dict[str, Any]], found)

    @property
    def _bucket(self) -> str:
        return self._block.bucket_name

    @cached_property
    def _client(self) -> "S3Client":
        client = self._block.credentials.get_s3_client()
        # Else botocore asks before each write whether to send the bytes, and where the
        # answer is cut in the middle, it reads on for ever.
        client.meta.events.unregister("before-call.s3", add_expect_header)
        return client

    def _name(self, key: str) -> str:
        check_key(key)
        return self._prefix + key

    def _make_bucket(self) -> None:
        if _found(self._client.head_bucket, Bucket=self._bucket):
            return
        try:
            self._create_bucket(self._client.meta.region_name)
        except ClientError as error:
            # By its code, for each client has exception classes of its own.
            if _code(error) != _MADE_MEANWHILE:
                raise

    def _create_bucket(self, region: str) -> None:
        if region in _REGIONS_WITHOUT_NAME:
            self._client.create_bucket(Bucket=self._bucket)
        else:
            self._client.create_bucket(
                Bucket=self._bucket,
                CreateBucketConfiguration={
                    "LocationConstraint": cast("BucketLocationConstraintType", region)
                },
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Name the kind of error alone: its text may quote account and user."""
        try:
            yield
        except ClientError as error:
            raise self._unavailable(_code(error)) from error
        except (BotoCoreError, RetriesExceededError) as error:
            raise self._unavailable(type(error).__name__) from error

    def _unavailable(self, problem: str) -> Unavailable:
        return Unavailable("OBJECTS_UNAVAILABLE", address=self.address, problem=problem)


def store_of_block(name: str) -> S3Store:
    """Return the store in a bucket that a block at Prefect's server describes.

    Bucket, folder, credentials and address of the store are the block's; how long to
    wait for the store, and how often to ask, is ours unless the block says it.

    Raises
    ------
    SettingRefused
        ``S3_BLOCK_MISSING``.
    Unavailable
        ``S3_BLOCK_UNREACHABLE`` where Prefect's server does not give the block.
    """
    server = PREFECT_API_URL.value()
    try:
        block = cast(S3Bucket, S3Bucket.load(name, **_SYNCHRONOUS))
    except httpx.HTTPError as error:
        raise Unavailable(
            "S3_BLOCK_UNREACHABLE",
            block=name,
            server=server,
            problem=type(error).__name__,
        ) from error
    except ValueError as error:
        if isinstance(error.__cause__, ObjectNotFound):
            raise SettingRefused(
                "S3_BLOCK_MISSING", block=name, server=server
            ) from error
        raise
    return _StoreOfBlock(name, block)


class _StoreOfBlock(S3Store):
    """A store that a process elsewhere opens by asking for the block, too."""

    def __init__(self, name: str, block: S3Bucket) -> None:
        super().__init__(
            block.bucket_name,
            block.bucket_folder,
            credentials=_patient(block.credentials),
        )
        self._name_of_block = name

    def __reduce__(self) -> tuple[Any, ...]:
        return store_of_block, (self._name_of_block,)


def _patient(
    credentials: AwsCredentials | MinIOCredentials,
) -> AwsCredentials | MinIOCredentials:
    parameters = credentials.aws_client_parameters
    config = _CONNECTION | (parameters.config or {})
    patient = parameters.model_copy(update={"config": config})
    return credentials.model_copy(update={"aws_client_parameters": patient})


def _found(ask: Callable[..., object], **named: str) -> bool:
    try:
        ask(**named)
    except ClientError as error:
        if _code(error) in _MISSING:
            return False
        raise
    return True


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
