"""What administrators do to others, and what nobody may do to the last of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tripadvance_core.domain.users import Role, User
from tripadvance_core.errors import NotFound, Refused, TripAdvanceError
from tripadvance_core.services.audit import Actor

pytestmark = pytest.mark.usefixtures("cheap_hashing")

ADDRESS = "203.0.113.7"
PASSWORD = "uma frase bem longa"
NEW = "outra frase bem comprida"


@pytest.fixture
def by(house: Any) -> Actor:
    return Actor(house.administrator(), ADDRESS)


def may_sign_in(house: Any, email: str, password: str = PASSWORD) -> bool:
    try:
        house.services.accounts.sign_in(email, password, ADDRESS)
    except Refused as refusal:
        assert refusal.code == "LOGIN_REFUSED"  # noqa: PT017
        return False
    return True


# Invitations


@pytest.mark.parametrize("role", Role)
def test_invitation_carries_the_role(house: Any, by: Actor, role: Role) -> None:
    token = house.services.administration.invite(role, by)
    user = house.services.accounts.register(
        token, "bia@exemplo.com", "Bia", PASSWORD, ADDRESS
    )
    assert user.role is role
    assert may_sign_in(house, "bia@exemplo.com")


def register(house: Any, token: str, email: str = "bia@exemplo.com") -> User:
    user: User = house.services.accounts.register(
        token, email, "Bia", PASSWORD, ADDRESS
    )
    return user


def test_invitation_is_good_for_one(house: Any, by: Actor) -> None:
    token = house.services.administration.invite(Role.ANALYST, by)
    register(house, token)
    with pytest.raises(Refused, match="INVITATION_ENDED"):
        register(house, token, "caio@exemplo.com")
    assert house.services.administration.invitations() == []


def test_of_two_at_once_with_one_invitation_one_comes_in(house: Any, by: Actor) -> None:
    token = house.services.administration.invite(Role.ANALYST, by)

    def attempt(number: int) -> str:
        try:
            house.services.accounts.register(
                token, f"u{number}@exemplo.com", "U", PASSWORD, f"203.0.113.{number}"
            )
        except Refused as refusal:
            return refusal.code
        return "in"

    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(attempt, range(6)))
    assert sorted(results) == ["INVITATION_ENDED"] * 5 + ["in"]


def test_invitation_ends_after_a_week(house: Any, by: Actor) -> None:
    token = house.services.administration.invite(Role.ANALYST, by)
    house.clock.now += timedelta(days=7)
    with pytest.raises(Refused, match="INVITATION_ENDED"):
        register(house, token)


def test_invitation_that_was_withdrawn_lets_nobody_in(house: Any, by: Actor) -> None:
    administration = house.services.administration
    token = administration.invite(Role.ADMINISTRATOR, by)
    (link,) = administration.invitations()
    administration.withdraw_invitation(link.id, by)
    with pytest.raises(Refused, match="INVITATION_ENDED"):
        register(house, token)
    with pytest.raises(NotFound, match="INVITATION_NOT_FOUND"):
        administration.withdraw_invitation(link.id, by)


@pytest.mark.parametrize("email", ["bia@exemplo.com", " BIA@exemplo.com"])
def test_taken_email_leaves_the_invitation_usable(
    house: Any, by: Actor, email: str
) -> None:
    house.person("bia@exemplo.com")
    token = house.services.administration.invite(Role.ANALYST, by)
    with pytest.raises(Refused, match="EMAIL_TAKEN"):
        register(house, token, email)
    assert register(house, token, "caio@exemplo.com").role is Role.ANALYST


def test_link_of_another_kind_is_no_invitation(house: Any, by: Actor) -> None:
    reset = house.services.administration.reset_link(by.user.id, by)
    with pytest.raises(Refused, match="INVITATION_ENDED"):
        register(house, reset)


@pytest.mark.parametrize(("registration", "code"), [("invite", "CLOSED"), ("open", "")])
def test_without_an_invitation_only_an_open_house_lets_in(
    open_house: Callable[..., Any], registration: str, code: str
) -> None:
    house = open_house(registration=registration)
    house.administrator()
    if code:
        with pytest.raises(Refused, match="REGISTRATION_CLOSED"):
            register(house, "")
    else:
        assert register(house, "").role is Role.VIEWER


def test_registrations_from_one_address_are_counted(
    open_house: Callable[..., Any],
) -> None:
    house = open_house(registration="open")
    house.administrator()
    for number in range(10):
        register(house, "", f"u{number}@exemplo.com")
    with pytest.raises(Refused, match="LOGIN_LOCKED"):
        register(house, "", "one-more@exemplo.com")


# What each may do


def test_new_role_holds_from_the_next_request(house: Any, by: Actor) -> None:
    bia = house.person("bia@exemplo.com")
    session = house.services.accounts.open_session(bia)
    house.services.administration.change_role(bia.id, Role.ANALYST, by)
    assert house.services.accounts.user_of(session).role is Role.ANALYST


def test_disabled_user_is_out_at_once_and_stays_out(house: Any, by: Actor) -> None:
    administration, accounts = house.services.administration, house.services.accounts
    bia = house.person("bia@exemplo.com")
    session = accounts.open_session(bia)
    token = house.services.own_account.make_token(bia, "x", "as_user", 9, ADDRESS)
    reset = administration.reset_link(bia.id, by)
    administration.disable(bia.id, by)
    assert accounts.user_of(session) is None
    assert accounts.user_of_program(token) is None
    assert accounts.user_named("bia@exemplo.com") is None
    assert not may_sign_in(house, "bia@exemplo.com")
    with pytest.raises(Refused, match="RESET_LINK_ENDED"):
        accounts.reset_password(reset, NEW, ADDRESS)
    administration.enable(bia.id, by)
    assert may_sign_in(house, "bia@exemplo.com")
    assert accounts.user_of(session) is None


def test_deleted_user_is_gone(house: Any, by: Actor) -> None:
    bia = house.person("bia@exemplo.com")
    session = house.services.accounts.open_session(bia)
    house.services.administration.delete(bia.id, by)
    assert house.services.accounts.user_of(session) is None
    assert not may_sign_in(house, "bia@exemplo.com")
    assert "bia" not in str(house.services.database.find("users"))
    with pytest.raises(NotFound, match="USER_NOT_FOUND"):
        house.services.administration.delete(bia.id, by)


@pytest.mark.parametrize("method", ["disable", "delete"])
def test_last_administrator_cannot_be_removed(
    house: Any, by: Actor, method: str
) -> None:
    house.person("bia@exemplo.com", Role.ANALYST)
    with pytest.raises(Refused, match="LAST_ADMINISTRATOR"):
        getattr(house.services.administration, method)(by.user.id, by)
    assert may_sign_in(house, by.user.email)


def test_last_administrator_cannot_be_made_less(house: Any, by: Actor) -> None:
    caio = house.person("caio@exemplo.com", Role.ADMINISTRATOR)
    administration = house.services.administration
    administration.disable(caio.id, by)
    with pytest.raises(Refused, match="LAST_ADMINISTRATOR"):
        administration.change_role(by.user.id, Role.ANALYST, by)
    administration.enable(caio.id, by)
    administration.change_role(by.user.id, Role.ANALYST, by)
    assert house.services.accounts.user_named(by.user.email).role is Role.ANALYST


def test_of_two_who_depose_each_other_one_stays(house: Any, by: Actor) -> None:
    administration = house.services.administration
    pair = [by.user, house.person("caio@exemplo.com", Role.ADMINISTRATOR)]

    def depose(number: int) -> None:
        try:
            administration.change_role(pair[number].id, Role.VIEWER, by)
        except TripAdvanceError as error:
            assert error.code == "LAST_ADMINISTRATOR"  # noqa: PT017

    for _ in range(10):
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(depose, range(2)))
        users = administration.users(1, 9).items
        assert [user for user in users if user.role is Role.ADMINISTRATOR]
        for user in pair:
            administration.change_role(user.id, Role.ADMINISTRATOR, by)


# A forgotten password


def test_reset_link_changes_the_password_once_and_ends_all_sessions(
    house: Any, by: Actor
) -> None:
    accounts = house.services.accounts
    bia = house.person("bia@exemplo.com")
    session = accounts.open_session(bia)
    token = house.services.administration.reset_link(bia.id, by)
    accounts.reset_password(token, NEW, ADDRESS)
    assert accounts.user_of(session) is None
    assert not may_sign_in(house, "bia@exemplo.com")
    assert may_sign_in(house, "bia@exemplo.com", NEW)
    with pytest.raises(Refused, match="RESET_LINK_ENDED"):
        accounts.reset_password(token, "mais uma frase comprida", ADDRESS)


def test_reset_link_ends_after_an_hour(house: Any, by: Actor) -> None:
    token = house.services.administration.reset_link(by.user.id, by)
    house.clock.now += timedelta(hours=1)
    with pytest.raises(Refused, match="RESET_LINK_ENDED"):
        house.services.accounts.reset_password(token, NEW, ADDRESS)


def test_weak_password_leaves_the_reset_link_usable(house: Any, by: Actor) -> None:
    token = house.services.administration.reset_link(by.user.id, by)
    with pytest.raises(Refused, match="PASSWORD_TOO_OBVIOUS"):
        house.services.accounts.reset_password(token, "senha12345", ADDRESS)
    house.services.accounts.reset_password(token, NEW, ADDRESS)
    assert may_sign_in(house, by.user.email, NEW)


def test_reset_unlocks_an_account_that_others_have_locked(
    house: Any, by: Actor
) -> None:
    for number in range(5):
        assert not may_sign_in(house, by.user.email, f"guess number {number}")
    token = house.services.administration.reset_link(by.user.id, by)
    house.services.accounts.reset_password(token, NEW, ADDRESS)
    assert may_sign_in(house, by.user.email, NEW)


def test_request_for_a_reset_is_counted_for_unknown_people_too(house: Any) -> None:
    accounts = house.services.accounts
    house.administrator()
    for email in ("ana@exemplo.com", "nobody@exemplo.com"):
        for _ in range(3):
            accounts.admit_reset(email, ADDRESS)
        with pytest.raises(Refused, match="LOGIN_LOCKED"):
            accounts.admit_reset(email, ADDRESS)
    assert accounts.reset_token("nobody@exemplo.com") is None


# The log


def test_log_tells_who_did_what_to_whom_from_where(house: Any, by: Actor) -> None:
    bia = house.person("bia@exemplo.com")
    house.services.administration.change_role(bia.id, Role.ANALYST, by)
    (entry,) = (
        entry
        for entry in house.services.audit.page(1, 50).items
        if entry.event == "role_changed"
    )
    assert (entry.user_id, entry.subject_id) == (by.user.id, bia.id)
    assert (entry.address, entry.details) == (ADDRESS, {"role": "analyst"})
    assert entry.at == house.clock.now


def test_log_is_read_page_by_page_the_newest_first(house: Any, by: Actor) -> None:
    for _ in range(5):
        house.clock.now += timedelta(seconds=1)
        house.services.administration.invite(Role.VIEWER, by)
    pages = [house.services.audit.page(number, 2) for number in (1, 2, 3)]
    entries = [entry for page in pages for entry in page.items]
    assert [entry.at for entry in entries] == sorted(
        (entry.at for entry in entries), reverse=True
    )
    assert len({entry.id for entry in entries}) == 6
