"""Nights on servers decide what embedded nights decide: the short form of a benchmark."""

import os
from pathlib import Path

import pytest

from tests.e2e.stack import embedded, on_servers, write_fares

pytestmark = [pytest.mark.servers, pytest.mark.scale, pytest.mark.timeout(900)]

PARTITIONS = 3


@pytest.fixture
def mongodb_uri() -> str:
    uri = os.environ.get("TRIPADVANCE_TEST_MONGODB_URI")
    if not uri:
        pytest.skip("TRIPADVANCE_TEST_MONGODB_URI names no server")
    return uri


def test_models_and_decisions_do_not_depend_on_where_the_nights_run(
    mongodb_uri: str, tmp_path: Path
) -> None:
    files = write_fares(tmp_path, PARTITIONS, rows=150)
    here = embedded(tmp_path / "embedded", files)
    there = on_servers(tmp_path / "servers", mongodb_uri, files)
    assert len(here.decided) == PARTITIONS
    assert there.decided == here.decided
    assert any(model["MASTER"] for model in here.decided)
