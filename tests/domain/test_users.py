"""Each role may do all that those before it may."""

import pytest

from tripadvance_core.domain.users import Role


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.VIEWER, {Role.VIEWER}),
        (Role.ANALYST, {Role.VIEWER, Role.ANALYST}),
        (Role.ADMINISTRATOR, {Role.VIEWER, Role.ANALYST, Role.ADMINISTRATOR}),
    ],
)
def test_role_may_do_what_the_lower_ones_may(role: Role, may: set[Role]) -> None:
    assert {least for least in Role if role.may(least)} == may
