"""Rows that a function elsewhere proves are proven as here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployments.aws import handlers
from tests.lambdas import Lambdas, lambdas
from tripadvance_core.domain.entities import UploadStatus
from tripadvance_core.errors import Unavailable
from tripadvance_core.services.rows import OwnProver

__all__ = ["lambdas"]  # a fixture
FUNCTION = "tripadvance-prove-rows"


@pytest.fixture
def fanned_out(
    open_house: Callable[..., Any], lambdas: Lambdas, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """A house whose runs have Lambda prove rows, with files that wait."""
    house = open_house(lambda_preprocess=FUNCTION)
    lambdas.functions[FUNCTION] = handlers.prove_rows
    monkeypatch.setattr(handlers, "services", lambda: house.services)
    for rows in (100, 200, 300):
        house.upload(rows)
    return house


def preprocessed(house: Any) -> dict[str, Any]:
    claims, training = house.services.claims, house.services.training
    everything = sum(upload.size_bytes for upload in house.services.uploads.waiting())
    run = claims.claim("token", house.request(everything))
    training.preprocess(run.id, "token")
    steps: dict[str, Any] = training.run(run.id).steps["preprocess"]
    return {name: steps[name] for name in steps if not name.endswith("seconds")}


def test_each_file_is_proven_by_one_call_with_the_same_outcome(
    fanned_out: Any, lambdas: Lambdas
) -> None:
    uploads = fanned_out.services.uploads.waiting()
    here = [*OwnProver(fanned_out.services.objects).prove(uploads)]
    told = preprocessed(fanned_out)
    assert lambdas.names_called() == [FUNCTION] * 3
    assert told == {
        "files": 3,
        "rows_total": 600,
        "rows_kept": sum(proof.kept for proof in here),
        "rows_reserved": sum(proof.reserved for proof in here),
    }
    assert told["rows_reserved"] > 0


@pytest.mark.parametrize("loss", ["OBJECT_NOT_FOUND", "CHECKSUM_MISMATCH"])
def test_file_that_is_lost_or_damaged_is_held(
    fanned_out: Any, tmp_path: Path, loss: str
) -> None:
    key = fanned_out.services.uploads.all()[1].cleaned.key
    stored = tmp_path / "data" / "objects" / key
    stored.unlink() if loss == "OBJECT_NOT_FOUND" else stored.write_bytes(b"other")
    assert preprocessed(fanned_out)["files"] == 2
    held = fanned_out.services.uploads.all()[1]
    assert (held.status, held.reason) == (UploadStatus.HELD, loss)


def broken(_event: Any, _context: Any) -> Any:
    raise KeyError("of the function")


def rubbish(_event: Any, _context: Any) -> Any:
    return {"kept": "many"}


@pytest.mark.parametrize("function", [broken, rubbish, None])
def test_function_that_does_not_prove_leaves_the_step_undone(
    fanned_out: Any, lambdas: Lambdas, function: Any
) -> None:
    del lambdas.functions[FUNCTION]
    if function is not None:
        lambdas.functions[FUNCTION] = function
    with pytest.raises(Unavailable, match="FUNCTION_UNAVAILABLE"):
        preprocessed(fanned_out)
    statuses = {upload.status for upload in fanned_out.services.uploads.all()}
    assert statuses == {UploadStatus.CLAIMED}
