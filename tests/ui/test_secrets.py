"""No secret is written down: not in a log, not in the database, not in an answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deployments.cli import main
from tests.ui.conftest import EMAIL, PASSWORD
from tripadvance_core.domain.times import utc_now
from tripadvance_core.services.api_tokens import Scope
from tripadvance_core.services.own_account import OwnAccount

pytestmark = [
    pytest.mark.servers,
    # apprise imports it, where it is there, for encrypted e-mails.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated"),
]

MAIL, HOOK, SCRAPER, SEAL = (
    f"canary-of-the-{name}" for name in ("mail", "hook", "scraper", "seal")
)
SETTINGS = {
    "smtp_host": "127.0.0.1",
    "smtp_port": "9",
    "smtp_user": "ana",
    "smtp_password": MAIL,
    "alert_urls": f"json://ana:{HOOK}@127.0.0.1:9/{HOOK}",
    "metrics_token": f"{SCRAPER}-of-20",
    "secret": SEAL,
    "boosting_rounds": "10",
    "threads": "1",
}


def command(data_dir: Path, *arguments: str, **setting: str) -> str:
    """Run the command with the same secrets; return all that it said."""
    environment = {"TRIPADVANCE_DATA_DIR": str(data_dir)}
    for name, value in (SETTINGS | setting).items():
        environment[f"TRIPADVANCE_{name.upper()}"] = value
    return CliRunner().invoke(main, arguments, env=environment).output


def lose_rows(data_dir: Path) -> None:
    for rows in (data_dir / "objects" / "rows").iterdir():
        rows.unlink()


def test_no_secret_is_written_down_whatever_fails(
    serve: Callable[..., Any],
    tmp_path: Path,
    make_fares: Callable[..., bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serve(**SETTINGS) as site:
        site.accounts.create_first_admin(
            site.accounts.first_admin_token(), EMAIL, "Ana", PASSWORD
        )
        with site.client() as client:
            session = site.sign_in(client).cookies["tripadvance_session"]
            client.post("/auth/login", json={"email": EMAIL, "password": PASSWORD[1:]})
            client.post("/auth/forgot", json={"email": EMAIL})
            client.post("/gradio_api/upload", files={"files": ("a.csv", b"a,b")})
        user = site.accounts.user_named(EMAIL)
        own_account = OwnAccount(site.database, utc_now)
        token = own_account.make_token(user, "program", Scope.AS_USER, 9, "test")
        call = "/gradio_api/run/predict_price"
        for bearer in (token, SETTINGS["metrics_token"]):
            with site.client(authorization=f"Bearer {bearer}") as program:
                program.post(call, json={"data": [{"broken": True}]})
                program.get("/prometheus")

        fares = tmp_path / "fares.csv"
        fares.write_bytes(make_fares(300))
        told = command(site.data_dir, "ingest", str(fares))
        lose_rows(site.data_dir)
        told += command(site.data_dir, "train", "--ignore-window")
        told += command(site.data_dir, "alert-test")
        uri = "mongodb://ana:canary-of-the-database@127.0.0.1:9/"
        told += command(site.data_dir, "models", mongodb_uri=uri)
        told += caplog.text
        data_dir = site.data_dir
    written = b"".join(f.read_bytes() for f in data_dir.rglob("*") if f.is_file())

    assert "NOTHING_TO_TRAIN_ON" in told
    assert "ALERT_NOT_TAKEN" in told
    assert "DATABASE_UNAVAILABLE" in told
    assert b"MAIL_UNAVAILABLE" in written
    assert b"run-failed-" in written
    secrets = [PASSWORD, PASSWORD[1:], session, token, MAIL, HOOK, SCRAPER, SEAL]
    for secret in [*secrets, "canary-of-the-database"]:
        assert secret not in told
        assert secret.encode() not in written
