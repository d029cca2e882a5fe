"""What is installed is what was meant: locks, declared packages, and the command."""

import ast
import json
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[1]
LOCKS = [
    "requirements-install.lock",
    "requirements-audit.lock",
    "requirements-server.lock",
    "requirements.lock",
    "requirements-dev.lock",
]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def direct(*lists: Iterable[object]) -> dict[str, Requirement]:
    """Return the requirements of some lists of pyproject.toml by their names."""
    found = [
        Requirement(item) for each in lists for item in each if isinstance(item, str)
    ]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


EXTRAS = direct(*PYPROJECT["project"]["optional-dependencies"].values())
RUNTIME = direct(PYPROJECT["project"]["dependencies"])
GROUPS = PYPROJECT["dependency-groups"]


def blocks(lock: str) -> list[str]:
    """Return a lock's requirements, each with the lines that continue it."""
    text = (PROJECT / lock).read_text(encoding="utf-8")
    return re.split(r"\n(?!\s)", text.strip())


def locked(lock: str) -> dict[str, set[str]]:
    """Return the versions of each package; several where platforms differ."""
    versions: dict[str, set[str]] = {}
    for block in blocks(lock):
        requirement = Requirement(block.split("\\")[0])
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        versions.setdefault(canonicalize_name(requirement.name), set()).add(pin.version)
    return versions


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash(lock: str) -> None:
    without = [
        b for b in blocks(lock) if not re.search(r"--hash=sha256:[0-9a-f]{64}", b)
    ]
    assert without == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_address(lock: str) -> None:
    text = (PROJECT / lock).read_text(encoding="utf-8")
    assert re.findall(r".*(?:://|index|find-links| @ ).*", text) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_leaves_the_packages_for_several_gpus_out(lock: str) -> None:
    assert [name for name in locked(lock) if name.startswith("nvidia")] == []


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        ("requirements-install.lock", direct(GROUPS["install"])),
        ("requirements-audit.lock", direct(GROUPS["audit"])),
        ("requirements-server.lock", direct(GROUPS["server"])),
        ("requirements.lock", RUNTIME | direct(GROUPS["build"])),
        ("requirements-dev.lock", RUNTIME | direct(GROUPS["build"], GROUPS["dev"])),
    ],
)
def test_lock_holds_what_pyproject_asks_for(
    lock: str, asked: dict[str, Requirement]
) -> None:
    versions = locked(lock)
    unsuited = [
        str(requirement)
        for name, requirement in asked.items()
        if not versions.get(name)
        or not all(requirement.specifier.contains(v) for v in versions[name])
    ]
    assert unsuited == []


def test_tests_run_on_the_versions_that_users_get() -> None:
    for_users, for_tests = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: for_tests.get(name) for name in for_users} == for_users


def test_prefect_serves_in_the_versions_that_its_clients_have() -> None:
    for_users, for_server = locked("requirements.lock"), locked(LOCKS[2])
    shared = {*for_users} & {*for_server}
    assert {"prefect", "fastapi", "sqlalchemy"} <= shared
    assert {n: for_server[n] for n in shared} == {n: for_users[n] for n in shared}


@pytest.mark.parametrize(
    ("package", "fit", "unfit"),
    [
        ("fastapi", "0.150.0", "0.151.0"),  # then Prefect refuses its own requests
        ("sqlalchemy", "2.0.58", "2.1.0"),  # then Prefect schedules no run at all
        ("gradio", "6.31.0", "7.0.0"),
    ],
)
def test_versions_that_break_a_server_are_ruled_out(
    package: str, fit: str, unfit: str
) -> None:
    assert RUNTIME[package].specifier.contains(fit)
    assert not RUNTIME[package].specifier.contains(unfit)


def test_every_imported_package_is_declared() -> None:
    providers = packages_distributions()
    own = {*PACKAGES, *sys.stdlib_module_names}
    undeclared = {
        name
        for package in PACKAGES
        for file in (PROJECT / package).rglob("*.py")
        for name in _imported(file) - own
        if not {canonicalize_name(each) for each in providers[name]}
        & {*RUNTIME, *EXTRAS}
    }
    assert undeclared == set()


def _imported(file: Path) -> set[str]:
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        if not _is_for_types_only(node):
            waiting += ast.iter_child_nodes(node)
    return {name.partition(".")[0] for name in names}


def _is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_every_direct_dependency_is_explained() -> None:
    text = (PROJECT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `([^`]+)` \| \S", text, re.MULTILINE))
    assert explained == {*RUNTIME, *direct(*GROUPS.values())}


def test_changelog_tells_of_this_version() -> None:
    text = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{PYPROJECT['project']['version']}]" in text


def test_make_explains_every_target() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.*)", makefile, re.MULTILINE)
    told = subprocess.run(
        ["make", "--no-print-directory"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.findall(r"^(\S+) +\S", told, re.MULTILINE) == targets.split()


@pytest.mark.parametrize("readme", ["README.md", "README.pt-BR.md"])
def test_readme_tells_of_every_command(readme: str) -> None:
    from deployments.cli import main

    text = (PROJECT / readme).read_text(encoding="utf-8")
    told = re.findall(r"^\| `tripadvance ([a-z-]+)[^|]*\| \S", text, re.MULTILINE)
    assert sorted(told) == sorted(main.commands)


def test_known_vulnerability_fails_the_audit_and_silence_is_told() -> None:
    judge = runpy.run_path(str(PROJECT / ".ci" / "audit.py"))["judge"]
    sound = {"name": "a", "version": "1", "vulns": []}
    vulnerable = {
        "name": "b",
        "version": "2",
        "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}],
    }
    unknown = {"name": "c", "skip_reason": "c is not on PyPI"}
    assert judge([sound]) == (["1 of 1 packages were audited."], False)
    lines, known = judge([sound, vulnerable, unknown])
    assert known
    assert lines[0] == "b 2: PYSEC-1, mended in 3"
    assert lines[1] == "2 of 3 packages were audited."
    assert "NOT AUDITED: 1 packages" in lines[2]
    assert not judge([sound, unknown])[1]


def test_sbom_has_every_locked_package_with_hashes_and_no_address(
    tmp_path: Path,
) -> None:
    target = tmp_path / "sbom.json"
    script = str(PROJECT / ".ci" / "sbom.py")
    python = PROJECT / ".venv" / "audit" / "bin" / "python"
    subprocess.run([python, script, str(target)], cwd=PROJECT, check=True)
    bill = json.loads(target.read_text(encoding="utf-8"))
    listed: dict[str, set[str]] = {}
    for component in bill["components"]:
        assert component["hashes"]
        listed.setdefault(component["name"], set()).add(component["version"])
    assert listed == locked("requirements.lock")
    schema = bill.pop("$schema")
    assert "cyclonedx" in schema
    assert "://" not in json.dumps(bill)
