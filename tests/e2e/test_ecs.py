"""One night as a task of ECS: everything but the container is real, or moto's.

A stand-in for ECS takes the task that the worker has asked for, and runs its command with
its environment and nothing else: what the image sets, what the role of the task gives,
and the secrets by their ARNs.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    temporary_settings,
)
from pymongo import MongoClient

from deployments.prefect_environment import for_clients, for_server
from deployments.prefect_server import answers
from flows import control
from tests.e2e.conftest import PREFECT_AUTH, new_installation, wait_for
from tests.ports import free_port
from tripadvance_core.bootstrap import opened_services
from tripadvance_core.settings import Settings, load_settings

pytestmark = [pytest.mark.servers, pytest.mark.scale, pytest.mark.timeout(900)]

BUCKET = "fares-of-the-test"
CLUSTER = "nights"
IMAGE = "registry.example/tripadvance:1"
ROLES = "arn:aws:iam::123456789012:role"
PREFECT_HOST = "prefect.internal"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    """Start a moto server of its own; give the environment that leads to it."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "sa-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    server.stop()


@pytest.fixture
def mongodb(tmp_path: Path) -> Iterator[tuple[str, str]]:
    uri = os.environ.get("TRIPADVANCE_TEST_MONGODB_URI")
    if not uri:
        pytest.skip("TRIPADVANCE_TEST_MONGODB_URI names no server")
    name = f"ecs_{os.getpid()}"
    yield uri, name
    with MongoClient[dict[str, object]](uri) as client:
        client.drop_database(name)


@dataclass
class Ecs:
    """What plays the part of ECS, on the tasks that moto has noted."""

    aws: dict[str, str]
    image_environment: dict[str, str]

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.aws["AWS_ENDPOINT_URL"],
            region_name=self.aws["AWS_DEFAULT_REGION"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def tasks(self) -> list[dict[str, Any]]:
        ecs = self.client("ecs")
        arns = ecs.list_tasks(cluster=CLUSTER)["taskArns"]
        return list(ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"])

    def container_of(self, task: dict[str, Any]) -> dict[str, Any]:
        definition = self.client("ecs").describe_task_definition(
            taskDefinition=task["taskDefinitionArn"]
        )["taskDefinition"]
        (container,) = definition["containerDefinitions"]
        return dict(container)

    def environment_of(self, task: dict[str, Any]) -> dict[str, str]:
        (override,) = task["overrides"]["containerOverrides"]
        return {each["name"]: each["value"] for each in override["environment"]}

    def run(self, task: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        (override,) = task["overrides"]["containerOverrides"]
        manager = self.client("secretsmanager")
        secrets = {
            each["name"]: manager.get_secret_value(SecretId=each["valueFrom"])[
                "SecretString"
            ]
            for each in self.container_of(task)["secrets"]
        }
        environment = self.environment_of(task) | secrets
        url = environment["PREFECT_API_URL"]
        environment["PREFECT_API_URL"] = url.replace(PREFECT_HOST, "127.0.0.1")  # DNS
        return subprocess.run(
            override["command"],
            env=self.image_environment | self.aws | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )


@pytest.fixture
def prefect_server(tmp_path: Path) -> Iterator[Settings]:
    settings = load_settings(
        tmp_path / "prefect-server", prefect_port=free_port(), prefect_auth=PREFECT_AUTH
    )
    settings.data_dir.mkdir()
    with (tmp_path / "prefect-server.log").open("w") as log:
        server = subprocess.Popen(
            [
                BIN / "prefect",
                "server",
                "start",
                "--no-ui",
                "--host",
                "127.0.0.1",
                "--port",
                str(settings.prefect_port),
            ],
            env=os.environ | for_clients(settings) | for_server(settings),
            stdout=log,
            stderr=log,
        )
    prefect = {
        PREFECT_API_URL: f"{settings.prefect_url}/api",
        PREFECT_API_AUTH_STRING: PREFECT_AUTH,
    }
    try:
        wait_for(lambda: answers(f"{settings.prefect_url}/api/health"), 180)
        with temporary_settings(prefect):
            yield settings
    finally:
        server.terminate()
        server.wait(30)


def block(kind: str) -> dict[str, Any]:
    with get_client(sync_client=True) as client:
        return client.read_block_document_by_name("tripadvance", kind).data


def test_night_runs_in_ecs_and_its_model_is_master(
    tmp_path: Path,
    aws: dict[str, str],
    mongodb: tuple[str, str],
    prefect_server: Settings,
    make_fares: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = new_installation(
        tmp_path / "office",
        mongodb_uri=mongodb[0],
        mongodb_database=mongodb[1],
        s3_bucket=BUCKET,
        s3_endpoint_url=aws["AWS_ENDPOINT_URL"],
        prefect_port=str(prefect_server.prefect_port),
        prefect_auth=PREFECT_AUTH,
        min_partition_bytes="1",
    )
    office.environment |= aws
    ecs = Ecs(
        aws,
        {"PATH": str(BIN), "TRIPADVANCE_DATA_DIR": str(tmp_path / "container")},
    )
    ecs.client("ecs").create_cluster(clusterName=CLUSTER)
    manager = ecs.client("secretsmanager")
    arns = {
        name: manager.create_secret(Name=name.lower(), SecretString=value)["ARN"]
        for name, value in (
            ("TRIPADVANCE_MONGODB_URI", mongodb[0]),
            ("PREFECT_API_AUTH_STRING", PREFECT_AUTH),
        )
    }
    fares = tmp_path / "fares.csv"
    fares.write_bytes(make_fares(seed=1))
    ingested = office.command("ingest", str(fares))
    assert ingested.returncode == 0, ingested.stderr

    deployed = office.command(
        *("deploy", "--target", "ecs", "--json"),
        *("--image", IMAGE, "--cluster", CLUSTER),
        *("--task-role-arn", f"{ROLES}/run", "--execution-role-arn", f"{ROLES}/start"),
        *(
            "--prefect-api-url",
            f"http://{PREFECT_HOST}:{prefect_server.prefect_port}/api",
        ),
        *(part for pair in arns.items() for part in ("--secret", "=".join(pair))),
    )
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    bucket, credentials = (block(kind) for kind in ("s3-bucket", "aws-credentials"))
    assert (bucket["bucket_name"], bucket["bucket_folder"]) == (BUCKET, "tripadvance")
    assert not {name for name, value in credentials.items() if value} & {
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
    }

    run_id = control.submit({"ignore_window": True})
    worker = subprocess.run(
        [
            BIN / "prefect",
            "worker",
            "start",
            "--type",
            "ecs",
            "--run-once",
            "--pool",
            json.loads(deployed.stdout)["pool"],
        ],
        env=office.environment | for_clients(prefect_server),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert worker.returncode == 0, worker.stdout + worker.stderr
    (task,) = ecs.tasks()
    container = ecs.container_of(task)
    assert container["image"] == IMAGE
    assert task["overrides"]["taskRoleArn"] == f"{ROLES}/run"
    assert {each["name"] for each in container["secrets"]} == {*arns}
    open_to_all = json.dumps(task["overrides"])
    for hidden in (PREFECT_AUTH, mongodb[0], "PREFECT_HOME", str(tmp_path / "office")):
        assert hidden not in open_to_all

    done = ecs.run(task)

    assert done.returncode == 0, done.stdout + done.stderr
    state = control.flow_run(run_id).state
    assert state is not None
    assert (state.is_completed(), state.name) == (True, "Promote")
    for name, value in office.environment.items():
        monkeypatch.setenv(name, value)
    with opened_services(load_settings(office.data_dir)) as services:
        master = services.registry.master()
        assert master is not None
        services.registry.load(master)
    listed = ecs.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    folders = {each["Key"].split("/")[1] for each in listed}
    assert {"raw", "rows", "models"} <= folders
    assert not (tmp_path / "container" / "objects").exists()
