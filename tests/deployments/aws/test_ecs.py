"""What a run in ECS is told, what it is never told, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.aws import ecs
from flows.pools import prefect_template
from tripadvance_core.errors import SettingRefused
from tripadvance_core.settings import Settings, load_settings

PROJECT = Path(__file__).parents[3]
ARN = "arn:aws:secretsmanager:sa-east-1:123456789012:secret:mongodb-AbCdEf"
OPTIONS: dict[str, Any] = {
    "image": "registry/tripadvance@sha256:0",
    "cluster": "nights",
    "task_role_arn": "arn:aws:iam::123456789012:role/run",
    "execution_role_arn": "arn:aws:iam::123456789012:role/start",
    "prefect_api_url": "http://prefect.internal:4200/api",
    "secrets": {"TRIPADVANCE_MONGODB_URI": ARN},
}
URI = "mongodb://user:hidden@db.internal/"


def shared(tmp_path: Path, **settings: Any) -> Settings:
    stores = {"mongodb_uri": URI, "s3_bucket": "fares"}
    return load_settings(tmp_path, **stores | settings)


def told(settings: Settings, **changed: Any) -> dict[str, Any]:
    return ecs.job_variables(settings, ecs.EcsOptions(**OPTIONS | changed))


def test_template_is_that_of_the_installed_prefect_aws() -> None:
    """After an update: python -m deployments.aws.ecs."""
    assert ecs.base_job_template() == ecs.made_template(prefect_template("ecs"))


def test_settings_travel_and_secrets_do_not(tmp_path: Path) -> None:
    settings = shared(tmp_path, time_zone="America/Manaus", secret="seal of models")
    secrets = OPTIONS["secrets"] | {"TRIPADVANCE_SECRET": f"{ARN}2"}
    variables = told(settings, secrets=secrets)
    assert variables["env"]["TRIPADVANCE_S3_BUCKET"] == "fares"
    assert variables["env"]["TRIPADVANCE_TIME_ZONE"] == "America/Manaus"
    text = json.dumps(variables)
    assert "hidden" not in text
    assert "seal of models" not in text
    assert str(tmp_path) not in text
    assert variables["secrets"] == [
        {"name": "TRIPADVANCE_MONGODB_URI", "valueFrom": ARN},
        {"name": "TRIPADVANCE_SECRET", "valueFrom": f"{ARN}2"},
    ]


def test_what_travels_gives_the_same_settings_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {"window_start": "22:30", "min_rows": 7, "registration": "open"}
    settings = shared(tmp_path, **changed)
    for name, value in told(settings)["env"].items():
        if value is not None:
            monkeypatch.setenv(name, value)
    again = load_settings(mongodb_uri=URI)
    kept = {"window_start", "min_rows", "registration", "s3_bucket"}
    assert again.model_dump(include=kept) == settings.model_dump(include=kept)


def test_run_has_all_cores_of_its_task(tmp_path: Path) -> None:
    settings = shared(tmp_path, threads=1)
    assert told(settings, cpu=8192)["env"]["TRIPADVANCE_THREADS"] == "8"
    assert told(settings, cpu=256)["env"]["TRIPADVANCE_THREADS"] == "1"


def test_what_the_worker_would_hand_on_is_replaced(tmp_path: Path) -> None:
    environment = told(shared(tmp_path))["env"]
    assert environment["PREFECT_API_URL"] == OPTIONS["prefect_api_url"]
    assert environment["PREFECT_HOME"] is None  # the image's own


def test_password_of_prefect_goes_by_the_name_that_clears_it(tmp_path: Path) -> None:
    settings = shared(tmp_path, prefect_auth="operator:a password")
    secrets = OPTIONS["secrets"] | {"PREFECT_API_AUTH_STRING": f"{ARN}2"}
    variables = told(settings, secrets=secrets)
    assert variables["prefect_api_auth_string_secret_arn"] == f"{ARN}2"
    assert [each["name"] for each in variables["secrets"]] == [*OPTIONS["secrets"]]
    with pytest.raises(SettingRefused, match="PREFECT_API_AUTH_STRING"):
        told(settings)


def test_subnets_are_private_and_need_their_vpc(tmp_path: Path) -> None:
    variables = told(shared(tmp_path), vpc_id="vpc-1", subnets=("subnet-1",))
    network = variables["network_configuration"]
    assert (variables["vpc_id"], network["subnets"]) == ("vpc-1", ["subnet-1"])
    assert network["assignPublicIp"] == "DISABLED"
    with pytest.raises(SettingRefused, match="--vpc-id"):
        told(shared(tmp_path), subnets=("subnet-1",))


@pytest.mark.parametrize(
    "name", ["image", "cluster", "task_role_arn", "execution_role_arn"]
)
def test_missing_option_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingRefused, match=f"--{name.replace('_', '-')} "):
        told(shared(tmp_path), **{name: None})


@pytest.mark.parametrize("name", ["mongodb_uri", "s3_bucket"])
def test_data_folder_is_no_place_for_containers(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingRefused, match="ECS_STORAGE_LOCAL"):
        told(shared(tmp_path, **{name: None}))


def test_bucket_of_a_block_is_a_place_for_containers(tmp_path: Path) -> None:
    variables = told(shared(tmp_path, s3_bucket=None, s3_block="fares"))
    assert variables["env"]["TRIPADVANCE_S3_BLOCK"] == "fares"


def test_secret_that_a_run_would_lack_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingRefused, match="TRIPADVANCE_MONGODB_URI"):
        told(shared(tmp_path), secrets={})


@pytest.mark.parametrize(
    "url",
    [None, "http://localhost:4200/api", "http://127.0.0.9/api", "http://[::1]/api"],
)
def test_address_that_leads_back_is_refused(tmp_path: Path, url: str | None) -> None:
    with pytest.raises(SettingRefused, match="ECS_PREFECT_LOCAL"):
        told(shared(tmp_path), prefect_api_url=url)


def test_prefect_yaml_tells_a_run_in_ecs_the_same(tmp_path: Path) -> None:
    text = (PROJECT / "prefect.yaml").read_text(encoding="utf-8")
    said = yaml.safe_load(text)["definitions"]["work_pools"]["ecs"]["job_variables"]
    settings = shared(tmp_path, prefect_auth="operator:a password")
    secrets = OPTIONS["secrets"] | {"PREFECT_API_AUTH_STRING": f"{ARN}2"}
    variables = told(settings, secrets=secrets)
    by_size = {"cpu", "memory"}  # prefect.yaml leaves these to the pool
    assert {*said} == {*variables} - by_size
    assert {*said["env"]} == {*variables["env"]} - {"TRIPADVANCE_THREADS"}
    for name in ("PREFECT_HOME", "DO_NOT_TRACK", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"):
        assert said["env"][name] == variables["env"][name]
