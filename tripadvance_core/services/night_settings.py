"""The settings of the nights: which are in force, who set them, when and why.

What an administrator has stored wins; without any the installation's own settings
hold, from its environment and ``tripadvance.toml``.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tripadvance_core.domain.entities import SettingsVersion, TrainingRun
from tripadvance_core.domain.night_settings import NightSettings
from tripadvance_core.domain.times import Clock
from tripadvance_core.errors import AlreadyExists, Conflict, Refused, SettingRefused
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Repositories

INSTALLATION = "installation"
"""Who has set what nobody has stored."""


class NightSettingsService:
    """Tells what a night follows, and lets it be changed; old versions are kept."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._own = NightSettings.of(settings)
        self._configured = settings.model_fields_set & set(NightSettings.model_fields)
        self._store = Repositories(database)
        self._clock = clock

    @property
    def configured(self) -> frozenset[str]:
        """Names of the settings that the environment or the file gives, too."""
        return frozenset(self._configured)

    def current(self) -> NightSettings:
        """Return what a night that begins now follows."""
        return self.in_force().values

    def of_run(self, run: TrainingRun) -> NightSettings:
        """Return what a run has followed since it began."""
        return run.settings or self.current()

    def in_force(self) -> SettingsVersion:
        """Return the version that holds now."""
        stored = self.versions(limit=1)
        return stored[0] if stored else self._version_0()

    def versions(self, limit: int | None = None) -> list[SettingsVersion]:
        """Return the stored versions, newest first."""
        return self._store.night_settings.select(order=[("number", -1)], limit=limit)

    def version(self, number: int) -> SettingsVersion | None:
        """Return a version by its number, 0 for the installation's own."""
        if number == 0:
            return self._version_0()
        return self._store.night_settings.find(_id(number))

    def changed(self, changes: Mapping[str, Any]) -> NightSettings:
        """Return what is in force with some settings changed; nothing is stored.

        Raises
        ------
        SettingRefused
            For the first value that cannot be used; ``setting`` in its details names it.
        """
        return _checked(self.current().model_dump() | dict(changes))

    def store(
        self, values: Mapping[str, Any], *, replacing: int, by: str, reason: str
    ) -> SettingsVersion:
        """Put a new version in force, from the next run on.

        Parameters
        ----------
        values
            Every setting by its name; text is read as the environment's is.
        replacing
            Number of the version that whoever decides has seen.

        Raises
        ------
        SettingRefused
            As ``changed`` does.
        Refused
            ``NIGHT_REASON_MISSING``.
        Conflict
            ``NIGHT_SETTINGS_CHANGED`` when somebody else has stored one meanwhile,
            ``NIGHT_SETTINGS_SAME`` when nothing would change.
        """
        if not reason.strip():
            raise Refused("NIGHT_REASON_MISSING")
        former = self.in_force()
        if former.number != replacing:
            raise Conflict("NIGHT_SETTINGS_CHANGED", by=former.by)
        number = replacing + 1
        version = SettingsVersion(
            id=_id(number),
            number=number,
            values=_checked(values),
            by=by,
            reason=reason.strip(),
            at=self._clock(),
        )
        if version.values == former.values:
            raise Conflict("NIGHT_SETTINGS_SAME")
        try:
            self._store.night_settings.add(version)
        except AlreadyExists as error:
            other = self.in_force()
            raise Conflict("NIGHT_SETTINGS_CHANGED", by=other.by) from error
        return version

    def _version_0(self) -> SettingsVersion:
        return SettingsVersion(
            id=_id(0),
            number=0,
            values=self._own,
            by=INSTALLATION,
            reason="",
            at=self._clock(),
        )


def _id(number: int) -> str:
    return f"{number:08d}"


def _checked(values: Mapping[str, Any]) -> NightSettings:
    try:
        return NightSettings.model_validate(dict(values))
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False)[0]) from error


_BOUNDS = {
    "greater_than_equal": ("NIGHT_AT_LEAST", "ge"),
    "greater_than": ("NIGHT_MORE_THAN", "gt"),
    "less_than_equal": ("NIGHT_AT_MOST", "le"),
    "less_than": ("NIGHT_LESS_THAN", "lt"),
}
_OF_THEIR_OWN = {
    "cron": "NIGHT_NOT_A_CRON",
    "time_zone": "NIGHT_NOT_A_ZONE",
    "window_start": "NIGHT_NOT_A_TIME",
    "window_end": "NIGHT_NOT_A_TIME",
    "promotion_metric": "NIGHT_NOT_A_METRIC",
}


def _refusal(problem: Mapping[str, Any]) -> SettingRefused:
    """Say what is wrong with a setting, without pydantic's English."""
    setting = str(problem["loc"][0])
    if problem["type"] in _BOUNDS:
        code, name = _BOUNDS[problem["type"]]
        return SettingRefused(code, setting=setting, bound=problem["ctx"][name])
    if problem["type"] in ("int_from_float", "int_parsing"):
        return SettingRefused("NIGHT_NOT_WHOLE", setting=setting)
    code = _OF_THEIR_OWN.get(setting, "NIGHT_NOT_A_NUMBER")
    return SettingRefused(code, setting=setting)
