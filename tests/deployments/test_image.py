"""The image as far as no engine is needed: what its steps name is there."""

import json
import re
import shlex
import tomllib
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

from tripadvance_core.settings import Settings

PROJECT = Path(__file__).parents[2]
IGNORED = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
SENT = [line.removeprefix("!") for line in IGNORED if line.startswith("!")]


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, each on one line, comments left out."""
    text = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    pairs = [line.strip().partition(" ") for line in joined.splitlines() if line]
    return [(name, " ".join(rest.split())) for name, _, rest in pairs]


def of(name: str) -> list[str]:
    return [rest for each, rest in instructions() if each == name]


def stages() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for name, rest in instructions():
        if name == "FROM":
            found[rest.split()[-1]] = []
        list(found.values())[-1].append((name, rest))
    return found


def test_last_stage_is_the_app_and_each_stage_stands_on_what_there_is() -> None:
    names = [*stages()]
    assert names[-1] == "app"
    for position, stage in enumerate(stages().values()):
        base = stage[0][1].split()[0]
        assert base in names[:position] or re.fullmatch(r"python:3\.11-\S+", base)


def test_every_copied_path_is_sent_and_exists() -> None:
    copied = [
        path
        for rest in of("COPY")
        if not rest.startswith("--from=")
        for path in rest.split()[:-1]
    ]
    assert "requirements.lock" in copied
    for path in copied:
        assert path == "." or path in SENT
    for path in SENT:
        assert (PROJECT / path).exists(), path


def test_every_package_and_what_builds_it_is_sent() -> None:
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    wheel = tomllib.loads(text)["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], "README.md", "LICENSE"}
    assert needed <= {*SENT}


def test_nothing_is_installed_without_its_hash() -> None:
    installing = [
        step.strip()
        for rest in of("RUN")
        for step in rest.split("&&")
        if " install " in step or " sync " in step
    ]
    of_packages = [step for step in installing if "--directory" not in step]
    assert len(of_packages) == 4
    hashed = [step for step in of_packages if "--require-hashes" in step]
    (project,) = {*of_packages} - {*hashed}
    assert "--no-deps --no-build-isolation ." in project


@pytest.mark.parametrize("stage", ["app", "server"])
def test_image_runs_as_nobody_who_may_do_anything(stage: str) -> None:
    steps = stages()[stage]
    (user,) = [rest for name, rest in steps if name == "USER"]
    (created,) = [rest for name, rest in steps if name == "RUN"]
    assert user != "root"
    assert created.split("&&")[0].split()[-1] == user
    (volume,) = [rest for name, rest in steps if name == "VOLUME"]
    assert f"install --directory --owner={user} --mode=0700 {volume}" in created
    assert [name for name, _ in steps].index("USER") > 1


def test_commands_of_the_image_exist() -> None:
    scripts = {each.name for each in entry_points(group="console_scripts")}
    asked = [rest.partition("[") for rest in of("CMD")]
    commands = [json.loads(bracket + rest) for _, bracket, rest in asked]
    assert ["python", "-m", "deployments.web"] in commands
    for command in commands:
        match command:
            case ["python", "-m", module]:
                assert find_spec(module) is not None
            case ["python", "-c", _]:
                pass
            case [script, *_]:
                assert script in scripts


def environment(stage: str) -> dict[str, str]:
    (given,) = [rest for name, rest in stages()[stage] if name == "ENV"]
    pairs = (pair.partition("=") for pair in shlex.split(given))
    return {name: value for name, _, value in pairs}


def test_environment_of_the_image_is_known_to_the_settings() -> None:
    told = environment("app")
    ours = {n for n in told if n.startswith("TRIPADVANCE_")}
    assert "TRIPADVANCE_DATA_DIR" in ours
    for name in ours:
        assert name.removeprefix("TRIPADVANCE_").lower() in Settings.model_fields
    (volume,) = [rest for name, rest in stages()["app"] if name == "VOLUME"]
    assert told["TRIPADVANCE_DATA_DIR"] == volume
    assert told["PREFECT_HOME"].startswith(volume)
