"""The steps of a run: what a holder of the lease that was overtaken leaves alone."""

from typing import Any

import pytest

from tripadvance_core.errors import Conflict


def test_what_a_former_holder_still_writes_takes_nothing_from_its_successor(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.upload()
    services, registry = house.services, house.services.registry
    run = services.claims.claim("former", house.request())
    services.training.preprocess(run.id, "former")
    services.training.train(run.id, "former")
    master = registry.master

    def overtaken() -> Any:
        monkeypatch.setattr(registry, "master", master)
        assert house.run().trained
        return master()

    # By then its successor's model reigns, so that it would be scored beside itself.
    monkeypatch.setattr(registry, "master", overtaken)
    with pytest.raises(Conflict):
        services.training.save(run.id, "former")
    assert services.invariants.violations() == []
