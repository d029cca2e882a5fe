"""What every test stands on: no settings from outside, one thread, made-up fares."""

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

# Read when NumPy and xgboost are first imported, here and by what tests start.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

from tests import fares

# No clock decides a test: the first draw of text builds Hypothesis' tables, for seconds.
settings.register_profile(
    "tripadvance", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tripadvance")


@pytest.fixture(autouse=True)
def own_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep the settings and the data of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith("TRIPADVANCE_") and not name.startswith("TRIPADVANCE_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("MONGODB_URI", raising=False)
    monkeypatch.setenv("TRIPADVANCE_DATA_DIR", str(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="session")
def make_fares() -> Callable[..., bytes]:
    """Give a maker of CSV files with learnable fares, always the same for a seed."""
    return fares.make_fares


_LONGEST = {"test_kills.py": 0, "test_up.py": 1, "test_chain.py": 2, "test_walk.py": 3}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what starts servers and browsers last: fast tests tell first.

    Beside other processes the longest files of them begin first instead, since they
    mostly wait for servers; and a file stays in one process, as do all that ask the same
    Prefect server.
    """
    items.sort(key=lambda item: item.get_closest_marker("servers") is not None)
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: _LONGEST.get(item.path.name, len(_LONGEST)))
        for item in items:
            asks_prefect = "prefect_server" in getattr(item, "fixturenames", ())
            file = item.nodeid.partition("::")[0]
            group = "prefect" if asks_prefect else file
            item.add_marker(pytest.mark.xdist_group(group))
