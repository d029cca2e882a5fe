"""Who may come in: users, their passwords, their sessions, the first administrator.

Tokens and passwords are stored as digests only. Limits follow OWASP ASVS 5.0, chapters
6 (authentication) and 7 (sessions).
"""

import hashlib
import re
import secrets
import unicodedata
from datetime import timedelta
from enum import StrEnum

import bcrypt
from pydantic import Field

from tripadvance_core.domain.entities import Entity
from tripadvance_core.domain.times import Clock, Moment, to_text
from tripadvance_core.errors import Refused
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Repository

IDLE_LIMIT = timedelta(minutes=30)
ABSOLUTE_LIMIT = timedelta(hours=12)
LINK_LIFETIME = timedelta(hours=24)

THROTTLE_WINDOW = timedelta(minutes=15)
FAILURES_PER_ACCOUNT = 5
FAILURES_PER_ADDRESS = 20

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 256
MAX_EMAIL_LENGTH = 254
MAX_NAME_LENGTH = 120

BCRYPT_ROUNDS = 12

# Long enough for the minimum length, and among the first that anybody would try.
_OBVIOUS_PASSWORDS = {
    "0123456789",
    "1234567890",
    "12345678910",
    "administrador",
    "administrator",
    "mudar12345",
    "password123",
    "password1234",
    "qwertyuiop",
    "senha12345",
    "senha123456",
    "tripadvance",
}
_MIN_DIFFERENT_CHARACTERS = 4
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_SEEN_PRECISION = timedelta(minutes=1)
_FIRST_ADMIN_LINK = "first-admin"


class Role(StrEnum):
    """What a user may do; each may do all that those before it may."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    ADMINISTRATOR = "administrator"

    def may(self, least: "Role") -> bool:
        """Tell whether this role is ``least`` or above it."""
        order = list(Role)
        return order.index(self) >= order.index(least)


class User(Entity):
    """Somebody who may sign in, without the password."""

    email: str
    name: str
    role: Role
    created_at: Moment


class _Account(User):
    password_hash: str = Field(repr=False)

    def user(self) -> User:
        return User(**self.model_dump(exclude={"password_hash"}))


class _Session(Entity):
    """One signed-in browser; its id is the digest of the token in the cookie."""

    user_id: str
    created_at: Moment
    seen_at: Moment


class AccountService:
    """Signs users in and out and knows who holds a session."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._accounts = Repository(database, "users", _Account)
        self._sessions = Repository(database, "sessions", _Session)
        self._throttle = _Throttle(database, clock)
        self._clock = clock

    # Signing in and out

    def sign_in(self, email: str, password: str, address: str) -> str:
        """Check a password and open a session; return the session's token.

        An unknown e-mail costs the same work and gives the same answer as a wrong
        password.

        Parameters
        ----------
        address
            Where the attempt comes from, such as an IP address.

        Raises
        ------
        Refused
            ``LOGIN_REFUSED`` for a wrong e-mail or password, ``LOGIN_LOCKED`` after
            too many failures for that account or from that address.
        """
        email = _normal_email(email)
        self._throttle.admit(email, address)
        account = self._account_of(email)
        known = account.password_hash if account else _decoy_hash()
        if not _matches(password, known) or account is None:
            self._audit("login_failed", account, address)
            raise Refused("LOGIN_REFUSED")
        self._throttle.forgive(email)
        self._audit("login", account, address)
        return self.open_session(account)

    def open_session(self, user: User) -> str:
        """Return the token of a new session of a user who has proven who they are."""
        now = self._clock()
        oldest = to_text(now - ABSOLUTE_LIMIT)
        self._database.delete("sessions", {"created_at": {"$lt": oldest}})
        token = secrets.token_urlsafe(32)
        self._sessions.add(
            _Session(id=_digest(token), user_id=user.id, created_at=now, seen_at=now)
        )
        return token

    def user_of(self, token: str, *, active: bool = True) -> User | None:
        """Return who holds a session, or None if it is unknown or has ended.

        Parameters
        ----------
        active
            Whether the user is doing something, which keeps the session from ending
            for idleness.
        """
        session = self._sessions.find(_digest(token))
        if session is None:
            return None
        now = self._clock()
        idle = now - session.seen_at
        if idle > IDLE_LIMIT or now - session.created_at > ABSOLUTE_LIMIT:
            self.sign_out(token)
            return None
        if active and idle > _SEEN_PRECISION:
            self._sessions.change({"_id": session.id}, {"seen_at": to_text(now)})
        account = self._accounts.find(session.user_id)
        return account.user() if account else None

    def user_named(self, email: str) -> User | None:
        """Return the user who signs in with that e-mail, if there is one."""
        account = self._account_of(_normal_email(email))
        return account.user() if account else None

    def sign_out(self, token: str) -> None:
        """End the session of that token, if there is one."""
        self._database.delete("sessions", {"_id": _digest(token)})

    # The first administrator

    def first_admin_token(self) -> str | None:
        """Return a fresh one-time token, or None once there is an administrator.

        The token lets its holder become the first administrator within 24 hours. Only
        its digest is stored; it replaces any former one.
        """
        if self._has_administrator():
            return None
        token = secrets.token_urlsafe(32)
        self._database.put(
            "first_admin_links",
            {
                "_id": _FIRST_ADMIN_LINK,
                "token_digest": _digest(token),
                "expires_at": to_text(self._clock() + LINK_LIFETIME),
            },
        )
        return token

    def create_first_admin(
        self, token: str, email: str, name: str, password: str
    ) -> User:
        """Make the first administrator; the token works once.

        A refused e-mail, name or password leaves the token usable.

        Raises
        ------
        Refused
            ``FIRST_ADMIN_LINK_ENDED``, ``EMAIL_INVALID``, ``NAME_INVALID``,
            ``PASSWORD_TOO_SHORT``, ``PASSWORD_TOO_LONG``, ``PASSWORD_TOO_OBVIOUS``.
        """
        link = self._link(token)
        if self._database.count("first_admin_links", link) == 0:
            raise Refused("FIRST_ADMIN_LINK_ENDED")
        account = self._new_account(email, name, password)
        taken = self._database.delete("first_admin_links", link)
        if not taken or self._has_administrator():
            raise Refused("FIRST_ADMIN_LINK_ENDED")
        self._accounts.add(account)
        self._audit("first_admin_created", account)
        return account.user()

    def _link(self, token: str) -> dict[str, object]:
        return {
            "_id": _FIRST_ADMIN_LINK,
            "token_digest": _digest(token),
            "expires_at": {"$gt": to_text(self._clock())},
        }

    def _has_administrator(self) -> bool:
        return self._accounts.count({"role": Role.ADMINISTRATOR}) > 0

    # Accounts

    def _account_of(self, email: str) -> _Account | None:
        return next(iter(self._accounts.select({"email": email}, limit=1)), None)

    def _new_account(self, email: str, name: str, password: str) -> _Account:
        email = _checked_email(email)
        name = _checked_name(name)
        return _Account(
            id=secrets.token_hex(16),
            email=email,
            name=name,
            role=Role.ADMINISTRATOR,
            created_at=self._clock(),
            password_hash=_hashed(_checked_password(password, email)),
        )

    def _audit(
        self, event: str, account: _Account | None, address: str | None = None
    ) -> None:
        self._database.insert(
            "audit_log",
            {
                "_id": secrets.token_hex(16),
                "event": event,
                "user_id": account.id if account else None,
                "address": address,
                "at": to_text(self._clock()),
            },
        )


class _Throttle:
    """Counts failed attempts in the database, for all processes together.

    An attempt is recorded before the password is checked, so that attempts at once
    cannot slip past the limit; one that is refused here does not prolong the lock.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def admit(self, email: str, address: str) -> None:
        now = self._clock()
        ended = {"at": {"$lt": to_text(now - THROTTLE_WINDOW)}}
        self._database.delete("login_attempts", ended)
        attempt = {
            "_id": secrets.token_hex(16),
            "account": _digest(email),
            "address": address,
            "at": to_text(now),
        }
        self._database.insert("login_attempts", attempt)
        if (
            self._attempts(account=_digest(email)) > FAILURES_PER_ACCOUNT
            or self._attempts(address=address) > FAILURES_PER_ADDRESS
        ):
            self._database.delete("login_attempts", {"_id": attempt["_id"]})
            minutes = int(THROTTLE_WINDOW.total_seconds() / 60)
            raise Refused("LOGIN_LOCKED", minutes=minutes)

    def forgive(self, email: str) -> None:
        self._database.delete("login_attempts", {"account": _digest(email)})

    def _attempts(self, **where: str) -> int:
        return self._database.count("login_attempts", where)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _bcrypt_input(password: str) -> bytes:
    """Digest a password, for bcrypt takes 72 bytes at most.

    It is normalised first, for keyboards write accents in two ways (NIST SP 800-63B).
    """
    return _digest(unicodedata.normalize("NFKC", password)).encode()


def _hashed(password: str) -> str:
    return bcrypt.hashpw(
        _bcrypt_input(password), bcrypt.gensalt(BCRYPT_ROUNDS)
    ).decode()


def _matches(password: str, password_hash: str) -> bool:
    return bcrypt.checkpw(_bcrypt_input(password), password_hash.encode())


def _decoy_hash() -> str:
    """Return a hash that no password has and that costs as much to check as any."""
    return f"$2b${BCRYPT_ROUNDS:02}$" + "." * 53


def _normal_email(email: str) -> str:
    return unicodedata.normalize("NFKC", email).strip().lower()


def _checked_email(email: str) -> str:
    email = _normal_email(email)
    if len(email) > MAX_EMAIL_LENGTH or not _EMAIL.fullmatch(email):
        raise Refused("EMAIL_INVALID")
    return email


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable():
        raise Refused("NAME_INVALID", limit=MAX_NAME_LENGTH)
    return name


def _checked_password(password: str, email: str) -> str:
    if len(password) < MIN_PASSWORD_LENGTH:
        raise Refused("PASSWORD_TOO_SHORT", minimum=MIN_PASSWORD_LENGTH)
    if len(password) > MAX_PASSWORD_LENGTH:
        raise Refused("PASSWORD_TOO_LONG", maximum=MAX_PASSWORD_LENGTH)
    plain = password.strip().lower()
    obvious = _OBVIOUS_PASSWORDS | {email, email.partition("@")[0]}
    if plain in obvious or len(set(plain)) < _MIN_DIFFERENT_CHARACTERS:
        raise Refused("PASSWORD_TOO_OBVIOUS")
    return password
