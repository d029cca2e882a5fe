"""The units of systemd: what they start exists, and little is open to it."""

import configparser
import re
import shutil
import subprocess
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "deployments" / "systemd"
NAMES = sorted(file.name for file in UNITS.glob("*.service"))
COMMON = UNITS / "tripadvance-.service.d" / "common.conf"
BIN = "/opt/tripadvance/.venv/bin/"


def command(name: str) -> list[str]:
    unit = configparser.ConfigParser(interpolation=None)
    unit.read(UNITS / name)
    return unit["Service"]["ExecStart"].split()


@pytest.mark.parametrize("name", NAMES)
def test_unit_starts_what_there_is(name: str) -> None:
    program, *arguments = command(name)
    assert program.startswith(BIN)
    match [program.removeprefix(BIN), *arguments]:
        case ["python", "-m", module]:
            assert find_spec(module) is not None
        case [script, *_]:
            scripts = {each.name for each in entry_points(group="console_scripts")}
            assert script in scripts


@pytest.mark.parametrize("name", NAMES)
def test_rules_for_all_reach_the_unit(name: str) -> None:
    """A drop-in of this folder is read for every unit that is named like it."""
    assert name.startswith("tripadvance-")


def test_unit_may_write_to_its_own_folder_alone() -> None:
    told = COMMON.read_text(encoding="utf-8")
    for line in ("ProtectSystem=strict", "NoNewPrivileges=yes", "UMask=0077"):
        assert f"\n{line}\n" in told
    assert "ReadWritePaths" not in told
    assert "\nUser=root" not in told
    (folder,) = re.findall(r"^StateDirectory=(.*)", told, re.MULTILINE)
    assert f"\nEnvironment=TRIPADVANCE_DATA_DIR=/var/lib/{folder}\n" in told


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze"
)
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    shutil.copytree(UNITS, tmp_path / "etc" / "systemd" / "system")
    system = Path("usr/lib/systemd/system")
    shutil.copytree("/" / system, tmp_path / system, symlinks=True)
    for name in NAMES:
        program = tmp_path / command(name)[0].removeprefix("/")
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    done = subprocess.run(
        ["systemd-analyze", "verify", f"--root={tmp_path}", *NAMES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
