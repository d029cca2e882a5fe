"""What ``doctor`` looks at; each check tells what it found, or raises what is wrong."""

import importlib.metadata
import os
import platform
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from deployments.prefect_server import Server, nightly_of
from tripadvance_core import formats
from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.entities import RunStatus
from tripadvance_core.errors import Corrupted, Unavailable
from tripadvance_core.services.alerts import CUT_OFF
from tripadvance_core.services.scheduler import Schedule
from tripadvance_core.settings import Settings

LEAST_FREE_BYTES = 10**9
CLOCK_TOLERANCE = timedelta(minutes=5)
RUNNER_SILENCE = timedelta(minutes=2)
"""A runner asks for work every few seconds."""
A_NIGHT = timedelta(days=1)


class State(StrEnum):
    """What a check came to; UNKNOWN is what cannot be told now, or need not be."""

    SOUND = "sound"
    UNKNOWN = "unknown"
    WRONG = "wrong"


@dataclass(frozen=True)
class Told:
    """What a check found that is not wrong: a sentence and the values of its places."""

    code: str
    details: dict[str, Any]
    state: State = State.SOUND


def _sound(code: str, **details: Any) -> Told:
    return Told(code, details)


def _unknown(code: str, **details: Any) -> Told:
    return Told(code, details, State.UNKNOWN)


# The machine


def _check_python(_settings: Settings) -> Told:
    wanted = importlib.metadata.metadata("tripadvance")["Requires-Python"]
    version = platform.python_version()
    if not SpecifierSet(wanted).contains(version):
        raise Unavailable("PYTHON_UNSUITED", wanted=wanted, installed=version)
    return _sound("PYTHON_IS", version=version)


def _check_packages(_settings: Settings) -> Told:
    """Newer releases of some packages break Prefect without a word."""
    for line in importlib.metadata.requires("tripadvance") or []:
        wanted = Requirement(line)
        installed = importlib.metadata.version(wanted.name)
        if not wanted.specifier.contains(installed):
            raise Unavailable("PACKAGE_UNSUITED", wanted=wanted, installed=installed)
    version = importlib.metadata.version("tripadvance")
    return _sound("PACKAGES_ARE", version=version)


def _check_folder(settings: Settings) -> Told:
    folder = settings.data_dir
    if not folder.exists():
        return _unknown("FOLDER_NOT_YET", path=folder)
    # What lies deeper is behind the folder itself.
    files = [path for path in folder.iterdir() if path.is_file()]
    for path in [folder, *files]:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Unavailable("FOLDER_OPEN", path=path)
    return _sound("FOLDER_IS", path=folder)


def _check_space(settings: Settings) -> Told:
    folder = settings.data_dir
    if not folder.exists():
        return _unknown("FOLDER_NOT_YET", path=folder)
    language = settings.language
    free = shutil.disk_usage(folder).free
    # A night may write the rows that it trains on once more, and a model.
    needed = max(LEAST_FREE_BYTES, sum(_sizes(folder)) // 2)
    if free < needed:
        raise Unavailable(
            "SPACE_SHORT",
            path=folder,
            free=formats.file_size(free, language),
            needed=formats.file_size(needed, language),
        )
    return _sound("SPACE_IS", free=formats.file_size(free, language))


def _sizes(folder: Path) -> Iterator[int]:
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if path.exists():  # a temporary file may be gone by now
                yield path.lstat().st_size


# Database, objects and what they hold


def _check_database(services: Services) -> Told:
    return _sound("DATABASE_IS", version=services.database.version())


def _check_objects(services: Services) -> Told:
    key, content = f"probe-{secrets.token_hex(8)}", secrets.token_bytes(64)
    services.objects.put(key, content)
    try:
        if services.objects.get(key) != content:
            raise Corrupted("CHECKSUM_MISMATCH", key=key)
    finally:
        services.objects.delete(key)
    return _sound("OBJECTS_ARE", address=_named(services))


def _named(services: Services) -> str:
    """Return where the objects lie, and which block of Prefect's says so."""
    address, block = services.objects.address, services.settings.s3_block
    return address if block is None else f"{address} (S3Bucket {block})"


def _check_master(services: Services) -> Told:
    master = services.registry.master()
    if master is None:
        return _unknown("MASTER_NOT_YET")
    services.registry.load(master)
    return _sound("MASTER_IS", number=master.number)


def _check_invariants(services: Services) -> Told:
    broken = services.invariants.violations()
    if broken:
        language = services.settings.language
        sentences = (violation.sentence(language) for violation in broken)
        raise Corrupted("INVARIANTS_BROKEN", problems="\n  ".join(sentences))
    return _sound("UPLOADS_ARE", count=len(services.uploads.all()))


def _check_night(services: Services) -> Told:
    last = services.overview.read().last_run
    if last is None:
        return _unknown("NIGHT_NOT_YET")
    run = last.run
    if last.broken:
        failure = run.failure or CUT_OFF
        raise Unavailable(
            "NIGHT_BROKEN", number=run.number, at=run.started_at, failure=failure
        )
    if run.status is RunStatus.OPEN:
        return _sound("NIGHT_UNDER_WAY", number=run.number, at=run.started_at)
    outcome = run.steps["promote"]["outcome"] if run.status is RunStatus.DONE else None
    at = run.finished_at or run.started_at
    return _sound("NIGHT_WAS", number=run.number, at=at, outcome=outcome or run.status)


def _check_waiting(services: Services) -> Told:
    waiting = services.overview.read().waiting
    late = waiting.at_the_latest
    # The night after its longest wait takes a file, however little there is.
    if late is not None and services.clock() > late + A_NIGHT:
        raise Unavailable("WAITING_TOO_LONG", at=waiting.oldest_at)
    return _sound("WAITING_ARE", count=len(waiting.uploads))


def _check_alerts(services: Services) -> Told:
    if not services.alerts.is_set_up:
        return _unknown("ALERTS_NOT_SET_UP")
    addresses = len(services.settings.alert_addresses)
    undelivered = services.alerts.undelivered()
    return _sound("ALERTS_ARE", addresses=addresses, undelivered=undelivered)


def _check_mail(services: Services) -> Told:
    if not services.mailer.is_set_up:
        return _unknown("MAIL_NOT_SET_UP")
    return _sound("MAIL_IS", host=services.settings.smtp_host)


# The servers


def _check_clock(services: Services, server: Server | None) -> Told:
    now = services.clock()
    newest = _newest_moment(services)
    if newest is not None and newest > now + CLOCK_TOLERANCE:
        raise Unavailable("CLOCK_BEHIND", now=now, newest=newest)
    told = server.says_it_is if server else None
    if told is not None and abs(told - now) > CLOCK_TOLERANCE:
        raise Unavailable("CLOCK_DIFFERS", now=now, told=told)
    return _sound("CLOCK_IS", now=now)


def _newest_moment(services: Services) -> datetime | None:
    newest = [
        datetime.fromisoformat(document[field])
        for collection, field in (
            ("uploaded_files", "uploaded_at"),
            ("training_runs", "started_at"),
            ("promotions", "at"),
            ("audit_log", "at"),
        )
        for document in services.database.find(collection, order=[(field, -1)], limit=1)
    ]
    return max(newest, default=None)


def _check_server(_services: Services, server: Server | None) -> Told:
    if server is None:
        return _unknown("NOT_RUNNING")
    wanted = importlib.metadata.version("prefect")
    if server.version != wanted:
        raise Unavailable("PREFECT_DIFFERS", found=server.version, wanted=wanted)
    return _sound("PREFECT_IS", version=server.version)


def _check_schedule(services: Services, server: Server | None) -> Told:
    if server is None:
        return _unknown("NOT_RUNNING")
    nightly = nightly_of(services.settings)
    wanted = Schedule.of(services.night_settings.current())
    if nightly is None:
        raise Unavailable("DEPLOYMENT_MISSING")
    if nightly.schedule is None:
        raise Unavailable("SCHEDULE_MISSING", wanted=" ".join(wanted))
    if nightly.schedule != wanted:
        found = " ".join(nightly.schedule)
        raise Unavailable("SCHEDULE_DIFFERS", found=found, wanted=" ".join(wanted))
    return _sound("SCHEDULE_IS", cron=wanted.cron, time_zone=wanted.time_zone)


def _check_runner(services: Services, server: Server | None) -> Told:
    if server is None:
        return _unknown("NOT_RUNNING")
    nightly = nightly_of(services.settings)
    polled = nightly.last_polled if nightly else None
    if polled is None:
        raise Unavailable("RUNNER_MISSING")
    if services.clock() - polled > RUNNER_SILENCE:
        raise Unavailable("RUNNER_SILENT", at=polled)
    return _sound("RUNNER_IS", at=polled)


MACHINE_CHECKS: dict[str, Callable[..., Told]] = {
    "CHECK_PYTHON": _check_python,
    "CHECK_PACKAGES": _check_packages,
    "CHECK_FOLDER": _check_folder,
    "CHECK_SPACE": _check_space,
}
STORAGE_CHECKS: dict[str, Callable[..., Told]] = {
    "CHECK_DATABASE": _check_database,
    "CHECK_OBJECTS": _check_objects,
    "CHECK_MASTER": _check_master,
    "CHECK_INVARIANTS": _check_invariants,
    "CHECK_NIGHT": _check_night,
    "CHECK_WAITING": _check_waiting,
    "CHECK_ALERTS": _check_alerts,
    "CHECK_MAIL": _check_mail,
}
SERVER_CHECKS: dict[str, Callable[..., Told]] = {
    "CHECK_CLOCK": _check_clock,
    "CHECK_PREFECT": _check_server,
    "CHECK_SCHEDULE": _check_schedule,
    "CHECK_RUNNER": _check_runner,
}
