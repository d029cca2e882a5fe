"""The real command on a real installation: its own folder, its own free ports."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import browser, open_context
from tests.ports import free_port

__all__ = ["browser", "open_context"]  # fixtures of every browser test

READY_SECONDS = 240
PREFECT_AUTH = "operator:a password of Prefect"


def wait_for(what: Callable[[], Any], seconds: float = 120, every: float = 0.2) -> Any:
    """Return the first true answer of ``what``; fail when there is none in time."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        if answer := what():
            return answer
        time.sleep(every)
    raise AssertionError(f"waited {seconds} s in vain")


@dataclass
class Installation:
    """One data folder, the environment that leads to it, and the command."""

    data_dir: Path
    environment: dict[str, str]
    up: subprocess.Popen[str] | None = None

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deployments.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            umask=0,
        )

    def documents(self, *arguments: str) -> list[Any]:
        """Run the command with --json and read what it printed, a document a line."""
        done = self.command(*arguments, "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def start(self, *options: str) -> None:
        with (self.data_dir / "up.out").open("w") as output:
            self.up = subprocess.Popen(
                [sys.executable, "-m", "deployments.cli", "up", *options],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                umask=0,
            )

    @property
    def output(self) -> str:
        return (self.data_dir / "up.out").read_text(encoding="utf-8")

    def wait_for_output(self, text: str) -> None:
        def appeared() -> bool:
            assert self.up is not None
            assert self.up.poll() is None, self.output
            return text in self.output

        wait_for(appeared, READY_SECONDS)

    def stop(self) -> int:
        assert self.up is not None
        if self.up.poll() is None:
            self.up.send_signal(signal.SIGINT)
        return self.up.wait(60)

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.environment['TRIPADVANCE_WEB_PORT']}"

    @property
    def prefect_url(self) -> str:
        return f"http://127.0.0.1:{self.environment['TRIPADVANCE_PREFECT_PORT']}"


def new_installation(folder: Path, **settings: str) -> Installation:
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "TRIPADVANCE_DATA_DIR": str(folder),
        "TRIPADVANCE_LANGUAGE": "en",
        "TRIPADVANCE_WEB_PORT": str(free_port()),
        "TRIPADVANCE_PREFECT_PORT": str(free_port()),
        "TRIPADVANCE_BOOSTING_ROUNDS": "20",
        "TRIPADVANCE_THREADS": "1",
        **{f"TRIPADVANCE_{name.upper()}": value for name, value in settings.items()},
    }
    return Installation(folder, environment)


@pytest.fixture(scope="session", name="new_installation")
def new_installation_fixture() -> Callable[..., Installation]:
    return new_installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    one = new_installation(tmp_path / "data")
    yield one
    if one.up is not None:
        one.stop()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation that is up, started by the demo, for all tests that only look."""
    folder = tmp_path_factory.mktemp("running") / "data"
    one = new_installation(folder, prefect_auth=PREFECT_AUTH)
    one.start("--demo")
    one.wait_for_output("TripAdvance is up")
    yield one
    assert one.stop() == 0
