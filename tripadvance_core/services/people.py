"""The users as they are kept, and what an e-mail and a name may be."""

import re
import secrets
import unicodedata
from collections.abc import Iterable
from typing import Any

from pydantic import Field

from tripadvance_core.domain.times import Clock
from tripadvance_core.domain.users import Role, User
from tripadvance_core.errors import AlreadyExists, NotFound, Refused
from tripadvance_core.services.passwords import checked_password, hashed
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Page, Repository

MAX_EMAIL_LENGTH = 254
MAX_NAME_LENGTH = 120

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_ACTIVE_ADMINISTRATOR = {"role": Role.ADMINISTRATOR, "disabled": {"$ne": True}}


class Account(User):
    """A user, with what is kept of the password."""

    password_hash: str = Field(repr=False)

    def user(self) -> User:
        """Return the user without it."""
        return User(**self.model_dump(exclude={"password_hash"}))


class People:
    """Finds, adds, changes and removes users."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._accounts = Repository(database, "users", Account)
        self._clock = clock

    def find(self, user_id: str) -> Account | None:
        """Return the account of that id, or None."""
        return self._accounts.find(user_id)

    def get(self, user_id: str) -> Account:
        """Return the account of that id; ``NotFound`` (``USER_NOT_FOUND``)."""
        account = self._accounts.find(user_id)
        if account is None:
            raise NotFound("USER_NOT_FOUND")
        return account

    def by_email(self, email: str) -> Account | None:
        """Return the account of a normal e-mail, or None."""
        return next(iter(self._accounts.select({"email": email}, limit=1)), None)

    def page(self, number: int, size: int) -> Page[User]:
        """Return one page of the users, by e-mail."""
        page = self._accounts.page(number, size, order=[("email", 1)])
        users = tuple(account.user() for account in page.items)
        return Page(users, page.number, page.last, page.total)

    def emails(self, user_ids: Iterable[str]) -> dict[str, str]:
        """Return the e-mails of those of the users who are still there."""
        accounts = self._accounts.select({"_id": {"$in": sorted(set(user_ids))}})
        return {account.id: account.email for account in accounts}

    def new(self, email: str, name: str, password: str, role: Role) -> Account:
        """Return an account that is not kept yet.

        Raises
        ------
        Refused
            What ``checked_email``, ``checked_name`` and ``checked_password`` raise.
        """
        email, name = checked_email(email), checked_name(name)
        return Account(
            id=secrets.token_hex(16),
            email=email,
            name=name,
            role=role,
            created_at=self._clock(),
            password_hash=hashed(checked_password(password, email, name)),
        )

    def add(self, account: Account) -> None:
        """Keep a new account; ``Refused`` (``EMAIL_TAKEN``) if another has its e-mail."""
        try:
            self._accounts.add(account)
        except AlreadyExists as error:
            raise Refused("EMAIL_TAKEN") from error

    def change(self, user_id: str, **changes: Any) -> None:
        """Set fields of an account; ``Refused`` (``EMAIL_TAKEN``) as above."""
        try:
            self._accounts.change({"_id": user_id}, changes)
        except AlreadyExists as error:
            raise Refused("EMAIL_TAKEN") from error

    def change_access(self, account: Account, **changes: Any) -> None:
        """Set fields that decide what a user may do, unless nobody were left to decide.

        Changed first and looked at then, so that two administrators who take each
        other's role at once are both refused.

        Raises
        ------
        Refused
            ``LAST_ADMINISTRATOR``.
        """
        self.change(account.id, **changes)
        if not self.has_administrator():
            former = account.to_document()
            self.change(account.id, **{name: former[name] for name in changes})
            raise Refused("LAST_ADMINISTRATOR")

    def remove(self, user_id: str) -> None:
        """Remove an account, which ``change_access`` has disabled before."""
        self._accounts.remove({"_id": user_id, "disabled": True})

    def has_administrator(self) -> bool:
        """Tell whether there is an administrator who may sign in."""
        return self._accounts.count(_ACTIVE_ADMINISTRATOR) > 0


def normal_email(email: str) -> str:
    """Return an e-mail as it is kept, however it was typed."""
    return unicodedata.normalize("NFKC", email).strip().lower()


def checked_email(email: str) -> str:
    """Return a normal e-mail; ``Refused`` (``EMAIL_INVALID``) for what is none."""
    email = normal_email(email)
    if len(email) > MAX_EMAIL_LENGTH or not _EMAIL.fullmatch(email):
        raise Refused("EMAIL_INVALID")
    return email


def checked_name(name: str) -> str:
    """Return a name; ``Refused`` (``NAME_INVALID``) for what is none."""
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable():
        raise Refused("NAME_INVALID", limit=MAX_NAME_LENGTH)
    return name
