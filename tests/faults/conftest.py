"""The servers of the storage tests, here with a proxy before them."""

from tests.storage.conftest import (  # noqa: F401 - fixtures
    aws_environment,
    mongodb_name,
    mongodb_uri,
    s3_url,
)
