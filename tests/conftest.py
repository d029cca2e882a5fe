"""What every test stands on: no settings from outside, one thread, quiet waiting."""

import os

import pytest

# Read by OpenMP when xgboost is first imported: see docs/dependencies.md.
os.environ |= {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "0",
}


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
