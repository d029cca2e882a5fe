"""One machine, one command: Prefect server, runner and web app, supervised."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from filelock import FileLock, Timeout

from deployments import prefect_environment
from deployments.children import Child, Supervisor
from deployments.console import Console
from deployments.demo import feed_sample, run_night
from deployments.first_admin import show_first_admin_link
from deployments.prefect_server import answers, nightly_of
from deployments.privacy import keep_files_private
from tripadvance_core.bootstrap import Services, make_private, opened_services
from tripadvance_core.errors import Conflict, Unavailable
from tripadvance_core.settings import Settings


def run_local(settings: Settings, console: Console, *, demo: bool) -> None:
    """Start everything and stay until Ctrl-C or SIGTERM.

    Raises
    ------
    Unavailable
        When the data folder, the storage or a port cannot be used.
    Conflict
        ``DATA_DIR_IN_USE`` for a second instance on one data folder.
    """
    keep_files_private()
    os.environ.update(child_environment(settings))  # our own Prefect client's too
    make_private(settings)
    with only_instance(settings):
        _check_ports(settings)
        console.say("STARTING", data_dir=settings.data_dir)
        supervisor = Supervisor(console)
        supervisor.stop_on_signals()
        server = _prefect_server(settings)
        try:
            if settings.s3_block is not None:  # of which the server knows
                supervisor.add(server)
                supervisor.wait_until_ready(server)
            if not supervisor.stopping.is_set():
                with opened_services(settings) as services:
                    _serve(services, console, supervisor, server, demo=demo)
        finally:
            supervisor.stop_all()


def _serve(
    services: Services,
    console: Console,
    supervisor: Supervisor,
    server: Child,
    *,
    demo: bool,
) -> None:
    if demo:
        feed_sample(services, console)
    _start(services, supervisor, server)
    if demo:
        run_night(services, console, supervisor)
    if not supervisor.stopping.is_set():
        _greet(services, console)
    supervisor.watch()


def _start(services: Services, supervisor: Supervisor, server: Child) -> None:
    settings = services.settings
    web = _child(
        settings,
        "App",
        "deployments.web",
        ready=lambda: answers(f"{settings.web_url}/healthz"),
    )
    since = services.clock()
    runner = _child(
        settings,
        "Runner",
        "deployments.runner",
        ready=lambda: _serves_the_night(settings, since),
    )
    begun_before = server.process is not None
    if not begun_before:
        supervisor.add(server)
    supervisor.add(web)
    if not begun_before:
        supervisor.wait_until_ready(server)
    if not supervisor.stopping.is_set():
        supervisor.add(runner)
        supervisor.wait_until_ready(runner)
    supervisor.wait_until_ready(web)


def _prefect_server(settings: Settings) -> Child:
    return _child(
        settings,
        "Prefect",
        "prefect",
        "server",
        "start",
        "--host",
        settings.prefect_host,
        "--port",
        str(settings.prefect_port),
        ready=lambda: answers(f"{settings.prefect_url}/api/health"),
    )


def _child(
    settings: Settings, name: str, *module: str, ready: Callable[[], bool]
) -> Child:
    logs = settings.data_dir / "logs"
    logs.mkdir(exist_ok=True)
    return Child(
        name=name,
        command=[sys.executable, "-m", *module],
        environment=os.environ,
        log=logs / f"{module[0].rpartition('.')[2]}.log",
        ready=ready,
    )


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of every child: ours, its Prefect kept to itself."""
    return os.environ | {
        "TRIPADVANCE_DATA_DIR": str(settings.data_dir.absolute()),
        **prefect_environment.for_clients(settings),
        **prefect_environment.for_server(settings),
    }


@contextmanager
def only_instance(settings: Settings) -> Iterator[None]:
    """Hold the data folder; ``Conflict`` (``DATA_DIR_IN_USE``) where ``up`` does."""
    try:
        with FileLock(settings.data_dir / "up.lock", timeout=0, mode=0o600):
            yield
    except Timeout as taken:
        raise Conflict("DATA_DIR_IN_USE", path=settings.data_dir) from taken


def _check_ports(settings: Settings) -> None:
    for host, port, variable in (
        (settings.host, settings.web_port, "TRIPADVANCE_WEB_PORT"),
        (settings.prefect_host, settings.prefect_port, "TRIPADVANCE_PREFECT_PORT"),
    ):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise Unavailable(
                    "PORT_TAKEN", host=host, port=port, variable=variable
                ) from error


def _greet(services: Services, console: Console) -> None:
    settings = services.settings
    console.line()
    console.say("UP")
    console.facts(
        [
            (console.sentence("UP_APP"), settings.web_url),
            (console.sentence("UP_PREFECT"), settings.prefect_url),
        ]
    )
    show_first_admin_link(services, console)


def _serves_the_night(settings: Settings, since: datetime) -> bool:
    """Tell whether a runner has asked for the deployment's work since then.

    The deployment's status will not do: it stays READY for a while after a runner died.
    """
    nightly = nightly_of(settings)
    polled = nightly.last_polled if nightly else None
    return polled is not None and polled >= since
