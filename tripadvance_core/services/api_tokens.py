"""Tokens with which a program asks in a user's name."""

import secrets
from datetime import timedelta
from enum import StrEnum

from tripadvance_core.domain.entities import Entity
from tripadvance_core.domain.times import Clock, Moment, to_text
from tripadvance_core.errors import NotFound, Refused
from tripadvance_core.services.secret_tokens import digest, new_token
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Repository

MAX_TOKENS = 20
MAX_TOKEN_NAME_LENGTH = 60
MAX_TOKEN_DAYS = 366

_PREFIX = "ta_"  # by which a program that looks for leaked secrets knows ours
_USED_PRECISION = timedelta(minutes=1)


class Scope(StrEnum):
    """What a token lets a program do."""

    PREDICTIONS = "predictions"
    AS_USER = "as_user"


class ApiToken(Entity):
    """A token, without what it says; ``digest`` is how it is known again."""

    digest: str
    user_id: str
    name: str
    scope: Scope
    created_at: Moment
    expires_at: Moment
    used_at: Moment | None = None


class ApiTokens:
    """Makes tokens, knows whose they are, and revokes them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._tokens = Repository(database, "api_tokens", ApiToken)
        self._clock = clock

    def make(self, user_id: str, name: str, scope: Scope, days: int) -> str:
        """Return a new token, which cannot be shown again.

        Raises
        ------
        Refused
            ``TOKEN_NAME_INVALID``, ``TOKEN_DAYS_INVALID``, ``TOKENS_TOO_MANY``.
        """
        name = name.strip()
        if not 0 < len(name) <= MAX_TOKEN_NAME_LENGTH or not name.isprintable():
            raise Refused("TOKEN_NAME_INVALID", limit=MAX_TOKEN_NAME_LENGTH)
        if not 0 < days <= MAX_TOKEN_DAYS:
            raise Refused("TOKEN_DAYS_INVALID", limit=MAX_TOKEN_DAYS)
        if self._tokens.count({"user_id": user_id}) >= MAX_TOKENS:
            raise Refused("TOKENS_TOO_MANY", limit=MAX_TOKENS)
        token = _PREFIX + new_token()
        now = self._clock()
        self._tokens.add(
            ApiToken(
                id=secrets.token_hex(16),
                digest=digest(token),
                user_id=user_id,
                name=name,
                scope=scope,
                created_at=now,
                expires_at=now + timedelta(days=days),
            )
        )
        return token

    def look(self, token: str) -> ApiToken | None:
        """Return what is known of a token, or None if it is unknown or has expired."""
        now = self._clock()
        where = {"digest": digest(token), "expires_at": {"$gt": to_text(now)}}
        known = next(iter(self._tokens.select(where, limit=1)), None)
        if known and (known.used_at is None or now - known.used_at > _USED_PRECISION):
            self._tokens.change({"_id": known.id}, {"used_at": to_text(now)})
        return known

    def of_user(self, user_id: str) -> list[ApiToken]:
        """Return the tokens of a user, expired ones too, the oldest first."""
        return self._tokens.select({"user_id": user_id}, order=[("created_at", 1)])

    def revoke(self, user_id: str, token_id: str) -> None:
        """Let a user's token work no more; ``NotFound`` if it is not the user's."""
        if not self._tokens.remove({"_id": token_id, "user_id": user_id}):
            raise NotFound("TOKEN_NOT_FOUND")

    def revoke_all(self, user_id: str) -> None:
        """Let no token of a user work any more."""
        self._tokens.remove({"user_id": user_id})
