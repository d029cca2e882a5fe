"""The web app answers while its own process has dangerous files read."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ports import free_port

from .conftest import wait_until_it_answers

HOSTILE = Path(__file__).parents[2] / "../shared/hostile"
EXPECTED = HOSTILE / "expected.json"
MOST_GROWTH = 50 * 1024 * 1024


class ReadingSite:
    """A running web app that can be told to read a file."""

    def __init__(self, client: httpx.Client, process: subprocess.Popen[str]) -> None:
        self._client = client
        self._process = process

    def memory_after(self, case: dict[str, Any]) -> int:
        """Have a file read, ask for health all the while, return the memory then."""
        assert self._process.stdin
        line = json.dumps([str(HOSTILE / case["file"]), case["upload_name"]])
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = Answer(self._process)
        answer.start()
        while answer.is_alive():
            assert self._client.get("/healthz").json() == {"ok": True}
            answer.join(0.05)
        assert answer.verdict in ("accept", "partial", "reject"), case["id"]
        return answer.memory


class Answer(threading.Thread):
    """Waits for what the app says of a file."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__()
        self.verdict, self.memory = "", 0
        self._process = process

    def run(self) -> None:
        assert self._process.stdout
        verdict, _, memory = self._process.stdout.readline().partition(" ")
        self.verdict, self.memory = verdict, int(memory or 0)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ReadingSite]:
    port = free_port()
    environment = os.environ | {
        "TRIPADVANCE_DATA_DIR": str(tmp_path / "data"),
        "TRIPADVANCE_WEB_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
    }
    log = tmp_path / "web.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "reading_server.py")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        wait_until_it_answers(url, process, log)  # type: ignore[arg-type]
        with httpx.Client(base_url=url, timeout=10) as client:
            yield ReadingSite(client, process)
        process.terminate()


@pytest.mark.servers
@pytest.mark.skipif(not EXPECTED.exists(), reason="the corpus is not here")
def test_app_answers_while_dangerous_files_are_read(site: ReadingSite) -> None:
    cases = json.loads(EXPECTED.read_text("utf-8"))["cases"]
    dangerous = [case for case in cases if case["family"] in ("resource", "container")]
    first = site.memory_after(dangerous[0])
    most = max(site.memory_after(case) for case in dangerous)
    assert most - first < MOST_GROWTH
