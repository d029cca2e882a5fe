"""The command that tries the alerts out."""

import json
from typing import Any

import pytest

# apprise imports it, where it is there, for encrypted e-mails.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")


def test_without_addresses_that_is_said(installation: Any) -> None:
    done = installation.command("alert-test")
    assert done.exit_code == 1
    assert "TRIPADVANCE_ALERT_URLS is not set" in done.stdout


def test_failed_delivery_is_told_by_its_position_alone(installation: Any) -> None:
    installation.environment["TRIPADVANCE_ALERT_URLS"] = "json://a:secret@127.0.0.1:9"
    told = installation.command("alert-test")
    assert told.exit_code == 1
    assert told.stdout.startswith("Address 1: The message was not taken.")
    assert "secret" not in told.stdout
    documents = installation.command("alert-test", "--json").stdout
    assert json.loads(documents) == {"delivered": [False]}


@pytest.mark.parametrize("urls", ["secret@example.com", "json://a b,c", ""])
def test_address_that_is_none_is_refused_without_being_shown(
    installation: Any, urls: str
) -> None:
    installation.environment["TRIPADVANCE_ALERT_URLS"] = urls
    told = installation.command("alert-test")
    assert told.exit_code == 1
    assert "secret" not in told.output
