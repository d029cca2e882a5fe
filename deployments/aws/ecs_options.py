"""The options of ``tripadvance deploy`` that tell where in AWS the runs go."""

import re
from typing import Any

import click

from deployments.aws.ecs import CPU_UNITS, MEMORY_MB, EcsOptions
from deployments.reading_options import Command

_ARN = re.compile(r"arn:[\w-]+:(secretsmanager|ssm):\S+")


def ecs_options(command: Command) -> Command:
    """Add the options of ``--target ecs``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def ecs_options_of(**given: Any) -> EcsOptions:
    """Return what the options say."""
    return EcsOptions(**given | {"secrets": dict(given["secrets"])})


def _secrets(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    pairs = []
    for value in values:
        variable, _, arn = value.partition("=")
        if not variable or not _ARN.fullmatch(arn):
            raise click.BadParameter(f"not of the form VARIABLE=ARN: {value}")
        pairs.append((variable, arn))
    return tuple(pairs)


_OPTIONS = (
    click.option("--image", help="ECS: image of this project, by its digest."),
    click.option("--cluster", help="ECS: name or ARN of the cluster."),
    click.option(
        "--task-role-arn", metavar="ARN", help="ECS: role of the runs; it reaches S3."
    ),
    click.option(
        "--execution-role-arn",
        metavar="ARN",
        help="ECS: role that pulls the image, reads the secrets and writes logs.",
    ),
    click.option(
        "--prefect-api-url",
        metavar="URL",
        help="ECS: where a container reaches Prefect, if not where this command does.",
    ),
    click.option("--vpc-id", help="ECS: VPC of the runs; else the default one."),
    click.option(
        "--subnet",
        "subnets",
        multiple=True,
        help="ECS: private subnet with a way to the image; else all of the VPC.",
    ),
    click.option(
        "--security-group", "security_groups", multiple=True, help="ECS: of the runs."
    ),
    click.option(
        "--cpu", type=click.IntRange(min=256), help=f"ECS: CPU units ({CPU_UNITS})."
    ),
    click.option(
        "--memory", type=click.IntRange(min=512), help=f"ECS: memory, MB ({MEMORY_MB})."
    ),
    click.option(
        "--secret",
        "secrets",
        multiple=True,
        metavar="VARIABLE=ARN",
        callback=_secrets,
        help="ECS: variable whose value Secrets Manager has; once for each.",
    ),
)
