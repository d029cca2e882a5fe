"""An installation of an older version goes on under this one."""

from typing import Any

import pytest

from tripadvance_core.bootstrap import build_services
from tripadvance_core.errors import Conflict


def aged(document: dict[str, Any], field: str) -> dict[str, Any]:
    """Return a field of a record as it was when trees were bound by their depth."""
    settings = {**document[field], "max_depth": 6}
    del settings["max_leaves"]
    return settings


def age_runs(database: Any) -> None:
    """Have all runs name everything that they learned from, as they once did."""
    for run in database.find("training_runs"):
        steps = run["steps"]
        if "train" in steps:
            new = steps["train"].pop("new_upload_ids")
            steps["train"]["upload_ids"] = ["of an earlier run", *new]
            del steps["train"]["judged_on"]
        database.update("training_runs", {"_id": run["_id"]}, {"steps": steps})
    database.delete("installation", {"_id": "schema"})


def test_finished_run_of_an_older_version_tells_what_was_new_to_it(house: Any) -> None:
    upload = house.upload(rows=300)
    house.run()
    age_runs(house.services.database)
    started = build_services(house.services.settings, house.clock)
    (run,) = started.training.runs()
    assert run.steps["train"]["new_upload_ids"] == [upload.id]
    assert "upload_ids" not in run.steps["train"]
    assert started.invariants.violations() == []
    started.database.close()


def test_run_that_an_older_version_left_after_training_is_trained_again(
    house: Any,
) -> None:
    house.upload(rows=300)
    services = house.services
    run = services.claims.claim("of a dead process", house.request())
    services.training.preprocess(run.id, "of a dead process")
    services.training.train(run.id, "of a dead process")
    age_runs(services.database)
    started = build_services(services.settings, house.clock)
    assert list(started.training.run(run.id).steps) == ["preprocess"]
    house.services = started
    result = house.run()
    assert (result.run.id, result.trained) == (run.id, True)
    assert started.invariants.violations() == []
    started.database.close()


def test_settings_of_a_depth_become_settings_of_leaves(house: Any) -> None:
    services, database = house.services, house.services.database
    house.upload(rows=300)
    house.run()
    night = services.night_settings
    changed = night.current().model_dump() | {"min_gain": 0.02}
    night.store(changed, replacing=0, by="ana", reason="to try")
    for collection, field in (
        ("night_settings", "values"),
        ("training_runs", "settings"),
    ):
        (document,) = database.find(collection)
        database.update(
            collection, {"_id": document["_id"]}, {field: aged(document, field)}
        )
    database.delete("installation", {"_id": "schema"})

    started = build_services(services.settings, house.clock)
    assert started.night_settings.current().max_leaves == 2**6
    assert started.night_settings.current().min_gain == 0.02
    (run,) = started.training.runs()
    assert run.settings is not None
    assert run.settings.max_leaves == 2**6
    started.database.close()


def test_records_of_a_newer_version_are_left_alone(house: Any) -> None:
    database = house.services.database
    database.put("installation", {"_id": "schema", "version": 99})
    with pytest.raises(Conflict, match="RECORDS_OF_NEWER_VERSION"):
        build_services(house.services.settings, house.clock)
    assert database.get("installation", "schema")["version"] == 99
