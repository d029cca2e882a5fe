"""The ``tripadvance`` command: the services, for a terminal.

Exit status 0: done; 1: refused or failed, with a code and a sentence; 2: wrong usage.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from deployments.aws.ecs_options import ecs_options, ecs_options_of
from deployments.console import Console
from deployments.prefect_environment import announcer, lead_to_server
from deployments.reading_options import Command, mapping_of, reading_options
from tripadvance_core.errors import TripAdvanceError
from tripadvance_core.messages import LANGUAGES, Language
from tripadvance_core.settings import Settings, load_settings

# The services bring pandas and XGBoost along; --help and wrong usage do without.
if TYPE_CHECKING:
    from tripadvance_core.bootstrap import Services

OWNER = "command"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tripadvance")
def main() -> None:
    """Take fares in by day and have a better price model by morning."""


def common_options(command: Command) -> Command:
    """Add the options that every command has."""
    command = click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document a line."
    )(command)
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="TRIPADVANCE_DATA_DIR",
        help="Folder that holds everything.",
    )(command)


@contextmanager
def _explained(data_dir: Path | None, *, as_json: bool) -> Iterator[Console]:
    """Give a console; an error of ours becomes its sentence and exit status 1."""
    console = Console(Settings.model_construct(), as_json=as_json)
    try:
        settings = load_settings(data_dir)
        if settings.s3_block is not None:  # which Prefect's server knows
            lead_to_server(settings)
        console = Console(settings, as_json=as_json)
        yield console
    except TripAdvanceError as error:
        console.error(error)
        sys.exit(1)


@contextmanager
def _opened(
    data_dir: Path | None, *, as_json: bool
) -> Iterator[tuple["Services", Console]]:
    from tripadvance_core.bootstrap import opened_services

    with _explained(data_dir, as_json=as_json) as console:
        settings = load_settings(data_dir)
        with opened_services(settings, announcer=announcer(settings)) as services:
            try:
                yield services, console
            finally:
                services.alerts.deliver_due()


def _file_type(output: Path) -> Literal["xlsx", "csv"]:
    match output.suffix.lower():
        case ".xlsx":
            return "xlsx"
        case ".csv":
            return "csv"
    raise click.BadParameter("OUT must end in .xlsx or .csv", param_hint="-o")


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--name", help="Judge the file as if it had this name.")
@click.option("--rows", "with_rows", is_flag=True, help="Print the kept rows too.")
@reading_options
@common_options
def check(
    files: tuple[Path, ...],
    name: str | None,
    with_rows: bool,
    data_dir: Path | None,
    as_json: bool,
    **reading: Any,
) -> None:
    """Tell what FILES hold, row by row, without keeping anything."""
    from deployments.files import check_files

    with _opened(data_dir, as_json=as_json) as (services, console):
        all_usable = check_files(
            services,
            console,
            files,
            mapping_of(**reading),
            owner=OWNER,
            name=name,
            with_rows=with_rows,
        )
    sys.exit(0 if all_usable else 1)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@reading_options
@common_options
def ingest(
    files: tuple[Path, ...], data_dir: Path | None, as_json: bool, **reading: Any
) -> None:
    """Take FILES in; they wait for the next night."""
    from deployments.files import ingest_files

    with _opened(data_dir, as_json=as_json) as (services, console):
        all_taken = ingest_files(
            services, console, files, mapping_of(**reading), owner=OWNER
        )
    sys.exit(0 if all_taken else 1)


@main.command()
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT"
)
@click.option(
    "--language", type=click.Choice(LANGUAGES), help="Language of the headers."
)
@common_options
def template(
    output: Path, language: Language | None, data_dir: Path | None, as_json: bool
) -> None:
    """Write a file to fill fares in: OUT (.xlsx or .csv)."""
    from deployments.template import write_template_file

    file_type = _file_type(output)
    with _explained(data_dir, as_json=as_json) as console:
        settings = load_settings(data_dir)
        write_template_file(settings, console, output, file_type, language)


@main.command()
@common_options
def uploads(data_dir: Path | None, as_json: bool) -> None:
    """List the files that were taken in, and where each of them stands."""
    from deployments.uploads import list_uploads

    with _opened(data_dir, as_json=as_json) as (services, console):
        list_uploads(services, console)


@main.command()
@click.argument("upload")
@click.option("--reason", required=True, help="Why.")
@common_options
def release(upload: str, reason: str, data_dir: Path | None, as_json: bool) -> None:
    """Let UPLOAD (id), which is held, wait for the next night."""
    from deployments.uploads import release_upload

    with _opened(data_dir, as_json=as_json) as (services, console):
        release_upload(services, console, upload, by=OWNER, reason=reason)


@main.command()
@click.argument("upload")
@click.option("--reason", required=True, help="Why.")
@common_options
def withdraw(upload: str, reason: str, data_dir: Path | None, as_json: bool) -> None:
    """Take UPLOAD (id) out of every training to come."""
    from deployments.uploads import withdraw_upload

    with _opened(data_dir, as_json=as_json) as (services, console):
        withdraw_upload(services, console, upload, by=OWNER, reason=reason)


@main.command()
@click.argument("upload")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT"
)
@common_options
def refused(upload: str, output: Path, data_dir: Path | None, as_json: bool) -> None:
    """Write the refused rows of UPLOAD (id) to OUT (.xlsx), each with the reason."""
    from deployments.uploads import write_refused_rows

    with _opened(data_dir, as_json=as_json) as (services, console):
        write_refused_rows(services, console, upload, output)


@main.command()
@click.option("--ignore-window", is_flag=True, help="Train now, whatever the hour.")
@common_options
def train(ignore_window: bool, data_dir: Path | None, as_json: bool) -> None:
    """Run one night here and now: partition after partition, while files wait."""
    from deployments.training import train_night

    with _opened(data_dir, as_json=as_json) as (services, console):
        train_night(services, console, ignore_window=ignore_window)


@main.command()
@click.option("--reason", required=True, help="Why.")
@common_options
def rebuild(reason: str, data_dir: Path | None, as_json: bool) -> None:
    """Train MASTER anew without the files that were withdrawn since."""
    from deployments.training import rebuild_master

    with _opened(data_dir, as_json=as_json) as (services, console):
        ordered = services.registry.rebuild_of_master(reason=reason, by=OWNER)
        rebuild_master(services, console, ordered)


@main.command()
@common_options
def models(data_dir: Path | None, as_json: bool) -> None:
    """List the models, newest first."""
    from deployments.models import list_models

    with _opened(data_dir, as_json=as_json) as (services, console):
        list_models(services, console)


@main.command()
@click.argument("model")
@click.option("--reason", required=True, help="Why.")
@common_options
def promote(model: str, reason: str, data_dir: Path | None, as_json: bool) -> None:
    """Make MODEL (id or number) MASTER, whatever its decision was."""
    from deployments.models import show_switch

    with _opened(data_dir, as_json=as_json) as (services, console):
        pointer = services.registry.promote(model, reason=reason, by=OWNER)
        show_switch(services, console, pointer)


@main.command()
@click.option("--reason", required=True, help="Why.")
@common_options
def rollback(reason: str, data_dir: Path | None, as_json: bool) -> None:
    """Give MASTER back to the model that had it before."""
    from deployments.models import show_switch

    with _opened(data_dir, as_json=as_json) as (services, console):
        pointer = services.registry.rollback(reason=reason, by=OWNER)
        show_switch(services, console, pointer)


@main.command()
@click.option("--at", metavar="MOMENT", help="Only the MASTER of that moment.")
@common_options
def history(at: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Tell which model was MASTER when, why, and by whom."""
    from deployments.models import list_history, show_master_at

    with _opened(data_dir, as_json=as_json) as (services, console):
        if at is None:
            list_history(services, console)
        else:
            show_master_at(services, console, at)


@main.command()
@click.argument("model")
@common_options
def card(model: str, data_dir: Path | None, as_json: bool) -> None:
    """Print the card of MODEL (id or number): data, scores, panels, decisions."""
    from deployments.models import show_card

    with _opened(data_dir, as_json=as_json) as (services, console):
        show_card(services, console, model)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT"
)
@reading_options
@common_options
def predict(
    file: Path, output: Path, data_dir: Path | None, as_json: bool, **reading: Any
) -> None:
    """Ask MASTER for the prices of FILE; OUT (.xlsx or .csv) has them beside it."""
    from deployments.files import predict_file

    _file_type(output)
    with _opened(data_dir, as_json=as_json) as (services, console):
        predict_file(
            services, console, file, output, mapping_of(**reading), owner=OWNER
        )


@main.command()
@click.argument("target", type=click.Path(path_type=Path), metavar="FILE|FOLDER")
@common_options
def backup(target: Path, data_dir: Path | None, as_json: bool) -> None:
    """Write everything that must not be lost to FILE, or to a new file in FOLDER."""
    from deployments.backup import write_backup

    with _opened(data_dir, as_json=as_json) as (services, console):
        whole = write_backup(services, console, target)
    sys.exit(0 if whole else 1)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@common_options
def restore(file: Path, data_dir: Path | None, as_json: bool) -> None:
    """Bring the backup FILE back, into an installation that holds nothing."""
    from deployments.backup import restore_backup

    with _explained(data_dir, as_json=as_json) as console:
        sound = restore_backup(load_settings(data_dir), console, file)
    sys.exit(0 if sound else 1)


@main.command()
@click.option(
    "--to",
    "file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Settings of the new installation, NAME=value a line; for its owner alone.",
)
@common_options
def migrate(file: Path, data_dir: Path | None, as_json: bool) -> None:
    """Move everything to another database and object store; go on if cut off."""
    from deployments.moving import migrate as move

    with _explained(data_dir, as_json=as_json) as console:
        sound = move(load_settings(data_dir), console, file)
    sys.exit(0 if sound else 1)


@main.command()
@common_options
def setup(data_dir: Path | None, as_json: bool) -> None:
    """Create indexes, bucket and folders; may be run any number of times."""
    from deployments.first_admin import show_first_admin_link

    with _opened(data_dir, as_json=as_json) as (services, console):
        services.installation.setup()
        console.say("SETUP_DONE", data_dir=services.settings.data_dir)
        if not as_json:  # a document is kept, and a link must not be
            show_first_admin_link(services, console)
        console.document({"done": True, "data_dir": str(services.settings.data_dir)})


@main.command()
@common_options
def doctor(data_dir: Path | None, as_json: bool) -> None:
    """Check that everything an installation needs is there and sound."""
    from deployments.doctor import examine

    with _explained(data_dir, as_json=as_json) as console:
        healthy = examine(load_settings(data_dir), console)
    sys.exit(0 if healthy else 1)


@main.command("alert-test")
@common_options
def alert_test(data_dir: Path | None, as_json: bool) -> None:
    """Send a test message to every address that alerts go to."""
    from deployments.alerts import send_test

    with _opened(data_dir, as_json=as_json) as (services, console):
        all_delivered = send_test(services, console)
    sys.exit(0 if all_delivered else 1)


@main.command()
@click.option("--demo", is_flag=True, help="Run one night over the sample fares first.")
@common_options
def up(demo: bool, data_dir: Path | None, as_json: bool) -> None:
    """Start Prefect, the nightly deployment and the web app, until Ctrl-C."""
    from deployments.local import run_local

    with _explained(data_dir, as_json=as_json) as console:
        run_local(load_settings(data_dir), console, demo=demo)


@main.command()
@click.option(
    "--target",
    type=click.Choice(["process", "ecs"]),
    default="process",
    show_default=True,
    help="Where runs are processes: of a worker's machine, or tasks of Amazon ECS.",
)
@ecs_options
@common_options
def deploy(
    target: Literal["process", "ecs"],
    data_dir: Path | None,
    as_json: bool,
    **of_ecs: Any,
) -> None:
    """Put the nightly deployment into a work pool of Prefect's server."""
    from deployments.registration import register

    options = ecs_options_of(**of_ecs)
    if target == "process" and any(of_ecs.values()):
        raise click.UsageError("the options of ECS need --target ecs")
    with _explained(data_dir, as_json=as_json) as console:
        settings = load_settings(data_dir)
        register(settings, console, options if target == "ecs" else None)


if __name__ == "__main__":
    main()
