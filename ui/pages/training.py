"""What trains now, step by step, and the runs of the past with their reports."""

from typing import Any, Final

import gradio as gr

from tripadvance_core.domain.users import Role
from tripadvance_core.errors import Refused
from tripadvance_core.services.audit import Event
from tripadvance_core.services.runs import STEPS, RunUnderWay
from ui.desk import Desk, Reader
from ui.figures import gate_text
from ui.labels import label
from ui.parts import html, then_open
from ui.places import TRAINING

RUNS_A_PAGE: Final = 20
WATCH_SECONDS: Final = 2


def build(desk: Desk) -> None:
    """Add the page."""
    services = desk.services
    settings = services.settings

    def number(reader: Reader) -> int | None:
        """Return the number of the run that the address asks for."""
        asked = reader.query.get("run", "")
        if not asked:
            return None
        return int(asked) if asked.isascii() and asked.isdigit() else 0

    def show_past(reader: Reader) -> str:
        asked = number(reader)
        if asked is not None:
            return reader.render(
                "training/report.html",
                report=services.runs.report(asked),
                steps=STEPS,
                gate_text=gate_text,
                prefect_url=settings.prefect_url,
            )
        return reader.render(
            "training/runs.html", page=services.runs.page(reader.page, RUNS_A_PAGE)
        )

    def watch(reader: Reader) -> list[Any]:
        """Show what is under way, and look again only while something is."""
        if number(reader) is not None:
            return ["", gr.Timer(active=False)]
        under_way = services.runs.under_way()
        night = services.night_settings.current()
        (start,) = night.starts_after(services.clock(), 1)
        told = reader.render(
            "training/under_way.html",
            under_way=[(each, _may_stop(reader, each)) for each in under_way],
            steps=STEPS,
            now=services.clock(),
            next_start=start,
            prefect_url=settings.prefect_url,
        )
        return [told, gr.Timer(active=any(each.moves for each in under_way))]

    def look_again(reader: Reader) -> list[Any]:
        """Watch; once nothing is under way any more, show the runs anew."""
        told, again = watch(reader)
        return [told, again, gr.skip() if again.active else show_past(reader)]

    def ask(reader: Reader) -> Any:
        return gr.Group(visible=_asked_to_stop(desk, reader) is not None)

    def stop(reader: Reader) -> None:
        each = _asked_to_stop(desk, reader)
        if each is None:
            raise Refused("WEB_NOT_ALLOWED")
        services.claims.stop(each.run.id, by=reader.user.email)
        desk.log(reader, Event.TRAINING_STOPPED, each.run.id)

    under_way = html("training-under-way")
    with gr.Group(visible=False, elem_id="training-stop") as asking:
        gr.HTML(label("UI_TRAINING_STOP_SURE"), elem_classes="ta-heading")
        with gr.Row():
            no = gr.Button(label("UI_CANCEL"), elem_id="training-stop-no")
            yes = gr.Button(
                label("UI_CONFIRM"), variant="stop", elem_id="training-stop-yes"
            )
    past = html("training-past")
    timer = gr.Timer(WATCH_SECONDS, active=False)

    desk.load(watch, [under_way, timer])
    desk.load(ask, asking)
    desk.fill(past, show_past)
    desk.on(
        timer.tick,
        look_again,
        None,
        [under_way, timer, past],
        concurrency_limit=None,
    )
    stopped = desk.on(yes.click, stop, least=Role.ANALYST)
    for event in (stopped.success, no.click):
        then_open(event, TRAINING)


def _asked_to_stop(desk: Desk, reader: Reader) -> RunUnderWay | None:
    """Return the run that the address asks to stop, if the reader may stop it."""
    asked = reader.query.get("stop", "")
    return next(
        (
            each
            for each in desk.services.runs.under_way()
            if each.run.id == asked and _may_stop(reader, each)
        ),
        None,
    )


def _may_stop(reader: Reader, each: RunUnderWay) -> bool:
    """Tell whether a reader may stop a run: their own experiment, or any."""
    experiment = each.run.experiment
    own = experiment is not None and experiment.by == reader.user.email
    may = reader.may(Role.ADMINISTRATOR) or (own and reader.may(Role.ANALYST))
    return may and each.may_stop
