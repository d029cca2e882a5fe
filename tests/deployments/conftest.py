"""The command in this process, on a data folder of its own."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deployments.cli import main


@dataclass
class Installation:
    """One data folder, the environment that leads to it, and the command."""

    data_dir: Path
    environment: dict[str, str]

    def command(self, *arguments: str) -> Result:
        return CliRunner().invoke(
            main, arguments, env=self.environment, catch_exceptions=False
        )

    def documents(self, *arguments: str) -> list[Any]:
        """Run the command with --json and read what it printed, a document a line."""
        done = self.command(*arguments, "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(
        tmp_path / "data",
        {
            "TRIPADVANCE_DATA_DIR": str(tmp_path / "data"),
            "TRIPADVANCE_LANGUAGE": "en",
            "TRIPADVANCE_BOOSTING_ROUNDS": "20",
            "TRIPADVANCE_THREADS": "1",
            "TRIPADVANCE_PREFECT_PORT": "9",  # of nobody
        },
    )
