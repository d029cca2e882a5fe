"""Who may ask Prefect's server, and what its clients say."""

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployments import prefect_environment
from deployments.local import child_environment
from tripadvance_core.errors import SettingRefused
from tripadvance_core.settings import Settings, load_settings

AUTH = "operator:a password"
NAMES = ("PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING")


def of(tmp_path: Path, **settings: Any) -> Settings:
    return load_settings(tmp_path, **settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_this_machine_nobody_needs_a_password(tmp_path: Path, host: str) -> None:
    environment = child_environment(of(tmp_path, prefect_host=host))
    assert not {*NAMES} & {*environment}


@pytest.mark.parametrize("host", ["192.168.1.7", "2001:db8::7", "prefect.local"])
def test_beyond_this_machine_the_server_needs_one(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingRefused, match="PREFECT_AUTH_MISSING"):
        child_environment(of(tmp_path, prefect_host=host))
    environment = child_environment(of(tmp_path, prefect_host=host, prefect_auth=AUTH))
    assert [environment[name] for name in NAMES] == [AUTH, AUTH]


def test_up_says_what_is_missing_before_anything_starts(installation: Any) -> None:
    installation.environment["TRIPADVANCE_PREFECT_HOST"] = "192.168.1.7"
    done = installation.command("up")
    assert done.exit_code == 1
    assert "TRIPADVANCE_PREFECT_AUTH" in done.output
    assert not (installation.data_dir / "logs").exists()


def test_address_of_the_sixth_version_stands_in_brackets(tmp_path: Path) -> None:
    settings = of(tmp_path, prefect_host="::1", prefect_port=4201)
    assert settings.prefect_url == "http://[::1]:4201"


def test_probes_say_who_they_are(tmp_path: Path) -> None:
    assert prefect_environment.authorization(of(tmp_path)) == {}
    header = prefect_environment.authorization(of(tmp_path, prefect_auth=AUTH))
    scheme, _, token = header["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(token).decode()) == ("Basic", AUTH)


def test_uploads_are_told_to_the_server_that_the_environment_names_with_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.internal:4200/api")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "theirs")
    announcer = prefect_environment.announcer(of(tmp_path, prefect_auth=AUTH))
    assert announcer._api_url == "http://prefect.internal:4200/api"
    token = base64.b64encode(b"theirs").decode()
    assert announcer._headers == {"Authorization": f"Basic {token}"}
    announcer.close()


def test_command_asks_our_prefect_for_the_block_that_names_the_object_store(
    tmp_path: Path,
) -> None:
    """In a process of its own, for Prefect reads its environment once."""
    environment = os.environ | {
        "TRIPADVANCE_LANGUAGE": "en",
        "TRIPADVANCE_S3_BLOCK": "fares",
        "TRIPADVANCE_PREFECT_PORT": "9",  # of nobody
    }
    done = subprocess.run(
        [sys.executable, "-m", "deployments.cli", "uploads"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "http://127.0.0.1:9/api" in done.stderr
    assert "S3_BLOCK_UNREACHABLE" in done.stderr
    assert "Traceback" not in done.stderr
