"""E-mails, taken by a real SMTP server on this machine."""

from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from tests.ports import free_port
from tripadvance_core.errors import Unavailable
from tripadvance_core.services.mail import Mailer
from tripadvance_core.settings import Settings, load_settings

USER, SECRET = "sender@exemplo.com", "s3cret of the mail"


class Inbox:
    """Keeps what the server takes."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 OK"


def authenticate(
    _server: Any, _session: Any, _envelope: Any, mechanism: str, auth: Any
) -> AuthResult:
    known = (auth.login, auth.password) == (USER.encode(), SECRET.encode())
    return AuthResult(success=known, handled=known)


@pytest.fixture
def open_server() -> Iterator[Callable[..., tuple[Inbox, Settings]]]:
    controllers: list[Controller] = []

    def start(**options: Any) -> tuple[Inbox, Settings]:
        inbox = Inbox()
        port = free_port()
        controller = Controller(inbox, hostname="127.0.0.1", port=port, **options)
        controllers.append(controller)
        controller.start()
        settings = {"smtp_host": "127.0.0.1", "smtp_port": port}
        return inbox, load_settings(smtp_security="none", **settings)

    yield start
    for controller in controllers:
        controller.stop()


def test_message_arrives_as_it_was_written(
    open_server: Callable[..., tuple[Inbox, Settings]],
) -> None:
    inbox, settings = open_server()
    Mailer(settings).send("bia@exemplo.com", "Outra senha", "Olá, Conceição\n")
    (envelope,) = inbox.envelopes
    message = message_from_bytes(envelope.content, policy=default)
    assert envelope.rcpt_tos == ["bia@exemplo.com"]
    assert message["Subject"] == "Outra senha"
    assert message.get_content().strip() == "Olá, Conceição"


# No certificate of this machine's own would be trusted, so the test does without TLS.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("password", [SECRET, "wrong"])
def test_server_that_asks_for_a_password_gets_it(
    open_server: Callable[..., tuple[Inbox, Settings]], password: str
) -> None:
    inbox, settings = open_server(
        authenticator=authenticate, auth_required=True, auth_require_tls=False
    )
    known = {"smtp_user": USER, "smtp_password": password}
    mailer = Mailer(load_settings(**settings.model_dump() | known))
    if password == SECRET:
        mailer.send("bia@exemplo.com", "x", "y")
        assert inbox.envelopes[0].mail_from == USER
    else:
        with pytest.raises(Unavailable, match="MAIL_UNAVAILABLE") as caught:
            mailer.send("bia@exemplo.com", "x", "y")
        assert password not in str(caught.value)
        assert inbox.envelopes == []


def test_server_without_encryption_is_not_told_anything(
    open_server: Callable[..., tuple[Inbox, Settings]],
) -> None:
    inbox, settings = open_server()
    wants = load_settings(**settings.model_dump() | {"smtp_security": "starttls"})
    with pytest.raises(Unavailable, match="MAIL_UNAVAILABLE"):
        Mailer(wants).send("bia@exemplo.com", "x", "y")
    assert inbox.envelopes == []


def test_name_cannot_smuggle_a_header_in() -> None:
    mailer = Mailer(load_settings(smtp_host="127.0.0.1"))
    with pytest.raises(ValueError, match="linefeed"):
        mailer.send("bia@exemplo.com\nBcc: eva@exemplo.com", "x", "y")


def test_without_a_server_in_the_settings_nothing_is_sent() -> None:
    assert not Mailer(load_settings()).is_set_up
