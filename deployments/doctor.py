"""The command ``doctor``: whether everything is there and sound."""

import importlib.metadata
from collections.abc import Callable
from functools import partial

from packaging.requirements import Requirement

from deployments.console import Console, explain
from tripadvance_core.bootstrap import Services, opened_services
from tripadvance_core.errors import Corrupted, TripAdvanceError, Unavailable
from tripadvance_core.settings import Settings

Finding = dict[str, object]


def examine(settings: Settings, console: Console) -> bool:
    """Make every check and print what it found; False if any failed."""
    findings = [_try("CHECK_PACKAGES", _check_packages, console)]
    try:
        with opened_services(settings) as services:
            findings += [
                _try(code, partial(check, services), console)
                for code, check in _SERVICE_CHECKS.items()
            ]
    except TripAdvanceError as error:
        findings.append(_finding("CHECK_STORAGE", error, console))
    healthy = all(finding["ok"] for finding in findings)
    console.say("DOCTOR_HEALTHY" if healthy else "DOCTOR_UNHEALTHY")
    console.document({"healthy": healthy, "checks": findings})
    return healthy


def _check_packages() -> None:
    """Newer releases of some packages break Prefect without a word."""
    for line in importlib.metadata.requires("tripadvance") or []:
        wanted = Requirement(line)
        installed = importlib.metadata.version(wanted.name)
        if not wanted.specifier.contains(installed):
            raise Unavailable("PACKAGE_UNSUITED", wanted=wanted, installed=installed)


def _check_storage(services: Services) -> None:
    services.installation.setup()


def _check_master(services: Services) -> None:
    master = services.registry.master()
    if master is not None:
        services.registry.load(master)


def _check_invariants(services: Services) -> None:
    broken = services.invariants.violations()
    if broken:
        language = services.settings.language
        sentences = (violation.sentence(language) for violation in broken)
        raise Corrupted("INVARIANTS_BROKEN", problems="\n  ".join(sentences))


_SERVICE_CHECKS: dict[str, Callable[[Services], None]] = {
    "CHECK_STORAGE": _check_storage,
    "CHECK_MASTER": _check_master,
    "CHECK_INVARIANTS": _check_invariants,
}


def _try(code: str, check: Callable[[], None], console: Console) -> Finding:
    try:
        check()
    except TripAdvanceError as error:
        return _finding(code, error, console)
    return _finding(code, None, console)


def _finding(code: str, error: TripAdvanceError | None, console: Console) -> Finding:
    problem = explain(error, console) if error else None
    mark = "✗" if error else "✓"
    console.line(f"{mark} {console.sentence(code)}")
    if problem:
        console.line(f"  {problem}")
    return {"check": code, "ok": error is None, "problem": problem}
