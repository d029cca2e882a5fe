"""What must exist before anything works, and whether it does."""

from enum import StrEnum
from typing import Final

from tripadvance_core.errors import Conflict
from tripadvance_core.services.migrations import migrate
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.objects import ObjectStore

_INDEXES = (
    ("uploaded_files", ("status", "uploaded_at")),
    ("uploaded_files", ("claim.token",)),
    ("uploaded_files", ("last_day",)),
    ("training_runs", ("status", "number")),
    ("training_runs", ("number",)),
    ("night_settings", ("number",)),
    ("models", ("number",)),
    ("promotions", ("version",)),
    ("decisions", ("challenger_id",)),
    ("panels", ("number",)),
    ("shadows", ("rival_id", "open")),
    ("login_attempts", ("account",)),
    ("login_attempts", ("address",)),
    ("sessions", ("user_id",)),
    ("api_tokens", ("digest",)),
    ("api_tokens", ("user_id",)),
    ("alerts", ("status", "next_try_at")),
    ("audit_log", ("at",)),
    ("audit_log", ("user_id",)),
)
_MARKS = "installation"
_FILLING = "restoring"
_UNIQUE_INDEXES = (("users", ("email",)),)


class Filler(StrEnum):
    """What fills an installation from elsewhere."""

    RESTORE = "restore"
    MIGRATION = "migrate"


_UNFINISHED: Final = {
    Filler.RESTORE: "RESTORE_UNFINISHED",
    Filler.MIGRATION: "MIGRATION_UNFINISHED",
}


class Installation:
    """Creates indexes, bucket and folders; may be run any number of times."""

    def __init__(
        self, settings: Settings, database: Database, objects: ObjectStore
    ) -> None:
        self._settings = settings
        self._database = database
        self._objects = objects

    def setup(self) -> None:
        """Create what is missing, and bring records of older versions up to date.

        Raises
        ------
        Unavailable
            When the database or the object store cannot be used.
        Conflict
            See ``require_whole`` and ``migrate``.
        """
        self.require_whole()
        self.update()

    def update(self) -> None:
        """Do what ``setup`` does, also where an installation is being filled."""
        self.create_missing()
        migrate(self._database)

    def require_whole(self, unless: Filler | None = None) -> None:
        """Let nobody in where something fills the installation, but that itself.

        Raises
        ------
        Conflict
            ``RESTORE_UNFINISHED`` or ``MIGRATION_UNFINISHED`` where it was cut off.
        """
        filler = self.filled_by
        if filler not in (None, unless):
            raise Conflict(_UNFINISHED[filler])

    @property
    def filled_by(self) -> Filler | None:
        """What has begun to fill the installation and has not ended."""
        mark = self._database.get(_MARKS, _FILLING)
        return None if mark is None else Filler(mark.get("by", Filler.RESTORE))

    def begin_filling(self, by: Filler) -> None:
        """Let nobody work here until ``end_filling``."""
        self._database.put(_MARKS, {"_id": _FILLING, "by": by})

    def end_filling(self) -> None:
        """Let everybody work here again."""
        self._database.delete(_MARKS, {"_id": _FILLING})

    def create_missing(self) -> None:
        """Create indexes, bucket and folders, and nothing else; see ``setup``."""
        self._database.ping()
        for collection, fields in _INDEXES:
            self._database.ensure_index(collection, fields)
        for collection, fields in _UNIQUE_INDEXES:
            self._database.ensure_index(collection, fields, unique=True)
        self._objects.ensure()
