"""What users change of their own accounts, and what is left when they go."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tripadvance_core.domain.entities import ColumnMapping, Experiment
from tripadvance_core.domain.users import Role, User
from tripadvance_core.errors import NotFound, Refused
from tripadvance_core.services.api_tokens import Scope
from tripadvance_core.services.audit import Actor
from tripadvance_core.services.claims import PartitionRequest
from tripadvance_core.storage.repository import Repositories

pytestmark = pytest.mark.usefixtures("cheap_hashing")

ADDRESS = "203.0.113.7"
PASSWORD = "uma frase bem longa"
NEW = "outra frase bem comprida"


@pytest.fixture
def bia(house: Any) -> User:
    user: User = house.person("bia@exemplo.com", Role.ANALYST)
    return user


def everything(house: Any) -> str:
    names = ("users", "sessions", "links", "api_tokens", "audit_log", "login_attempts")
    names += ("uploaded_files", "column_aliases", "promotions", "pointers")
    return json.dumps([house.services.database.find(name) for name in names])


# What a user changes


def test_password_change_ends_the_other_sessions(house: Any, bia: User) -> None:
    accounts = house.services.accounts
    here, there = accounts.open_session(bia), accounts.open_session(bia)
    anas = accounts.open_session(house.administrator())
    house.services.own_account.change_password(
        bia, PASSWORD, NEW, ADDRESS, session=here
    )
    assert accounts.user_of(there) is None
    assert accounts.user_of(here) == bia
    assert accounts.user_of(anas)
    assert accounts.sign_in(bia.email, NEW, ADDRESS)
    with pytest.raises(Refused, match="LOGIN_REFUSED"):
        accounts.sign_in(bia.email, PASSWORD, ADDRESS)


def test_password_change_asks_for_the_old_one(house: Any, bia: User) -> None:
    session = house.services.accounts.open_session(bia)
    with pytest.raises(Refused, match="PASSWORD_WRONG"):
        house.services.own_account.change_password(
            bia, "not the password", NEW, ADDRESS, session=session
        )
    assert house.services.accounts.sign_in(bia.email, PASSWORD, ADDRESS)


def test_password_change_ends_a_reset_link(house: Any, bia: User) -> None:
    _, link = house.services.accounts.reset_token(bia.email)
    house.services.own_account.change_password(bia, PASSWORD, NEW, ADDRESS, session="")
    with pytest.raises(Refused, match="RESET_LINK_ENDED"):
        house.services.accounts.reset_password(link, PASSWORD, ADDRESS)


def test_old_password_cannot_be_guessed_in_an_open_session(
    house: Any, bia: User
) -> None:
    own = house.services.own_account
    for number in range(5):
        with pytest.raises(Refused, match="PASSWORD_WRONG"):
            own.change_email(bia, "x@exemplo.com", f"guess number {number}", ADDRESS)
    with pytest.raises(Refused, match="LOGIN_LOCKED"):
        own.change_email(bia, "x@exemplo.com", PASSWORD, ADDRESS)


def test_new_email_signs_in_and_names_the_user_everywhere(
    house: Any, bia: User, make_fares: Any
) -> None:
    upload, _ = house.services.uploads.ingest(
        make_fares(20), "a.csv", ColumnMapping(), owner=bia.email
    )
    house.services.own_account.change_email(
        bia, " Beatriz@exemplo.com", PASSWORD, ADDRESS
    )
    assert house.services.accounts.sign_in("beatriz@exemplo.com", PASSWORD, ADDRESS)
    assert house.services.accounts.user_named(bia.email) is None
    assert house.services.uploads.find(upload.id).owner == "beatriz@exemplo.com"


@pytest.mark.parametrize(
    ("email", "code"),
    [("ana@exemplo.com", "EMAIL_TAKEN"), ("nothing", "EMAIL_INVALID")],
)
def test_email_that_cannot_be_is_refused(
    house: Any, bia: User, email: str, code: str
) -> None:
    with pytest.raises(Refused, match=code):
        house.services.own_account.change_email(bia, email, PASSWORD, ADDRESS)
    assert house.services.accounts.user_named(bia.email) == bia


def test_name_and_language_are_kept(house: Any, bia: User) -> None:
    house.services.own_account.change_name(bia, " Beatriz Souza ")
    house.services.own_account.choose_language(bia, "en")
    kept = house.services.accounts.user_named(bia.email)
    assert (kept.name, kept.language) == ("Beatriz Souza", "en")


# Tokens of programs


def test_token_asks_in_the_name_of_its_user(house: Any, bia: User) -> None:
    token = house.services.own_account.make_token(
        bia, "planilha", Scope.PREDICTIONS, 90, ADDRESS
    )
    user, details = house.services.accounts.user_of_program(token)
    assert user == bia
    assert (details.name, details.scope) == ("planilha", Scope.PREDICTIONS)
    (listed,) = house.services.own_account.tokens(bia)
    assert listed.used_at == house.clock.now


def test_token_is_kept_as_a_digest_only(house: Any, bia: User) -> None:
    own = house.services.own_account
    token = own.make_token(bia, "planilha", Scope.AS_USER, 90, ADDRESS)
    (listed,) = own.tokens(bia)
    assert token not in everything(house)
    for no_token in ("", "x", listed.digest, listed.id, token[:-1]):
        assert house.services.accounts.user_of_program(no_token) is None


def test_token_ends_when_its_days_are_over(house: Any, bia: User) -> None:
    token = house.services.own_account.make_token(
        bia, "planilha", Scope.AS_USER, 1, ADDRESS
    )
    house.clock.now += timedelta(days=1)
    assert house.services.accounts.user_of_program(token) is None


def test_token_is_revoked_by_its_user_alone(house: Any, bia: User) -> None:
    own = house.services.own_account
    token = own.make_token(bia, "planilha", Scope.AS_USER, 9, ADDRESS)
    (listed,) = own.tokens(bia)
    with pytest.raises(NotFound, match="TOKEN_NOT_FOUND"):
        own.revoke_token(house.administrator(), listed.id, ADDRESS)
    own.revoke_token(bia, listed.id, ADDRESS)
    assert house.services.accounts.user_of_program(token) is None


@pytest.mark.parametrize(
    ("name", "days", "code"),
    [
        ("", 9, "TOKEN_NAME_INVALID"),
        ("x" * 61, 9, "TOKEN_NAME_INVALID"),
        ("a\nb", 9, "TOKEN_NAME_INVALID"),
        ("a", 0, "TOKEN_DAYS_INVALID"),
        ("a", 367, "TOKEN_DAYS_INVALID"),
    ],
)
def test_token_that_cannot_be_is_refused(
    house: Any, bia: User, name: str, days: int, code: str
) -> None:
    with pytest.raises(Refused, match=code):
        house.services.own_account.make_token(bia, name, Scope.AS_USER, days, ADDRESS)


def test_tokens_of_one_user_are_bounded(house: Any, bia: User) -> None:
    own = house.services.own_account
    for number in range(20):
        own.make_token(bia, f"token {number}", Scope.AS_USER, 9, ADDRESS)
    with pytest.raises(Refused, match="TOKENS_TOO_MANY"):
        own.make_token(bia, "one more", Scope.AS_USER, 9, ADDRESS)


# What is kept of a user


def test_data_holds_all_that_names_the_user_and_no_secret(
    house: Any, bia: User, make_fares: Any
) -> None:
    own = house.services.own_account
    session = house.services.accounts.sign_in(bia.email, PASSWORD, ADDRESS)
    token = own.make_token(bia, "planilha", Scope.AS_USER, 9, ADDRESS)
    house.services.uploads.ingest(
        make_fares(20), "bia.csv", ColumnMapping(), owner=bia.email
    )
    house.upload(name="ana.csv")
    text = json.dumps(own.data(bia, ADDRESS))
    for part in (bia.email, bia.id, "planilha", "bia.csv", ADDRESS, '"login"'):
        assert part in text
    for part in (session, token, "password_hash", "digest", "$2b$", "ana.csv"):
        assert part not in text


def test_erased_user_leaves_trainings_and_settings_without_a_name(
    house: Any, bia: User
) -> None:
    services, store = house.services, Repositories(house.services.database)
    night = services.night_settings
    values = night.current().model_dump() | {"max_leaves": 3}
    night.store(values, replacing=0, by=bia.email, reason="for the test")
    house.upload()
    run = services.claims.claim("token", PartitionRequest())
    experiment = Experiment(by=bia.email).model_dump(mode="json")
    store.runs.change(
        {"_id": run.id}, {"experiment": experiment, "stopped_by": bia.email}
    )
    services.own_account.erase(bia, PASSWORD, ADDRESS)
    left = store.runs.get(run.id)
    assert night.in_force().by == "erased"
    assert (left.experiment.by, left.stopped_by) == ("erased", "erased")


def test_erased_user_leaves_files_without_a_name(
    house: Any, bia: User, make_fares: Any
) -> None:
    services = house.services
    upload, _ = services.uploads.ingest(
        make_fares(20), "bia.csv", ColumnMapping(), owner=bia.email
    )
    services.uploads.withdraw(upload.id, by=bia.email, reason="wrong month")
    session = services.accounts.sign_in(bia.email, PASSWORD, "198.51.100.9")
    token = services.own_account.make_token(bia, "planilha", Scope.AS_USER, 9, ADDRESS)
    services.own_account.erase(bia, PASSWORD, ADDRESS)
    kept = services.uploads.find(upload.id)
    assert (kept.owner, kept.intervention.by) == ("erased", "erased")
    assert services.accounts.user_of(session) is None
    assert services.accounts.user_of_program(token) is None
    for trace in (bia.email, "198.51.100.9", "planilha", '"bia"'):
        assert trace not in everything(house)


def test_erasure_asks_for_the_password(house: Any, bia: User) -> None:
    with pytest.raises(Refused, match="PASSWORD_WRONG"):
        house.services.own_account.erase(bia, "not the password", ADDRESS)
    assert house.services.accounts.user_named(bia.email) == bia


def test_last_administrator_cannot_erase_themselves(house: Any, bia: User) -> None:
    ana = house.administrator()
    with pytest.raises(Refused, match="LAST_ADMINISTRATOR"):
        house.services.own_account.erase(ana, PASSWORD, ADDRESS)
    assert house.services.accounts.sign_in(ana.email, PASSWORD, ADDRESS)


def test_erasure_that_was_cut_short_can_be_done_again(
    house: Any, bia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = house.services
    with monkeypatch.context() as cut:
        cut.setattr(type(services.audit), "forget_addresses", _fail)
        with pytest.raises(RuntimeError):
            services.own_account.erase(bia, PASSWORD, ADDRESS)
    assert services.accounts.user_named(bia.email) is None
    services.administration.delete(bia.id, by=_actor(house))
    assert bia.email not in everything(house)


def _fail(*_given: Any) -> None:
    raise RuntimeError


def _actor(house: Any) -> Any:

    return Actor(house.administrator(), ADDRESS)
