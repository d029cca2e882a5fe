"""The template as the command writes it."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("options", "header"), [([], "start_city"), (["--language", "pt-BR"], "origem")]
)
def test_template_speaks_the_language_asked_for(
    installation: Any, tmp_path: Path, options: list[str], header: str
) -> None:
    output = tmp_path / "fares.csv"
    done = installation.command("template", "-o", str(output), *options, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["output"] == str(output)
    assert header in output.read_text("utf-8-sig")


def test_template_of_another_type_is_wrong_usage(
    installation: Any, tmp_path: Path
) -> None:
    assert (
        installation.command("template", "-o", str(tmp_path / "a.ods")).exit_code == 2
    )
