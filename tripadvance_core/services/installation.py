"""What must exist before anything works, and whether it does."""

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
_RESTORING = "restoring"
_UNIQUE_INDEXES = (("users", ("email",)),)


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
            ``RESTORE_UNFINISHED`` where a restore was cut off;
            ``RECORDS_OF_NEWER_VERSION``, see ``migrate``.
        """
        if self.is_half_restored:
            raise Conflict("RESTORE_UNFINISHED")
        self.create_missing()
        migrate(self._database)

    @property
    def is_half_restored(self) -> bool:
        """Whether a restore has begun and not ended."""
        return self._database.get(_MARKS, _RESTORING) is not None

    def begin_restore(self) -> None:
        """Let nobody work here until ``end_restore``."""
        self._database.put(_MARKS, {"_id": _RESTORING})

    def end_restore(self) -> None:
        """Let everybody work here again."""
        self._database.delete(_MARKS, {"_id": _RESTORING})

    def create_missing(self) -> None:
        """Create indexes, bucket and folders, also for a restore; see ``setup``."""
        self._database.ping()
        for collection, fields in _INDEXES:
            self._database.ensure_index(collection, fields)
        for collection, fields in _UNIQUE_INDEXES:
            self._database.ensure_index(collection, fields, unique=True)
        self._objects.ensure()
