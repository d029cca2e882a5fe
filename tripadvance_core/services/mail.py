"""E-mails, by the SMTP server that the settings name."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import make_msgid

from tripadvance_core.errors import Unavailable
from tripadvance_core.settings import Settings

TIMEOUT_SECONDS = 20.0


class Mailer:
    """Sends plain e-mails; without a server in the settings it must not be asked to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def is_set_up(self) -> bool:
        """Whether the settings name a server."""
        return self._settings.smtp_host is not None

    def send(self, to: str, subject: str, text: str) -> None:
        """Hand one message to the server.

        Raises
        ------
        Unavailable
            ``MAIL_UNAVAILABLE`` when the server does not take it.
        """
        message = EmailMessage()
        message["From"] = self._settings.mail_sender
        message["To"] = to
        message["Subject"] = subject
        message["Message-ID"] = make_msgid(domain="tripadvance")
        message.set_content(text)
        try:
            with self._connected() as server:
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            address = f"{self._settings.smtp_host}:{self._settings.smtp_port}"
            raise Unavailable(
                "MAIL_UNAVAILABLE", address=address, problem=type(error).__name__
            ) from error

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        settings = self._settings
        host, port = settings.smtp_host or "", settings.smtp_port
        context = ssl.create_default_context()
        server = (
            smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=context)
            if settings.smtp_security == "tls"
            else smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
        )
        with server:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
            if settings.smtp_user is not None and settings.smtp_password is not None:
                server.login(
                    settings.smtp_user, settings.smtp_password.get_secret_value()
                )
            yield server
