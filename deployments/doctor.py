"""The command ``doctor``: whether everything is there and sound."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from deployments.checks import (
    MACHINE_CHECKS,
    SERVER_CHECKS,
    STORAGE_CHECKS,
    State,
    Told,
)
from deployments.console import Console, explain
from deployments.prefect_server import server_of
from tripadvance_core.bootstrap import opened_services
from tripadvance_core.errors import TripAdvanceError
from tripadvance_core.settings import Settings

Finding = dict[str, object]
_MARKS = {State.SOUND: "✓", State.UNKNOWN: "—", State.WRONG: "✗"}


def examine(settings: Settings, console: Console) -> bool:
    """Make every check and print what it found; False if any failed."""
    findings = _try_all(MACHINE_CHECKS, console, settings)
    try:
        with opened_services(settings) as services:
            findings += _try_all(STORAGE_CHECKS, console, services)
            server = server_of(settings)
            findings += _try_all(SERVER_CHECKS, console, services, server)
    except TripAdvanceError as error:
        findings.append(_finding("CHECK_STORAGE", error, console))
    healthy = all(finding["ok"] for finding in findings)
    console.say("DOCTOR_HEALTHY" if healthy else "DOCTOR_UNHEALTHY")
    console.document({"healthy": healthy, "checks": findings})
    return healthy


def _try_all(
    checks: dict[str, Callable[..., Told]], console: Console, *patient: Any
) -> list[Finding]:
    return [
        _try(code, partial(check, *patient), console) for code, check in checks.items()
    ]


def _try(code: str, check: Callable[[], Told], console: Console) -> Finding:
    try:
        return _finding(code, check(), console)
    except TripAdvanceError as error:
        return _finding(code, error, console)


def _finding(code: str, found: Told | TripAdvanceError, console: Console) -> Finding:
    if isinstance(found, TripAdvanceError):
        state, said = State.WRONG, explain(found, console)
    else:
        state, said = found.state, _say(found, console)
    wrong = state is State.WRONG
    console.line(f"{_MARKS[state]} {console.sentence(code)}: {said}")
    return {
        "check": code,
        "ok": not wrong,
        "state": state,
        "told": None if wrong else said,
        "problem": said if wrong else None,
    }


def _say(told: Told, console: Console) -> str:
    details = {
        name: console.moment(value) if isinstance(value, datetime) else value
        for name, value in told.details.items()
    }
    return console.sentence(told.code, **details)
