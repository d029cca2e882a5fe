"""The settings of the nights: what holds, since when and why, and a form to change it."""

from typing import Any, Final

import gradio as gr

from tripadvance_core import formats
from tripadvance_core.domain.entities import SettingsVersion
from tripadvance_core.domain.night_settings import NightSettings
from tripadvance_core.domain.users import Role
from tripadvance_core.errors import SchedulerDown, SettingRefused
from tripadvance_core.services.audit import Event
from tripadvance_core.services.scheduler import Schedule
from tripadvance_core.storage.repository import Page
from ui.desk import Desk, Reader
from ui.labels import label
from ui.night_form import NightForm, named, told, written
from ui.parts import html

VERSIONS_A_PAGE: Final = 20
STARTS_SHOWN: Final = 3
_GROUPS: Final = (
    ("UI_NIGHT_WHEN", ("window_start", "window_end", "time_zone", "cron")),
    ("UI_NIGHT_WHAT", ("min_partition_bytes", "max_wait_days", "history_rows")),
    ("UI_NIGHT_MODEL", ("boosting_rounds", "learning_rate", "max_leaves")),
    ("UI_NIGHT_DECISION", ("promotion_metric", "min_gain")),
)


def build(desk: Desk) -> None:
    """Add the page."""
    services = desk.services
    night = services.night_settings

    def chosen(reader: Reader) -> SettingsVersion:
        """Return the version that the address names, else the one in force."""
        asked = reader.query.get("version", "")
        number = int(asked) if asked.isascii() and asked.isdigit() else None
        named_one = None if number is None else night.version(number)
        return named_one or night.in_force()

    def show(reader: Reader) -> str:
        in_force = night.in_force()
        window = in_force.values.window
        starts = in_force.values.starts_after(services.clock(), STARTS_SHOWN)
        return reader.render(
            "night/settings.html",
            in_force=in_force,
            zone=in_force.values.time_zone,
            groups=_groups(in_force.values, reader),
            configured=night.configured,
            starts=[
                (
                    formats.datetime(start, window.zone, reader.language),
                    window.occurrence_at(start) is not None,
                )
                for start in starts
            ],
        )

    def show_versions(reader: Reader) -> str:
        versions = night.versions()
        before = [*versions[1:], night.version(0)]
        return reader.render(
            "night/versions.html",
            page=Page.of(
                [
                    (version, _changes(version, former, reader))
                    for version, former in zip(versions, before, strict=True)
                    if former is not None
                ]
                if versions
                else [],
                reader.page,
                VERSIONS_A_PAGE,
            ),
            chosen=reader.query.get("version"),
        )

    def show_schedule(reader: Reader) -> list[Any]:
        """Tell whether Prefect starts the nights when the settings say."""
        if not reader.may(Role.ADMINISTRATOR):
            return ["", gr.Button(visible=False)]
        wanted, followed, down = Schedule.of(night.current()), None, None
        try:
            followed = desk.scheduler.schedule()
        except SchedulerDown as error:
            down = reader.words.error(error)
        same = followed == wanted
        told_of = reader.render(
            "night/schedule.html", followed=followed, same=same, down=down
        )
        return [told_of, gr.Button(visible=not same and down is None)]

    def show_form(reader: Reader) -> list[Any]:
        may = reader.may(Role.ADMINISTRATOR)
        version, in_force = chosen(reader), night.in_force()
        old = version.number != in_force.number
        return [
            gr.Column(visible=may),
            reader.render("night/restoring.html", version=version) if old else "",
            *form.shown(version.values, reader.language),
            in_force.number,
        ]

    def store(reader: Reader, seen: int, reason: str, *texts: Any) -> list[Any]:
        values = form.values(texts, reader.language)
        try:
            version = night.store(
                values, replacing=seen, by=reader.user.email, reason=reason
            )
        except SettingRefused as refusal:
            return [
                reader.render("failure.html", message=told(reader, refusal)),
                seen,
                reason,
            ]
        desk.log(reader, Event.SETTINGS_CHANGED, str(version.number))
        return [_apply(reader, version), version.number, ""]

    def _apply(reader: Reader, version: SettingsVersion) -> str:
        down = None
        try:
            desk.scheduler.follow(Schedule.of(version.values))
        except SchedulerDown as error:
            down = reader.words.error(error)
        return reader.render("night/stored.html", version=version, down=down)

    def follow(_reader: Reader) -> None:
        desk.scheduler.follow(Schedule.of(night.current()))

    settings = html("night")
    schedule = html("night-schedule")
    apply = gr.Button(label("UI_NIGHT_APPLY"), visible=False, elem_id="night-apply")
    with gr.Column(visible=False, elem_id="night-form") as panel:
        gr.HTML(label("UI_NIGHT_CHANGE"), elem_classes="ta-heading")
        restoring = html("night-restoring", waits=False)
        form = NightForm(*_GROUPS)
        reason = gr.Textbox(
            label=label("UI_REASON"),
            info=label("UI_REASON_INFO"),
            max_length=500,
            elem_id="night-reason",
        )
        seen = gr.State(0)
        save = gr.Button(
            label("UI_NIGHT_STORE"), variant="primary", elem_id="night-store"
        )
        stored = html("night-stored", waits=False)
    versions = html("night-versions")

    desk.load(show_form, [panel, restoring, *form.inputs, seen])
    saved = desk.on(
        save.click,
        store,
        [seen, reason, *form.inputs],
        [stored, seen, reason],
        least=Role.ADMINISTRATOR,
    )
    applied = desk.on(apply.click, follow, least=Role.ADMINISTRATOR)
    desk.fill(settings, show, saved.success)
    desk.fill(versions, show_versions, saved.success)
    desk.load(show_schedule, [schedule, apply])
    for event in (saved.success, applied.success):
        desk.on(event, show_schedule, None, [schedule, apply])


def _groups(settings: NightSettings, reader: Reader) -> list[Any]:
    return [
        (
            title,
            [
                (name, named(name), written(getattr(settings, name), reader.language))
                for name in names
            ],
        )
        for title, names in _GROUPS
    ]


def _changes(
    version: SettingsVersion, former: SettingsVersion, reader: Reader
) -> list[tuple[str, str, str]]:
    """Return what a version changed: code of the name, value before, value after."""
    return [
        (named(name), written(before, reader.language), written(after, reader.language))
        for name in NightSettings.model_fields
        if (before := getattr(former.values, name))
        != (after := getattr(version.values, name))
    ]
