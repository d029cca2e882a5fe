"""Accounts in a real browser: from the first administrator to the last session."""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.ports import free_port
from tripadvance_core.domain.users import Role
from tripadvance_core.messages import sentence

pytestmark = pytest.mark.servers

PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)
PASSWORD = "uma frase bem longa"
NEW = "outra frase bem comprida"
KEY = re.compile(r"\b(WEB|ACCOUNT|TOKEN|USERS|AUDIT|EVENT|ROLE|SCOPE|MAY)_[A-Z_]+\b")


@dataclass
class Inbox:
    """Keeps the text of what the SMTP server takes."""

    letters: list[str] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=default)
        self.letters.append(f"{message['To']}\n{message.get_content()}")
        return "250 OK"


@dataclass
class House:
    """A web app that nobody has entered yet, and where its e-mails go."""

    site: Any
    inbox: Inbox
    secrets: list[str] = field(default_factory=lambda: [PASSWORD, NEW])


@pytest.fixture(scope="module")
def house(serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data_dir = tmp_path_factory.mktemp("house")
    left_over = data_dir / "gradio" / "tmp-of-long-ago"
    left_over.parent.mkdir()
    left_over.touch()
    os.utime(left_over, (0, 0))
    port = free_port()
    controller = Controller(Inbox(), hostname="127.0.0.1", port=port)
    controller.start()
    mail = {
        "smtp_host": "127.0.0.1",
        "smtp_port": str(port),
        "smtp_security": "none",
    }
    with serve(data_dir, **mail) as site:
        yield House(site, controller.handler)
    controller.stop()


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[..., str]:
    language = request.getfixturevalue("language")
    return lambda code, **details: sentence(code, language, **details)


def context_in(house: House, open_context: Any, language: str) -> BrowserContext:
    house.site.database.delete("login_attempts", {})
    context: BrowserContext = open_context(house.site)
    cookie = {"name": "lang", "value": language, "url": house.site.url}
    context.add_cookies([cookie])
    return context


def fill_in(page: Page, values: dict[str, str], button: str) -> None:
    for name, value in values.items():
        page.locator(f"form:has(button:text-is('{button}')) [name={name}]").fill(value)
    page.get_by_role("button", name=button, exact=True).click()


def sign_in(page: Page, house: House, say: Any, email: str, password: str) -> None:
    page.goto(house.site.url + "/login/")
    fill_in(page, {"email": email, "password": password}, say("WEB_SIGN_IN"))
    expect(page.locator("#header")).to_contain_text(email)


def enter_as_administrator(page: Page, house: House, say: Any, language: str) -> None:
    """Become the first administrator, or sign in as who has become it."""
    token = house.site.accounts.first_admin_token()
    if token is None:
        ana = {"email": "ana@exemplo.com"}
        house.site.database.update("users", ana, {"language": language})
        sign_in(page, house, say, "ana@exemplo.com", PASSWORD)
        return
    house.secrets.append(token)
    page.goto(f"{house.site.url}/first-admin/#{token}")
    about = {"name": "Ana", "email": "ana@exemplo.com"}
    twice = {"password": PASSWORD, "password_again": PASSWORD}
    fill_in(page, about | twice, say("WEB_FIRST_ADMIN_CREATE"))
    expect(page.locator("#header")).to_contain_text("ana@exemplo.com")


def shown_secret(page: Page, field_id: str) -> str:
    shown = page.locator(f"#{field_id}")
    expect(shown).to_have_value(re.compile(".{20,}"))
    return shown.input_value()


@pytest.mark.parametrize("language", ["pt-BR", "en"])
def test_walk_from_the_first_administrator_to_the_end_of_other_sessions(
    house: House, open_context: Any, say: Any, language: str
) -> None:
    email = f"bia-{language.lower()}@exemplo.com"
    page = context_in(house, open_context, language).new_page()
    enter_as_administrator(page, house, say, language)

    # An invitation for an analyst
    page.get_by_role("link", name=say("USERS_TITLE")).click()
    page.locator("#invite_role").select_option(Role.ANALYST)
    page.get_by_role("button", name=say("USERS_INVITE_MAKE")).click()
    link = shown_secret(page, "invite_link")
    house.secrets.append(link.partition("#")[2])

    # A new analyst comes in by it, once
    bias = context_in(house, open_context, language)
    there = bias.new_page()
    there.goto(link)
    new = {"name": "Bia", "email": email, "password": PASSWORD}
    create = say("WEB_FIRST_ADMIN_CREATE")
    fill_in(there, new | {"password_again": "not the same one"}, create)
    expect(there.get_by_role("alert")).to_have_text(say("PASSWORDS_DIFFER"))
    fill_in(there, new | {"password_again": PASSWORD}, create)
    expect(there.locator("#header")).to_contain_text(email)
    expect(there.locator(".ta-menu")).not_to_contain_text(say("USERS_TITLE"))

    # The account page
    there.locator(".ta-user").click()
    expect(there.locator("h1")).to_have_text(say("ACCOUNT_TITLE"))
    role = say("ACCOUNT_ROLE", role=say("ROLE_ANALYST"))
    expect(there.locator("main")).to_contain_text(role)
    fill_in(there, {"name": "Beatriz"}, say("ACCOUNT_SAVE_NAME"))
    form = there.locator("form[action='/account/name']")
    expect(form.get_by_role("status")).to_have_text(say("ACCOUNT_CHANGED"))
    there.locator("#token_name").fill("planilha")
    there.get_by_role("button", name=say("TOKEN_MAKE")).click()
    house.secrets.append(shown_secret(there, "token_secret"))

    # A password change ends the other session
    elsewhere = context_in(house, open_context, language).new_page()
    sign_in(elsewhere, house, say, email, PASSWORD)
    twice = {"password": NEW, "password_again": NEW}
    save = say("ACCOUNT_SAVE_PASSWORD")
    form = there.locator("form[action='/account/password']")
    fill_in(there, {"current_password": "not the password"} | twice, save)
    expect(form.get_by_role("alert")).to_have_text(say("PASSWORD_WRONG"))
    fill_in(there, {"current_password": PASSWORD} | twice, save)
    expect(form.get_by_role("status")).to_have_text(say("ACCOUNT_CHANGED"))
    elsewhere.goto(house.site.url + "/account")
    expect(elsewhere).to_have_url(re.compile("/login/$"))
    there.reload()
    expect(there.locator("h1")).to_have_text(say("ACCOUNT_TITLE"))
    sign_in(elsewhere, house, say, email, NEW)

    # The log tells of it
    page.goto(house.site.url + "/audit")
    for event in ("EVENT_PASSWORD_CHANGED", "EVENT_REGISTERED", "EVENT_TOKEN_CREATED"):
        expect(page.locator("main")).to_contain_text(say(event))
    expect(page.locator("main")).to_contain_text(email)


@pytest.mark.parametrize("language", ["pt-BR", "en"])
def test_forgotten_password_is_reset_by_a_letter(
    house: House, open_context: Any, say: Any, language: str
) -> None:
    email = f"caio-{language.lower()}@exemplo.com"
    add_user(house, email, language)
    page = context_in(house, open_context, language).new_page()
    house.inbox.letters.clear()
    page.goto(house.site.url + "/login/")
    page.get_by_role("link", name=say("WEB_FORGOT")).click()
    for address in ("nobody@exemplo.com", email):
        fill_in(page, {"email": address}, say("WEB_FORGOT_SEND"))
        sent = say("RESET_SENT", minutes=60)
        expect(page.get_by_role("status")).to_have_text(sent)
        page.reload()
    while not house.inbox.letters:
        page.wait_for_timeout(50)
    (letter,) = house.inbox.letters
    assert letter.startswith(email)
    found = re.search(r"\S+/reset/#\S+", letter)
    assert found is not None
    house.secrets.append(found[0].partition("#")[2])
    page.goto(found[0])
    twice = {"password": NEW, "password_again": NEW}
    fill_in(page, twice, say("WEB_RESET_SET"))
    page.wait_for_url("**/login/")
    sign_in(page, house, say, email, NEW)


def add_user(house: House, email: str, language: Any = "pt-BR") -> None:
    site = house.site
    if token := site.accounts.first_admin_token():
        site.accounts.create_first_admin(token, "ana@exemplo.com", "Ana", PASSWORD)
    user = site.user(email, Role.VIEWER)
    site.database.update("users", {"_id": user.id}, {"language": language})


def test_administrator_disables_and_deletes_after_saying_it_is_meant(
    house: House, open_context: Any
) -> None:
    add_user(house, "davi@exemplo.com")
    page = entered(house, open_context, "/users")

    def manage() -> Any:
        row = page.locator(".ta-people > li", has_text="davi@exemplo.com")
        row.locator("summary").click()
        return row

    manage().get_by_role("button", name="Bloquear").click()
    row = page.locator(".ta-people > li", has_text="davi@exemplo.com")
    expect(row).to_contain_text("Bloqueada")
    row = manage()
    row.get_by_role("button", name="Apagar a conta").click()
    page.wait_for_timeout(300)
    assert house.site.database.count("users", {"email": "davi@exemplo.com"}) == 1
    row.get_by_role("checkbox").check()
    row.get_by_role("button", name="Apagar a conta").click()
    expect(row).to_have_count(0)


def test_user_takes_their_data_along_and_goes(
    house: House, open_context: Any, tmp_path: Path
) -> None:
    add_user(house, "eva@exemplo.com")
    page = entered(house, open_context, "/account", "eva@exemplo.com")
    with page.expect_download() as download:
        page.get_by_role("link", name="Baixar meus dados").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert "eva@exemplo.com" in text
    assert "password" not in text
    page.get_by_text("Apagar minha conta").click()
    page.get_by_role("checkbox").check()
    fill_in(page, {"current_password": PASSWORD}, "Apagar a conta")
    page.wait_for_url("**/login/")
    assert house.site.accounts.user_named("eva@exemplo.com") is None


def test_language_is_the_users_in_every_browser(
    house: House, open_context: Any
) -> None:
    add_user(house, "gil@exemplo.com")
    page = entered(house, open_context, "/account", "gil@exemplo.com")
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("My account")
    other = context_in(house, open_context, "pt-BR").new_page()
    sign_in_button = "Entrar"
    other.goto(house.site.url + "/login/")
    credentials = {"email": "gil@exemplo.com", "password": PASSWORD}
    fill_in(other, credentials, sign_in_button)
    other.wait_for_url(house.site.url + "/")
    other.goto(house.site.url + "/account")
    expect(other.locator("h1")).to_have_text("My account")


def test_what_a_crash_has_left_of_an_upload_is_swept_away(house: House) -> None:
    left_over = house.site.data_dir / "gradio" / "tmp-of-long-ago"
    give_up_at = time.monotonic() + PATIENCE_MS / 1000
    while left_over.exists():
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


# How the pages look


def entered(
    house: House,
    open_context: Any,
    path: str,
    email: str = "ana@exemplo.com",
    **options: Any,
) -> Page:
    """Open a page with a session of its own."""
    context = open_context(house.site, **options)
    token = house.site.new_session(email)
    cookie = {"name": "tripadvance_session", "value": token, "url": house.site.url}
    context.add_cookies([cookie])
    page: Page = context.new_page()
    page.goto(house.site.url + path)
    return page


PAGES = (
    "/login/",
    "/first-admin/",
    "/register/",
    "/forgot/",
    "/reset/",
    "/account",
    "/users",
    "/audit",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_nothing_keeps_anybody_from_using_the_pages(
    house: House, open_context: Any, scheme: str, width: int, height: int
) -> None:
    add_user(house, "hugo@exemplo.com")
    size = {"width": width, "height": height}
    page = entered(house, open_context, "/users", viewport=size, color_scheme=scheme)
    for path in PAGES:
        for language in ("pt-BR", "en"):
            cookie = {"name": "lang", "value": language, "url": house.site.url}
            page.context.add_cookies([cookie])
            page.goto(house.site.url + path)
            expect(page.locator("h1")).to_be_visible()
            for closed in page.locator("details").all():
                closed.evaluate("element => element.open = true")
            assert serious(page) == [], (path, language)
            assert KEY.findall(page.locator("body").inner_text()) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def serious(page: Page) -> list[str]:
    """Return what axe-core finds that is serious or worse."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html']}"
        for fault in found
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]


def test_pages_are_walked_by_keyboard(house: House, open_context: Any) -> None:
    add_user(house, "ines@exemplo.com")
    page = entered(house, open_context, "/account", "ines@exemplo.com")
    seen: set[str] = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate("document.activeElement.id || document.activeElement.tagName")
        )
    wanted = {"name", "language", "email", "password", "token_name", "SUMMARY"}
    assert wanted <= seen


def test_no_secret_lands_in_the_log_or_in_clear_in_the_database(house: House) -> None:
    """Runs last: what was typed and shown above is what is looked for."""
    if house.secrets == [PASSWORD, NEW]:
        pytest.skip("nothing was shown before; run the whole module")
    kept = b"".join(
        file.read_bytes() for file in house.site.data_dir.glob("tripadvance.db*")
    )
    for secret in house.secrets:
        assert secret not in house.site.log
        assert secret.encode() not in kept
