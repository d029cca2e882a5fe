"""Who may come in: passwords, sessions, the lock, the first administrator."""

import json
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tripadvance_core.domain.users import User
from tripadvance_core.errors import Refused
from tripadvance_core.services import passwords, proof
from tripadvance_core.services.accounts import AccountService
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.sqlite import SqliteDatabase

EMAIL = "ana@exemplo.com"
PASSWORD = "uma frase bem longa"
ADDRESS = "203.0.113.7"


pytestmark = pytest.mark.usefixtures("cheap_hashing")


@pytest.fixture
def database(tmp_path: Path) -> Any:
    database = SqliteDatabase(tmp_path / "tripadvance.db")
    yield database
    database.close()


@pytest.fixture
def accounts(database: SqliteDatabase, clock: Any) -> AccountService:
    return AccountService(load_settings(), database, clock)


def first_admin(
    accounts: AccountService,
    password: str = PASSWORD,
    email: str = EMAIL,
    name: str = "Ana",
) -> User:
    token = accounts.first_admin_token()
    assert token is not None
    return accounts.create_first_admin(token, email, name, password)


def refusal(call: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(Refused) as caught:
        call(*arguments)
    assert caught.value.sentence("pt-BR")
    assert caught.value.sentence("en")
    return caught.value.code


def stored_text(database: SqliteDatabase) -> str:
    collections = ("users", "sessions", "links", "login_attempts")
    return json.dumps([database.find(name) for name in (*collections, "audit_log")])


# Signing in


def test_right_password_opens_a_session(accounts: AccountService) -> None:
    user = first_admin(accounts)
    token = accounts.sign_in(EMAIL, PASSWORD, ADDRESS)
    assert accounts.user_of(token) == user


def test_email_is_one_however_it_is_typed(accounts: AccountService) -> None:
    first_admin(accounts, email=" Ana@Exemplo.com")
    assert accounts.sign_in("ANA@exemplo.com ", PASSWORD, ADDRESS)


def test_unknown_user_and_wrong_password_get_the_same_answer(
    accounts: AccountService,
) -> None:
    first_admin(accounts)
    wrong = refusal(accounts.sign_in, EMAIL, "another long phrase", ADDRESS)
    unknown = refusal(accounts.sign_in, "bia@exemplo.com", PASSWORD, ADDRESS)
    assert wrong == unknown == "LOGIN_REFUSED"


def test_unknown_user_costs_one_check_of_the_same_rounds(
    accounts: AccountService, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_admin(accounts)
    checked: list[bytes] = []
    check = passwords.bcrypt.checkpw

    def recorded(password: bytes, password_hash: bytes) -> bool:
        checked.append(password_hash[:7])
        return check(password, password_hash)

    monkeypatch.setattr(passwords.bcrypt, "checkpw", recorded)
    refusal(accounts.sign_in, EMAIL, "another long phrase", ADDRESS)
    refusal(accounts.sign_in, "bia@exemplo.com", "another long phrase", ADDRESS)
    assert checked == [b"$2b$04$"] * 2


@pytest.mark.parametrize("password", ["", " " * 12, "x" * 72])
def test_decoy_opens_for_nobody(accounts: AccountService, password: str) -> None:
    assert refusal(accounts.sign_in, EMAIL, password, ADDRESS) == "LOGIN_REFUSED"


@pytest.mark.parametrize(
    "password",
    [
        "põe-se o sol, e os anões já não vêem à luz de três velas, coração são: 123",
        "a senha\0 com nulo",
        "  espaços contam  ",
        "um trem passa às seis; ".ljust(255, "k") + "!",
    ],
)
def test_long_and_odd_passwords_count_to_their_last_character(
    accounts: AccountService, password: str
) -> None:
    first_admin(accounts, password)
    assert accounts.sign_in(EMAIL, password, ADDRESS)
    shorter = refusal(accounts.sign_in, EMAIL, password[:-1], ADDRESS)
    assert shorter == "LOGIN_REFUSED"


def test_accents_match_however_the_keyboard_writes_them(
    accounts: AccountService,
) -> None:
    first_admin(accounts, unicodedata.normalize("NFD", "coração de leão"))
    composed = unicodedata.normalize("NFC", "coração de leão")
    assert accounts.sign_in(EMAIL, composed, ADDRESS)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("curta", "PASSWORD_TOO_SHORT"),
        ("x" * 257, "PASSWORD_TOO_LONG"),
        (EMAIL.upper(), "PASSWORD_TOO_OBVIOUS"),
        ("Senha12345", "PASSWORD_TOO_OBVIOUS"),
        ("ababababab", "PASSWORD_TOO_OBVIOUS"),
    ],
)
def test_weak_password_is_refused_and_the_link_still_works(
    accounts: AccountService, password: str, code: str
) -> None:
    token = accounts.first_admin_token()
    assert refusal(accounts.create_first_admin, token, EMAIL, "Ana", password) == code
    assert accounts.create_first_admin(str(token), EMAIL, "Ana", PASSWORD)


@pytest.mark.parametrize("email", ["", "ana", "ana@", "a b@c.d", "a@" + "b" * 260])
def test_what_is_no_email_is_refused(accounts: AccountService, email: str) -> None:
    token = accounts.first_admin_token()
    code = refusal(accounts.create_first_admin, token, email, "Ana", PASSWORD)
    assert code == "EMAIL_INVALID"


@pytest.mark.parametrize("name", ["", "   ", "Ana\nroot", "x" * 121])
def test_what_is_no_name_is_refused(accounts: AccountService, name: str) -> None:
    token = accounts.first_admin_token()
    code = refusal(accounts.create_first_admin, token, EMAIL, name, PASSWORD)
    assert code == "NAME_INVALID"


# The lock


def fail(accounts: AccountService, times: int, address: str = ADDRESS) -> None:
    for _ in range(times):
        refusal(accounts.sign_in, EMAIL, "another long phrase", address)


def test_account_is_locked_after_five_failures_from_anywhere(
    accounts: AccountService,
) -> None:
    first_admin(accounts)
    for host in range(5):
        fail(accounts, 1, f"203.0.113.{host}")
    locked = refusal(accounts.sign_in, EMAIL, PASSWORD, "198.51.100.1")
    assert locked == "LOGIN_LOCKED"


def test_address_is_locked_after_twenty_failures_on_any_account(
    accounts: AccountService,
) -> None:
    first_admin(accounts)
    for number in range(20):
        refusal(accounts.sign_in, f"user{number}@exemplo.com", "x", ADDRESS)
    assert refusal(accounts.sign_in, EMAIL, PASSWORD, ADDRESS) == "LOGIN_LOCKED"
    assert accounts.sign_in(EMAIL, PASSWORD, "198.51.100.1")


def test_lock_ends_after_fifteen_minutes_though_somebody_goes_on_trying(
    accounts: AccountService, clock: Any
) -> None:
    first_admin(accounts)
    fail(accounts, 5)
    clock.now += timedelta(minutes=14)
    fail(accounts, 10)
    assert refusal(accounts.sign_in, EMAIL, PASSWORD, ADDRESS) == "LOGIN_LOCKED"
    clock.now += timedelta(minutes=1, seconds=1)
    assert accounts.sign_in(EMAIL, PASSWORD, ADDRESS)


def test_success_forgets_the_failures_of_that_account(
    accounts: AccountService,
) -> None:
    first_admin(accounts)
    for _ in range(3):
        fail(accounts, 4)
        assert accounts.sign_in(EMAIL, PASSWORD, ADDRESS)


def test_lock_is_shared_by_all_processes(
    accounts: AccountService, database: SqliteDatabase, clock: Any
) -> None:
    first_admin(accounts)
    fail(accounts, 5)
    other = AccountService(load_settings(), database, clock)
    assert refusal(other.sign_in, EMAIL, PASSWORD, ADDRESS) == "LOGIN_LOCKED"


def test_attempts_at_once_do_not_slip_past_the_lock(
    accounts: AccountService, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_admin(accounts)
    checks: list[str] = []
    matches = proof.matches
    monkeypatch.setattr(
        proof, "matches", lambda *given: bool(checks.append("")) or matches(*given)
    )

    def attempt(number: int) -> str:
        return refusal(accounts.sign_in, EMAIL, f"guess number {number}", ADDRESS)

    with ThreadPoolExecutor(12) as threads:
        codes = list(threads.map(attempt, range(12)))
    assert len(checks) <= 5
    assert "LOGIN_LOCKED" in codes


# Sessions


def test_each_sign_in_gives_a_new_token(accounts: AccountService) -> None:
    first_admin(accounts)
    tokens = {accounts.sign_in(EMAIL, PASSWORD, ADDRESS) for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token) >= 43 for token in tokens)


def test_sign_out_ends_that_session_alone(accounts: AccountService) -> None:
    user = first_admin(accounts)
    one, other = accounts.open_session(user), accounts.open_session(user)
    accounts.sign_out(one)
    assert accounts.user_of(one) is None
    assert accounts.user_of(other) == user


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "\ud800", "a\0b"])
def test_forged_token_is_nobody(accounts: AccountService, token: str) -> None:
    first_admin(accounts)
    assert accounts.user_of(token) is None


def test_digest_read_from_the_database_is_no_token(
    accounts: AccountService, database: SqliteDatabase
) -> None:
    accounts.open_session(first_admin(accounts))
    (session,) = database.find("sessions")
    assert accounts.user_of(session["_id"]) is None


def test_idle_session_ends_after_thirty_minutes(
    accounts: AccountService, database: SqliteDatabase, clock: Any
) -> None:
    token = accounts.open_session(first_admin(accounts))
    clock.now += timedelta(minutes=30)
    assert accounts.user_of(token)
    clock.now += timedelta(minutes=30, seconds=1)
    assert accounts.user_of(token) is None
    assert database.count("sessions") == 0


def test_page_that_refreshes_itself_does_not_keep_a_session_alive(
    accounts: AccountService, clock: Any
) -> None:
    token = accounts.open_session(first_admin(accounts))
    for _ in range(6):
        clock.now += timedelta(minutes=5)
        assert accounts.user_of(token, active=False)
    clock.now += timedelta(minutes=5)
    assert accounts.user_of(token, active=False) is None


def test_busy_session_ends_after_twelve_hours(
    accounts: AccountService, clock: Any
) -> None:
    token = accounts.open_session(first_admin(accounts))
    for _ in range(36):
        clock.now += timedelta(minutes=20)
        assert accounts.user_of(token)
    clock.now += timedelta(minutes=1)
    assert accounts.user_of(token) is None


def test_sessions_that_ended_are_cleared_away(
    accounts: AccountService, database: SqliteDatabase, clock: Any
) -> None:
    user = first_admin(accounts)
    accounts.open_session(user)
    clock.now += timedelta(hours=13)
    accounts.open_session(user)
    assert database.count("sessions") == 1


# The first administrator


def test_link_makes_one_administrator_and_then_there_is_no_link(
    accounts: AccountService,
) -> None:
    token = str(accounts.first_admin_token())
    accounts.create_first_admin(token, EMAIL, "Ana", PASSWORD)
    assert accounts.first_admin_token() is None
    again = refusal(
        accounts.create_first_admin, token, "bia@exemplo.com", "Bia", PASSWORD
    )
    assert again == "FIRST_ADMIN_LINK_ENDED"


def test_new_link_replaces_the_former(accounts: AccountService) -> None:
    former, latter = accounts.first_admin_token(), accounts.first_admin_token()
    code = refusal(accounts.create_first_admin, former, EMAIL, "Ana", PASSWORD)
    assert code == "FIRST_ADMIN_LINK_ENDED"
    assert accounts.create_first_admin(str(latter), EMAIL, "Ana", PASSWORD)


def test_link_ends_after_a_day(accounts: AccountService, clock: Any) -> None:
    token = accounts.first_admin_token()
    clock.now += timedelta(hours=24)
    code = refusal(accounts.create_first_admin, token, EMAIL, "Ana", PASSWORD)
    assert code == "FIRST_ADMIN_LINK_ENDED"


def test_of_two_at_once_one_wins(accounts: AccountService) -> None:
    token = str(accounts.first_admin_token())

    def create(number: int) -> str:
        try:
            accounts.create_first_admin(token, f"u{number}@x.com", "U", PASSWORD)
        except Refused as error:
            return error.code
        return "created"

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(create, range(8)))
    assert sorted(results) == ["FIRST_ADMIN_LINK_ENDED"] * 7 + ["created"]


def test_without_a_link_nobody_can_sign_in(accounts: AccountService) -> None:
    for email, password in [("admin", "admin"), ("", ""), (EMAIL, PASSWORD)]:
        assert refusal(accounts.sign_in, email, password, ADDRESS) == "LOGIN_REFUSED"


# What is kept


def test_no_password_or_token_is_stored(
    accounts: AccountService, database: SqliteDatabase
) -> None:
    link = str(accounts.first_admin_token())
    kept_link = stored_text(database)
    accounts.create_first_admin(link, EMAIL, "Ana", PASSWORD)
    session = accounts.sign_in(EMAIL, PASSWORD, ADDRESS)
    refusal(accounts.sign_in, "typed-in-the-wrong-field", "wrong phrase", ADDRESS)
    kept = kept_link + stored_text(database)
    for secret in (PASSWORD, link, session, "wrong phrase", "typed-in-the-wrong"):
        assert secret not in kept


def test_logins_are_audited_by_id(
    accounts: AccountService, database: SqliteDatabase
) -> None:
    user = first_admin(accounts)
    refusal(accounts.sign_in, EMAIL, "another long phrase", ADDRESS)
    refusal(accounts.sign_in, "bia@exemplo.com", PASSWORD, ADDRESS)
    accounts.sign_in(EMAIL, PASSWORD, ADDRESS)
    events = {(e["event"], e["user_id"]) for e in database.find("audit_log")}
    assert events == {
        ("first_admin_created", user.id),
        ("login_failed", user.id),
        ("login_failed", None),
        ("login", user.id),
    }


def test_user_shows_no_hash(accounts: AccountService) -> None:
    assert "hash" not in repr(first_admin(accounts))
