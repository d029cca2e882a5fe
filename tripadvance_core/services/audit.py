"""Who did what, when, and from where."""

import secrets
from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from tripadvance_core.domain.entities import Entity
from tripadvance_core.domain.times import Clock, Moment
from tripadvance_core.domain.users import User
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Page, Repository


class Event(StrEnum):
    """What can be done; ``EVENT_<NAME>`` is its sentence."""

    FIRST_ADMIN_CREATED = "first_admin_created"
    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    REGISTERED = "registered"
    NAME_CHANGED = "name_changed"
    EMAIL_CHANGED = "email_changed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    RESET_REQUESTED = "reset_requested"
    PASSWORD_RESET = "password_reset"  # noqa: S105
    TOKEN_CREATED = "token_created"  # noqa: S105
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    DATA_EXPORTED = "data_exported"
    ACCOUNT_ERASED = "account_erased"
    USER_INVITED = "user_invited"
    INVITATION_WITHDRAWN = "invitation_withdrawn"
    ROLE_CHANGED = "role_changed"
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    USER_DELETED = "user_deleted"
    RESET_LINK_MADE = "reset_link_made"
    FILE_TAKEN_IN = "file_taken_in"
    FILE_RELEASED = "file_released"
    FILE_WITHDRAWN = "file_withdrawn"
    EXPERIMENT_STARTED = "experiment_started"
    REBUILD_ORDERED = "rebuild_ordered"
    TRAINING_STOPPED = "training_stopped"
    MODEL_PROMOTED = "model_promoted"
    MASTER_ROLLED_BACK = "master_rolled_back"
    SETTINGS_CHANGED = "settings_changed"


@dataclass(frozen=True)
class Actor:
    """Who does something, and from where."""

    user: User
    address: str


class AuditEntry(Entity):
    """One thing that was done.

    ``user_id`` is who did it, None for a stranger; ``subject_id`` is the user whom it
    was done to, where that is somebody else. ``details`` may name a ``role`` that was
    given, and what was dealt with as ``about``: a file, a model, a version.
    """

    event: str
    user_id: str | None
    subject_id: str | None = None
    address: str | None = None
    details: dict[str, str] = Field(default_factory=dict)
    at: Moment


class AuditLog:
    """Keeps what was done."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._entries = Repository(database, "audit_log", AuditEntry)
        self._clock = clock

    def record(
        self,
        event: Event,
        user_id: str | None,
        *,
        subject_id: str | None = None,
        address: str | None = None,
        **details: str,
    ) -> None:
        """Note what was done."""
        entry = AuditEntry(
            id=secrets.token_hex(16),
            event=event,
            user_id=user_id,
            subject_id=subject_id,
            address=address,
            details=details,
            at=self._clock(),
        )
        self._entries.add(entry)

    def page(self, number: int, size: int) -> Page[AuditEntry]:
        """Return one page of what was done, the newest first."""
        return self._entries.page(number, size, order=[("at", -1)])

    def of_user(self, user_id: str) -> list[AuditEntry]:
        """Return what a user did, the oldest first."""
        return self._entries.select({"user_id": user_id}, order=[("at", 1)])

    def forget_addresses(self, user_id: str) -> None:
        """Remove from where a user did anything."""
        self._entries.change({"user_id": user_id}, {"address": None})
