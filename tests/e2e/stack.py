"""A chain of nights twice: embedded, and on servers with a work pool and a worker.

For the benchmark of the whole stack and for its short form among the tests. The servers
are those that a team would run, or what speaks like them: a MongoDB, an S3, whose bucket
a block at Prefect's server names, and Prefect with a process work pool. What the
nights have decided must be the same, byte for byte.
"""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    temporary_settings,
)
from prefect_aws import AwsClientParameters, AwsCredentials, S3Bucket
from pymongo import MongoClient

from deployments.prefect_environment import for_clients, for_server
from flows import control
from tests.fares import make_fares
from tests.ports import free_port
from tripadvance_core.bootstrap import opened_services
from tripadvance_core.domain.entities import UploadStatus
from tripadvance_core.settings import load_settings

PROJECT = Path(__file__).parents[2]
POOL = "tripadvance"
BLOCK = "fares"
WAIT_SECONDS = 240
CHAIN_SECONDS = 180
"""A partition's share of the time that a chain may take, by far."""
SMALL = {
    "TRIPADVANCE_LANGUAGE": "en",
    "TRIPADVANCE_MIN_PARTITION_BYTES": "1",
    "TRIPADVANCE_THREADS": "1",
    "TRIPADVANCE_BOOSTING_ROUNDS": "20",
    "TRIPADVANCE_MAX_LEAVES": "16",
    "TRIPADVANCE_MIN_ROWS": "20",
}
_OF_A_CLOCK = {"created_at", "drawn_at", "seconds_a_price"}
_MEASURED = "GATE_LATENCY"


@dataclass
class Told:
    """What a chain took, where its CPU went, and what its nights have decided."""

    wall_seconds: float
    cpu_seconds: dict[str, float]
    decided: list[dict[str, Any]]

    @property
    def all_cpu_seconds(self) -> float:
        return sum(self.cpu_seconds.values())


def write_fares(folder: Path, partitions: int, rows: int) -> list[Path]:
    """Write a file of made-up fares for each partition."""
    files = []
    for number in range(partitions):
        files.append(folder / f"fares-{number:03}.csv")
        files[-1].write_bytes(make_fares(rows, seed=number))
    return files


def embedded(folder: Path, files: Sequence[Path]) -> Told:
    """Train on the files one after the other in one process, on SQLite and a folder."""
    environment = _environment(folder)
    _command(environment, "ingest", *map(str, files))
    began, before = time.perf_counter(), _cpu_of_children()
    _command(environment, "train", "--ignore-window")
    return Told(
        time.perf_counter() - began,
        {"command": _cpu_of_children() - before},
        _decided(folder),
    )


def on_servers(folder: Path, mongodb_uri: str, files: Sequence[Path]) -> Told:
    """Train on the files as runs that a worker starts, each submitting the next."""
    with _servers(folder, mongodb_uri) as servers:
        _command(servers.environment, "ingest", *map(str, files))
        began, before = time.perf_counter(), servers.cpu_seconds()
        first = control.submit({"ignore_window": True})
        _wait_until(
            lambda: servers.chain_ended(str(first), len(files)),
            CHAIN_SECONDS * len(files),
            servers,
        )
        wall, after = time.perf_counter() - began, servers.cpu_seconds()
        return Told(
            wall,
            {name: after[name] - before[name] for name in before},
            _decided(folder, servers.stores),
        )


@dataclass
class _Servers:
    """The processes, by what they are, and the environment that leads to them."""

    folder: Path
    environment: dict[str, str]
    stores: dict[str, Any]
    processes: dict[str, psutil.Process] = field(default_factory=dict)

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU that each has used, with that of children that have ended."""
        return {name: sum(p.cpu_times()[:4]) for name, p in self.processes.items()}

    def chain_ended(self, first: str, partitions: int) -> bool:
        runs = [control.flow_run(first), *control.chain_runs(first)]
        states = [run.state for run in runs]
        if not all(state and state.is_final() for state in states):
            return False
        # The run after a partition is submitted before that partition's run ends.
        assert len(runs) >= partitions, f"the chain ended early: {states}"
        return True

    def logs(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log}:\n{log.read_text()[-4000:]}" for log in logs)


@contextmanager
def _servers(folder: Path, mongodb_uri: str) -> Iterator[_Servers]:
    folder.mkdir(parents=True, exist_ok=True)
    s3_port, prefect_port = free_port(), free_port()
    settings = load_settings(folder, prefect_port=prefect_port)
    stores = {
        "mongodb_uri": mongodb_uri,
        "mongodb_database": f"tripadvance_{os.getpid()}_{s3_port}",
    }
    environment = _environment(folder) | {
        "TRIPADVANCE_PREFECT_PORT": str(prefect_port),
        "TRIPADVANCE_MONGODB_URI": mongodb_uri,
        "TRIPADVANCE_MONGODB_DATABASE": stores["mongodb_database"],
        "TRIPADVANCE_S3_BLOCK": BLOCK,
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        **for_clients(settings),
        **for_server(settings),
    }
    servers = _Servers(folder, environment, stores | {"s3_block": BLOCK})
    with ExitStack() as running:
        running.callback(_drop, mongodb_uri, stores["mongodb_database"])

        def start(name: str, *module: str) -> None:
            process = running.enter_context(
                _process(folder / f"{name}.log", environment, module)
            )
            servers.processes[name] = psutil.Process(process.pid)

        start("S3", "moto.server", "-H", "127.0.0.1", "-p", str(s3_port))
        start(
            "Prefect",
            *("prefect", "server", "start"),
            *("--host", "127.0.0.1", "--port", str(prefect_port)),
        )
        servers.processes["MongoDB"] = _listening_at(urlsplit(mongodb_uri).port)
        for url in (
            f"http://127.0.0.1:{s3_port}/moto-api/",
            f"{settings.prefect_url}/api/health",
        ):
            _wait_until(lambda url=url: _answers(url), WAIT_SECONDS, servers)  # type: ignore[misc]
        running.enter_context(_client_of(settings.prefect_url))
        _save_block(f"http://127.0.0.1:{s3_port}")
        _prefect(environment, "work-pool", "create", POOL, "--type", "process")
        _prefect(environment, "deploy", "--all")
        start("worker and runs", "prefect", "worker", "start", "--pool", POOL)
        yield servers


@contextmanager
def _client_of(url: str) -> Iterator[None]:
    """Turn Prefect's client in this process to a server."""
    with temporary_settings(
        {
            PREFECT_API_URL: f"{url}/api",
            PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: True,
        }
    ):
        yield


def _save_block(s3_url: str) -> None:
    credentials = AwsCredentials(
        aws_access_key_id="of the block",
        aws_secret_access_key="of the block",
        region_name="us-east-1",
        aws_client_parameters=AwsClientParameters(endpoint_url=s3_url),
    )
    bucket = S3Bucket(
        bucket_name=BLOCK, bucket_folder="nights", credentials=credentials
    )
    bucket.save(BLOCK, _sync=True)


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | SMALL | {"TRIPADVANCE_DATA_DIR": str(folder)}


def _command(environment: dict[str, str], *arguments: str) -> None:
    _run(environment, "deployments.cli", *arguments)


def _prefect(environment: dict[str, str], *arguments: str) -> None:
    _run(environment, "prefect", "--no-prompt", *arguments)


def _run(environment: dict[str, str], *module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *module],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{module}: {done.stdout}{done.stderr}"


@contextmanager
def _process(
    log: Path, environment: dict[str, str], module: Sequence[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end, and then what it has started, too."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            env=environment,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        ours = psutil.Process(process.pid)
        for each in (*ours.children(recursive=True), ours):
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()


def _drop(mongodb_uri: str, name: str) -> None:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.drop_database(name)


def _listening_at(port: int | None) -> psutil.Process:
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            return psutil.Process(connection.pid)
    raise LookupError(f"nothing here listens at {port}")


def _answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own
        return True
    return False


def _wait_until(what: Callable[[], bool], seconds: float, servers: _Servers) -> None:
    give_up_at = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < give_up_at, servers.logs()
        time.sleep(0.5)


def _cpu_of_children() -> float:
    return sum(psutil.Process().cpu_times()[2:4])


def _decided(
    folder: Path, stores: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return every model with its files' hashes and its decision, in order.

    Ids are made of what is known, so they are the same too; moments, and how long a
    price took, are not.
    """
    settings = load_settings(folder, **(stores or {}))
    with opened_services(settings) as services:
        uploads = services.uploads.all()
        assert {upload.status for upload in uploads} == {UploadStatus.TRAINED}
        assert services.invariants.violations() == []
        versions = sorted(services.registry.versions(), key=lambda each: each.number)
        return [_timeless(each.model_dump(mode="json")) for each in versions]


def _timeless(value: Any) -> Any:
    match value:
        case dict():
            kept = {k: v for k, v in value.items() if k not in _OF_A_CLOCK}
            if kept.get("name") == _MEASURED:
                del kept["figures"]
            return {name: _timeless(inner) for name, inner in kept.items()}
        case list():
            return [_timeless(inner) for inner in value]
    return value
