"""Who may come in, and what each may do."""

from enum import StrEnum

from tripadvance_core.domain.entities import Entity
from tripadvance_core.domain.times import Moment
from tripadvance_core.messages import Language


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
    """Somebody who may sign in, without the password.

    ``language`` is None until the user has chosen one. A disabled user may not sign
    in, and has no session.
    """

    email: str
    name: str
    role: Role
    created_at: Moment
    language: Language | None = None
    disabled: bool = False
