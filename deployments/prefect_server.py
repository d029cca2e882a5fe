"""Our own Prefect server, asked without its client, which takes seconds to import."""

import json
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from deployments.prefect_environment import authorization
from flows.names import DEPLOYMENT, FLOW
from tripadvance_core.services.scheduler import Schedule
from tripadvance_core.settings import Settings

ANSWER_SECONDS = 2


@dataclass(frozen=True)
class Server:
    """A server that answers: its version, and the moment that it takes for now."""

    version: str
    says_it_is: datetime | None


@dataclass(frozen=True)
class Nightly:
    """The nightly deployment: when it starts, and when a runner last asked for work."""

    schedule: Schedule | None
    last_polled: datetime | None


def answers(url: str) -> bool:
    """Tell whether something answers there with success, whoever asks."""
    return _get(url, {}) is not None


def server_of(settings: Settings) -> Server | None:
    """Return the server, or None where none answers."""
    answer = _get(f"{settings.prefect_url}/api/admin/version", authorization(settings))
    if answer is None:
        return None
    body, headers = answer
    date = headers["date"]
    return Server(json.loads(body), parsedate_to_datetime(date) if date else None)


def nightly_of(settings: Settings) -> Nightly | None:
    """Return the nightly deployment, or None where the server knows none."""
    answer = _get(
        f"{settings.prefect_url}/api/deployments/name/{FLOW}/{DEPLOYMENT}",
        authorization(settings),
    )
    if answer is None:
        return None
    deployment = json.loads(answer[0])
    polled = deployment["last_polled"]
    return Nightly(
        _schedule(deployment), datetime.fromisoformat(polled) if polled else None
    )


def _schedule(deployment: dict[str, Any]) -> Schedule | None:
    for nightly in deployment["schedules"]:
        if nightly["active"] and "cron" in nightly["schedule"]:
            cron = nightly["schedule"]
            return Schedule(cron["cron"], cron["timezone"] or "UTC")
    return None


def _get(url: str, headers: dict[str, str]) -> tuple[bytes, Message] | None:
    """Return the body and the headers of an answer, None where there is none."""
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
            return answer.read(), answer.headers
    except HTTPError as error:
        error.close()
    except (OSError, HTTPException):
        pass
    return None
