"""What tells of a user, within the accounts and outside, and how it is taken away."""

from typing import Any

from tripadvance_core.domain.times import Clock
from tripadvance_core.domain.users import User
from tripadvance_core.services.api_tokens import ApiTokens
from tripadvance_core.services.audit import AuditLog
from tripadvance_core.services.links import Links
from tripadvance_core.services.people import People
from tripadvance_core.services.sessions import Sessions
from tripadvance_core.storage.database import Database

ERASED = "erased"
"""What stands in place of the name of a user who is gone."""

NAMED_IN = (
    ("uploaded_files", "owner"),
    ("uploaded_files", "intervention.by"),
    ("column_aliases", "owner"),
    ("night_settings", "by"),
    ("promotions", "by"),
    ("pointers", "by"),
    ("training_runs", "rebuild.by"),
    ("training_runs", "experiment.by"),
    ("training_runs", "stopped_by"),
)
"""Collection and field; a user is named by the e-mail, or by the id."""


class Names:
    """Finds and changes the name of a user in what the user handed in or decided."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rename(self, former: str, new: str) -> None:
        """Put a new name in the place of the former one."""
        for collection, field in NAMED_IN:
            self._database.update(collection, {field: former}, {field: new})

    def erase(self, user: User) -> None:
        """Take the user's name out of everything, and drop what only served the user.

        Files and decisions stay, for models and other people rely on them.
        """
        for name in (user.email, user.id):
            self._database.delete("column_aliases", {"owner": name})
            self.rename(name, ERASED)

    def where(self, user: User) -> dict[str, list[dict[str, Any]]]:
        """Return the documents that name the user, by collection."""
        found: dict[str, dict[str, Any]] = {}
        for collection, field in NAMED_IN:
            where = {field: {"$in": [user.email, user.id]}}
            for document in self._database.find(collection, where):
                found.setdefault(collection, {})[document["_id"]] = document
        return {name: list(documents.values()) for name, documents in found.items()}


class Erasure:
    """Removes users with all that tells of them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._people = People(database, clock)
        self._sessions = Sessions(database, clock)
        self._tokens = ApiTokens(database, clock)
        self._links = Links(database, clock)
        self._audit = AuditLog(database, clock)
        self._names = Names(database)

    def erase(self, user_id: str) -> None:
        """Remove a user; where this is cut short, it can be done once more.

        What the user did stays in the audit log, under an id that names nobody.

        Raises
        ------
        NotFound
            ``USER_NOT_FOUND``.
        Refused
            ``LAST_ADMINISTRATOR``.
        """
        account = self._people.get(user_id)
        self._people.change_access(account, disabled=True)
        self._sessions.end_all(user_id)
        self._tokens.revoke_all(user_id)
        self._links.forget_user(user_id)
        self._audit.forget_addresses(user_id)
        self._names.erase(account)
        self._people.remove(user_id)
