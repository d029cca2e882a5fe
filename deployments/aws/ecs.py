"""Runs of the night as tasks of Amazon ECS: their template, and what each is told.

``python -m deployments.aws.ecs`` writes the template anew, after an update of prefect-aws.
"""

import ipaddress
import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from deployments.prefect_environment import for_runs
from tripadvance_core.errors import SettingRefused
from tripadvance_core.settings import Settings

TEMPLATE = "ecs_base_job_template.json"
CPU_UNITS = 4096
MEMORY_MB = 16384
_UNITS_OF_A_CORE = 1024
_PREFECT_AUTH = "PREFECT_API_AUTH_STRING"
_NEEDED = ("image", "cluster", "task_role_arn", "execution_role_arn")
# What belongs to the machine or to the web app. The container has its own.
_STAYS = {"data_dir", "threads", "device", "mcp", "host", "web_port"} | {
    f"prefect_{name}" for name in ("host", "port", "auth")
}
# What a run does with a secret: it reads, seals, and delivers alerts.
_SECRETS = ("mongodb_uri", "secret", "alert_urls")


@dataclass(frozen=True)
class EcsOptions:
    """Where in AWS the runs go: what ``tripadvance deploy --target ecs`` asks for."""

    image: str | None = None
    cluster: str | None = None
    task_role_arn: str | None = None
    execution_role_arn: str | None = None
    prefect_api_url: str | None = None
    vpc_id: str | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    cpu: int | None = None
    memory: int | None = None
    secrets: dict[str, str] = field(default_factory=dict)
    """Variable → ARN of the secret that holds its value."""


def base_job_template() -> dict[str, Any]:
    """Return the template of the pool, as it lies beside this module."""
    text = resources.files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")
    template: dict[str, Any] = json.loads(text)
    return template


def made_template(template: dict[str, Any]) -> dict[str, Any]:
    """Return prefect-aws' own template with our defaults and the secrets."""
    job, variables = template["job_configuration"], template["variables"]["properties"]
    # Else a container may take only what ECS leaves it, and moto refuses the task.
    (container,) = job["task_definition"]["containerDefinitions"]
    container |= {"cpu": "{{ cpu }}", "memory": "{{ memory }}"}
    container["secrets"] = "{{ secrets }}"
    variables["secrets"] = {
        "title": "Secrets",
        "description": "Variables whose values ECS takes from Secrets Manager: "
        "a list of name and valueFrom (the ARN).",
        "type": "array",
        "items": {"type": "object", "additionalProperties": {"type": "string"}},
        "default": [],
    }
    for name, value in {
        "cpu": CPU_UNITS,
        "memory": MEMORY_MB,
        "family": "tripadvance-nightly",
        "container_name": "tripadvance",
        "configure_cloudwatch_logs": True,
        "cloudwatch_logs_prefix": "tripadvance",
        # One revision a change, not one a night.
        "match_latest_revision_in_family": True,
    }.items():
        variables[name]["default"] = value
    return template


def job_variables(settings: Settings, options: EcsOptions) -> dict[str, Any]:
    """Return what a run in ECS is told: place, roles, settings; secrets by their ARNs.

    Raises
    ------
    SettingRefused
        ``ECS_OPTION_MISSING``; ``ECS_SECRET_MISSING`` for a secret that is set here
        and that a run would lack; ``ECS_STORAGE_LOCAL`` where database or objects are
        in the data folder, which no container sees; ``ECS_PREFECT_LOCAL`` where the
        address of Prefect's server leads back into the container.
    """
    if not settings.stores_are_elsewhere:
        raise SettingRefused("ECS_STORAGE_LOCAL")
    cpu = options.cpu or CPU_UNITS
    return {
        **{name: _given(options, name) for name in _NEEDED},
        "cpu": cpu,
        "memory": options.memory or MEMORY_MB,
        **_network(options),
        **_secrets(settings, options),
        "env": {
            **_travelling(settings),
            **for_runs(),
            # Nothing else runs there.
            "TRIPADVANCE_THREADS": str(max(1, cpu // _UNITS_OF_A_CORE)),
            # A worker hands its own on where these do not say otherwise.
            "PREFECT_API_URL": _reachable(settings, options),
            "PREFECT_HOME": None,
        },
    }


def _given(options: EcsOptions, name: str) -> str:
    value: str | None = getattr(options, name)
    if not value:
        option = f"--{name.replace('_', '-')}"
        raise SettingRefused("ECS_OPTION_MISSING", option=option)
    return value


def _network(options: EcsOptions) -> dict[str, Any]:
    """Return the subnets; without any the worker takes all of the (default) VPC."""
    if not options.subnets:
        return {"vpc_id": options.vpc_id} if options.vpc_id else {}
    return {
        "vpc_id": _given(options, "vpc_id"),
        "network_configuration": {
            "subnets": list(options.subnets),
            "securityGroups": list(options.security_groups),
            "assignPublicIp": "DISABLED",
        },
    }


def _secrets(settings: Settings, options: EcsOptions) -> dict[str, Any]:
    needed = {_variable(n) for n in _SECRETS if getattr(settings, n) is not None}
    if settings.prefect_auth is not None:
        needed.add(_PREFECT_AUTH)
    missing = sorted(needed - {*options.secrets})
    if missing:
        raise SettingRefused("ECS_SECRET_MISSING", variable=missing[0])
    # Under a name of its own Prefect's leaves the environment, which anybody can read
    # who may look at tasks.
    of_prefect = options.secrets.get(_PREFECT_AUTH)
    others = {n: arn for n, arn in options.secrets.items() if n != _PREFECT_AUTH}
    return {
        "secrets": [{"name": n, "valueFrom": arn} for n, arn in sorted(others.items())],
        **({"prefect_api_auth_string_secret_arn": of_prefect} if of_prefect else {}),
    }


def _travelling(settings: Settings) -> dict[str, str]:
    """Return the settings of this installation that are no default and no secret."""
    told = {
        name
        for name in settings.model_fields_set - _STAYS
        if not isinstance(getattr(settings, name), SecretStr)
    }
    public = settings.model_dump(mode="json", include=told, exclude_none=True)
    return {_variable(name): str(value) for name, value in sorted(public.items())}


def _variable(name: str) -> str:
    return f"TRIPADVANCE_{name.upper()}"


def _reachable(settings: Settings, options: EcsOptions) -> str:
    url = options.prefect_api_url or f"{settings.prefect_url}/api"
    host = urlsplit(url).hostname or ""
    if host == "localhost" or _is_loopback(host):
        raise SettingRefused("ECS_PREFECT_LOCAL", url=url)
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _write_template() -> None:
    from flows.pools import prefect_template

    template = made_template(prefect_template("ecs"))
    text = json.dumps(template, indent=2, ensure_ascii=False)
    Path(__file__).with_name(TEMPLATE).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    _write_template()
