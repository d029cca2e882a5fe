"""The night as a Prefect flow: one partition a run, then the next one is submitted."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from prefect import Flow, State, flow, get_run_logger, runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed
from pydantic import Field

from flows.control import submit_next
from flows.names import FLOW, state_name
from flows.tasks import PrefectSteps, services
from tripadvance_core.domain.entities import Rebuild
from tripadvance_core.domain.times import utc_now
from tripadvance_core.logs import keep_ids
from tripadvance_core.services.claims import PartitionRequest
from tripadvance_core.services.night import NightOrder, NightResult, code_of
from tripadvance_core.services.report import NightReport


def _run_name() -> str:
    parameters = runtime.flow_run.parameters
    if parameters["ordered"]:
        return f"{parameters['ordered']}"
    zone = ZoneInfo(services().night_settings.current().time_zone)
    day = utc_now().astimezone(zone).date()
    return f"{day} · partition {parameters['partition_number']}"


def _tell_of_failure(
    flow: Flow[..., Any],
    flow_run: FlowRun,
    state: State[Any],
) -> None:
    this_run = str(flow_run.id)
    app = services()
    run = app.training.run_of_flow(this_run)
    # A run that has noted its failure has told of it, too.
    if run is None or run.failure is None:
        failure = code_of(state.result(raise_on_failure=False))
        app.alerts.night_failed(this_run, failure)
    _deliver_alerts(flow, flow_run, state)


def _deliver_alerts(
    flow: Flow[..., Any],  # noqa: ARG001 - Prefect names them
    flow_run: FlowRun,  # noqa: ARG001
    state: State[Any],  # noqa: ARG001
) -> None:
    services().alerts.deliver_due()


@flow(
    name=FLOW,
    flow_run_name=_run_name,
    on_completion=[_deliver_alerts],
    on_failure=[_tell_of_failure],
)
def nightly_training(
    ignore_window: bool = False,
    min_partition_bytes: Annotated[int | None, Field(ge=1)] = None,
    max_partitions: Annotated[int | None, Field(ge=1, le=1000)] = None,
    rebuild_reason: str | None = None,
    ordered: str | None = None,
    partition_number: Annotated[int, Field(ge=1)] = 1,
    chain: str | None = None,
) -> State[Any]:
    """Train one challenger on the next partition, then submit the run after it.

    Takes the waiting files, oldest first, until there are enough; cleans them, trains a
    challenger on the whole history, scores it beside MASTER on rows that neither has
    seen, and makes it MASTER only if it is provably better. Outside the allowed window
    nothing is done.

    Args:
        ignore_window: Train now, whatever the hour. For runs started by hand.
        min_partition_bytes: Smallest partition worth training on, in bytes. Empty: as
            in the settings.
        max_partitions: How many partitions this chain may train; 1 for only one.
            Empty: as in the settings.
        rebuild_reason: Why MASTER is to be trained anew without the files that were
            withdrawn since. Empty: train the next partition.
        ordered: Id of an experiment or a rebuild that was ordered in the web app, to be
            trained now and alone. Empty: train the next partition.
        partition_number: Position in the chain. Leave 1.
        chain: Name of the chain. Leave empty.
    """
    this_run = str(runtime.flow_run.id)
    app = services()
    keep_ids(flow_run_id=this_run)
    result = app.night.run_partition(
        NightOrder(
            holder=f"flow-run {this_run}",
            ignore_window=ignore_window,
            scheduled_for=runtime.flow_run.scheduled_start_time,
            rebuild=_rebuild(rebuild_reason, this_run),
            ordered=ordered,
            request=PartitionRequest(min_partition_bytes, flow_run_id=this_run),
        ),
        PrefectSteps(),
    )
    report = _publish(result)
    limit = max_partitions or app.settings.max_partitions
    if result.more and partition_number < limit:
        submit_next(
            chain or this_run,
            partition_number + 1,
            {
                "ignore_window": ignore_window,
                "min_partition_bytes": min_partition_bytes,
                "max_partitions": max_partitions,
                "rebuild_reason": _still_to_rebuild(rebuild_reason, result),
            },
        )
    return Completed(name=state_name(result.state), message=report.headline)


def _rebuild(reason: str | None, this_run: str) -> Rebuild | None:
    if not reason:
        return None
    return services().registry.rebuild_of_master(
        reason=reason, by=f"flow-run {this_run}"
    )


def _still_to_rebuild(reason: str | None, result: NightResult) -> str | None:
    """Hand the order on where an unfinished run had to be finished first."""
    rebuilt = result.run is not None and result.run.rebuild is not None
    return None if rebuilt else reason


def _publish(result: NightResult) -> NightReport:
    settings = services().settings
    report = NightReport(result, settings.language)
    link = (
        f"{settings.web_url}/models?model=v{result.model.number}"
        if result.model
        else None
    )
    get_run_logger().info(report.headline)
    create_markdown_artifact(
        report.markdown(link), key="night-report", description=report.headline
    )
    if result.model is not None:
        card = services().cards.card(result.model.id)
        create_markdown_artifact(
            card.markdown(settings.language),
            key="model-card",
            description=report.headline,
        )
    return report
