"""Records of an older version, brought into the form that this version reads."""

import logging
from collections.abc import Callable
from typing import Any, Final

from tripadvance_core.errors import Conflict
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.walking import every_document

_LOG = logging.getLogger(__name__)

_MARKS: Final = "installation"
_SCHEMA: Final = "schema"
_MOST_LEAVES: Final = 1_500


def migrate(database: Database) -> None:
    """Make every step that was not made yet; one that was cut off is made once more.

    Raises
    ------
    Conflict
        ``RECORDS_OF_NEWER_VERSION`` where a newer version has been here.
    """
    made = _version(database)
    for number, step in enumerate(_STEPS[made:], start=made + 1):
        step(database)
        database.put(_MARKS, {"_id": _SCHEMA, "version": number})
        _LOG.info("records are of version %d", number)


def require_newest(database: Database) -> None:
    """Refuse records of another version.

    Raises
    ------
    Conflict
        See ``migrate``; ``RECORDS_OF_OLDER_VERSION`` also where there are none.
    """
    if _version(database) < NEWEST:
        raise Conflict("RECORDS_OF_OLDER_VERSION")


def _version(database: Database) -> int:
    mark = database.get(_MARKS, _SCHEMA)
    made: int = mark["version"] if mark else 0
    if made > NEWEST:
        raise Conflict("RECORDS_OF_NEWER_VERSION", version=made, known=NEWEST)
    return made


def _leaves_for_depth(database: Database) -> None:
    """Bound trees by their leaves; they were bound by their depth."""
    for collection, field in (
        ("night_settings", "values"),
        ("training_runs", "settings"),
    ):
        for document in every_document(database, collection):
            settings: dict[str, Any] = document.get(field) or {}
            if "max_depth" in settings:
                depth = settings.pop("max_depth")
                settings["max_leaves"] = min(2**depth, _MOST_LEAVES)
                database.update(collection, {"_id": document["_id"]}, {field: settings})


def _new_files_apart(database: Database) -> None:
    """Tell of a run what was new to its model; all that it learned from stood there.

    Where a model was not registered yet it is trained again, for it lacks the rows that
    judge it.
    """
    for run in every_document(database, "training_runs"):
        steps = run["steps"]
        trained = steps.get("train", {})
        if "upload_ids" not in trained:
            continue
        learned = set(trained.pop("upload_ids"))
        trained["new_upload_ids"] = [u for u in run["upload_ids"] if u in learned]
        if "save" not in steps:
            del steps["train"]
        database.update("training_runs", {"_id": run["_id"]}, {"steps": steps})


_STEPS: Final[tuple[Callable[[Database], None], ...]] = (
    _leaves_for_depth,
    _new_files_apart,
)
"""In the order in which they are made; each may be made any number of times."""
NEWEST: Final = len(_STEPS)
"""The version of the records that this version writes."""
