"""What Prefect is told by the environment: its server, its runs, and all that ask it."""

import base64
import os
from typing import TYPE_CHECKING

from tripadvance_core.errors import SettingRefused
from tripadvance_core.settings import Settings

if TYPE_CHECKING:
    from flows.events import PrefectAnnouncer


def for_clients(settings: Settings) -> dict[str, str]:
    """Return what leads a process of ours to Prefect's server, and lets it in."""
    environment = {
        "PREFECT_HOME": str(settings.data_dir.absolute() / "prefect"),
        "PREFECT_API_URL": f"{settings.prefect_url}/api",
        "DO_NOT_TRACK": "1",  # nothing leaves the machine
    }
    if settings.prefect_auth is not None:
        environment["PREFECT_API_AUTH_STRING"] = (
            settings.prefect_auth.get_secret_value()
        )
    return environment


def lead_to_server(settings: Settings) -> None:
    """Lead this process to the server, unless whoever started it has, as ``up`` does."""
    for name, value in for_clients(settings).items():
        os.environ.setdefault(name, value)


def for_runs() -> dict[str, str]:
    """Return what the process of a run needs beyond its way to the server."""
    return {
        "DO_NOT_TRACK": "1",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",  # see flows/zombies.py
    }


def for_server(settings: Settings) -> dict[str, str]:
    """Return what the server is to do and to leave alone, beyond ``for_clients``.

    Raises
    ------
    SettingRefused
        ``PREFECT_AUTH_MISSING`` where others than this machine could reach it and
        nobody would have to say who they are.
    """
    if settings.prefect_auth is None and not settings.prefect_stays_here:
        raise SettingRefused("PREFECT_AUTH_MISSING", host=settings.prefect_host)
    environment = {
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": settings.prefect_url,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # A slot's lease survives a restart of the server.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
            "prefect.server.concurrency.lease_storage.filesystem"
        ),
        # Soon enough for the next partition, yet longer than the runner's prefetch.
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "15",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        **for_runs(),
    }
    if settings.prefect_auth is not None:
        environment["PREFECT_SERVER_API_AUTH_STRING"] = (
            settings.prefect_auth.get_secret_value()
        )
    return environment


def authorization(settings: Settings) -> dict[str, str]:
    """Return the header that lets a request of ours in."""
    if settings.prefect_auth is None:
        return {}
    return _basic(settings.prefect_auth.get_secret_value())


def announcer(settings: Settings) -> "PrefectAnnouncer":
    """Return who tells Prefect's server, or the one that the environment names."""
    # Here, for it brings the services along, and the command must not wait for them.
    from flows.events import PrefectAnnouncer

    told = for_clients(settings) | os.environ
    password = told.get("PREFECT_API_AUTH_STRING")
    return PrefectAnnouncer(
        told["PREFECT_API_URL"], {} if password is None else _basic(password)
    )


def _basic(password: str) -> dict[str, str]:
    token = base64.b64encode(password.encode()).decode()
    return {"Authorization": f"Basic {token}"}
