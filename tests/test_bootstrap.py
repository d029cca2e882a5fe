"""The services are built as a whole, or nothing of them is left."""

import gc
import warnings
from pathlib import Path

import pytest

from tripadvance_core.bootstrap import build_services
from tripadvance_core.errors import Unavailable
from tripadvance_core.settings import load_settings
from tripadvance_core.storage import mongodb


def test_no_connection_stays_open_where_services_cannot_be_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongodb, "CONNECT_MILLISECONDS", 50)
    unreachable = load_settings(tmp_path, mongodb_uri="mongodb://127.0.0.1:9/")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(Unavailable, match="DATABASE_UNAVAILABLE"):
            build_services(unreachable)
        gc.collect()  # an open connection says so when it is thrown away
    assert told == []
