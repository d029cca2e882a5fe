"""The command deploy where it cannot do what it is asked."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest


def test_command_says_that_prefect_does_not_answer(installation: Any) -> None:
    done = subprocess.run(  # this process has a client of Prefect's already
        [sys.executable, "-m", "deployments.cli", "deploy", "--json"],
        env=os.environ | installation.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "PREFECT_UNAVAILABLE"


def test_options_of_ecs_alone_are_wrong_usage(installation: Any) -> None:
    done = installation.command("deploy", "--image", "x")
    assert done.exit_code == 2
    assert "--target ecs" in done.output


@pytest.mark.parametrize("secret", ["A", "A=hunter2", "=arn:aws:ssm:x"])
def test_value_of_a_secret_is_no_arn(installation: Any, secret: str) -> None:
    done = installation.command("deploy", "--target", "ecs", "--secret", secret)
    assert done.exit_code == 2
    assert "VARIABLE=ARN" in done.output
