"""Every setting of the product: one place, one name, one default.

A value comes from, first wins: an environment variable ``TRIPADVANCE_<NAME>``,
the file ``tripadvance.toml`` in the data folder, the default below.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

import platformdirs
from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tripadvance_core.errors import SettingRefused
from tripadvance_core.messages import Language

SETTINGS_FILE = "tripadvance.toml"


def default_data_dir() -> Path:
    """Return the folder that holds everything when none is named."""
    return platformdirs.user_data_path("tripadvance", appauthor=False)


def spare_cores() -> int:
    """All cores but one, so that the web app answers while a model trains."""
    return max(1, (os.cpu_count() or 1) - 1)


# Finding them searches folders.
_time_zones = cache(available_timezones)


def _known_time_zone(name: str) -> str:
    if name not in _time_zones():
        raise ValueError(f"unknown time zone: {name}")
    return name


def _cron_expression(text: str) -> str:
    try:
        CronSim(text, datetime.now(UTC))
    except CronSimError as error:
        raise ValueError(f"not a cron expression: {text}") from error
    return text


def _time_of_day(value: object) -> object:
    """Read hours and minutes only: pydantic takes ``6`` for six seconds."""
    if isinstance(value, str) and not _TIME_OF_DAY.fullmatch(value):
        raise ValueError(f"not a time of day: {value}")
    return f"{value:0>5}" if isinstance(value, str) else value


def _one_address(host: str) -> str:
    """Refuse names for all addresses: nobody can be sent there."""
    if not host or (_is_address(host) and ipaddress.ip_address(host).is_unspecified):
        raise ValueError("name one address, not all of them")
    return host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _user_and_password(auth: SecretStr) -> SecretStr:
    user, _, password = auth.get_secret_value().partition(":")
    if not user or not password:
        raise ValueError("not of the form user:password")
    return auth


_TIME_OF_DAY = re.compile(r"\d{1,2}:\d\d(:\d\d)?")


def _urls(text: SecretStr) -> SecretStr:
    for position, url in enumerate(_split_urls(text), start=1):
        if not _URL.match(url):
            raise ValueError(f"entry {position} is no address like json://host/path")
    return text


def _split_urls(text: SecretStr) -> list[str]:
    """Split at what stands before an address; a comma may be part of one, too."""
    return _BEFORE_URL.split(text.get_secret_value().strip(" ,"))


_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S")
_BEFORE_URL = re.compile(rf"[\s,]+(?={_URL.pattern})")

Device = Literal["cpu", "cuda"]
TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
PromotionMetric = Literal["MAPE", "MAE", "RMSE"]
MinPartitionBytes = Annotated[int, Field(ge=1, le=10**15)]
WaitDays = Annotated[float, Field(ge=0, le=3_650)]
MinGain = Annotated[float, Field(ge=0, lt=1)]
BoostingRounds = Annotated[int, Field(ge=1, le=10_000)]
MaxLeaves = Annotated[int, Field(ge=2, le=65_536)]
HistoryRows = Annotated[int, Field(ge=1_000, le=10**12)]
Share = Annotated[float, Field(gt=0, lt=1)]
CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Cron = Annotated[str, AfterValidator(_cron_expression)]
OneAddress = Annotated[str, AfterValidator(_one_address)]
UserAndPassword = Annotated[SecretStr, AfterValidator(_user_and_password)]
AlertUrls = Annotated[SecretStr, AfterValidator(_urls)]
TimeZoneName = Annotated[str, AfterValidator(_known_time_zone)]


class Settings(BaseSettings):
    """The settings of one installation; immutable once read."""

    model_config = SettingsConfigDict(
        env_prefix="TRIPADVANCE_", frozen=True, extra="forbid", validate_default=True
    )

    data_dir: Path = Field(default_factory=default_data_dir)
    language: Language = "pt-BR"
    base_currency: CurrencyCode = "USD"

    # The night
    time_zone: TimeZoneName = "America/Sao_Paulo"
    window_start: TimeOfDay = time(0, 0)
    window_end: TimeOfDay = time(6, 0)
    cron: Cron = "0 0 * * *"
    min_partition_bytes: MinPartitionBytes = 10_000
    max_wait_days: WaitDays = 3
    settle_minutes: float = Field(default=0, ge=0)
    max_partitions: int = Field(default=200, ge=1)
    max_attempts: int = Field(default=3, ge=1)
    lease_seconds: float = Field(default=60, ge=1)
    start_on_upload: bool = False

    # Reading files
    reader_memory_mb: int = Field(default=4096, ge=256)

    # The model
    seed: int = 7
    threads: int = Field(default_factory=spare_cores, ge=1)
    device: Device = "cpu"
    history_rows: HistoryRows = 10_000_000
    boosting_rounds: BoostingRounds = 300
    learning_rate: Share = 0.1
    max_leaves: MaxLeaves = 1_500
    tuning_minutes: float = Field(default=0, ge=0)
    dask_address: str | None = Field(default=None, pattern=r"^(tcp|tls)://[^/\s]+:\d+$")
    dask_rows: int = Field(default=50_000_000, ge=1)
    dask_workers: int = Field(default=2, ge=1)

    # Promotion
    min_gain: MinGain = 0.01
    promotion_metric: PromotionMetric = "MAPE"
    promotion_confidence: float = Field(default=0.995, gt=0.5, le=0.9975)
    promotion_looks: int = Field(default=5, ge=1, le=10)
    min_groups: int = Field(default=20, ge=2)
    min_rows: int = Field(default=100, ge=2)
    panel_rows: int = Field(default=20_000, ge=100)
    panel_uses: int = Field(default=60, ge=1)
    panel_days: float = Field(default=90, gt=0)
    probation_nights: int = Field(default=7, ge=0, le=10)
    secret: SecretStr | None = None

    # Storage
    mongodb_uri: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("TRIPADVANCE_MONGODB_URI", "MONGODB_URI"),
    )
    mongodb_database: str = "tripadvance"
    s3_bucket: str | None = None
    s3_prefix: str = "tripadvance"
    s3_endpoint_url: str | None = None
    s3_block: str | None = None
    lambda_preprocess: str | None = None

    # Who may come in
    registration: Literal["invite", "open"] = "invite"
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65_535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_sender: str | None = None
    public_url: str | None = Field(default=None, pattern=r"^https?://[^/\s]+$")
    alert_urls: AlertUrls | None = None
    metrics_token: SecretStr | None = Field(default=None, min_length=20)
    mcp: bool = False

    # The servers
    host: str = "127.0.0.1"
    web_port: int = Field(default=7860, ge=1, le=65_535)
    prefect_host: OneAddress = "127.0.0.1"
    prefect_auth: UserAndPassword | None = None
    prefect_port: int = Field(default=4200, ge=1, le=65_535)

    @field_validator("s3_block")
    @classmethod
    def _one_object_store(cls, block: str | None, read: ValidationInfo) -> str | None:
        if block is not None and read.data.get("s3_bucket") is not None:
            raise ValueError("a block names its bucket; unset TRIPADVANCE_S3_BUCKET")
        return block

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which the window is reckoned."""
        return ZoneInfo(self.time_zone)

    @property
    def stores_are_elsewhere(self) -> bool:
        """Whether neither records nor files are kept in the data folder."""
        files_are = self.s3_bucket is not None or self.s3_block is not None
        return self.mongodb_uri is not None and files_are

    @property
    def web_url(self) -> str:
        """Where the web app answers."""
        return f"http://{self.host}:{self.web_port}"

    @property
    def address_for_people(self) -> str:
        """Where people reach the web app, as e-mails name it."""
        return self.public_url or self.web_url

    @property
    def alert_addresses(self) -> tuple[SecretStr, ...]:
        """Where alerts go; an address may hold a password."""
        if self.alert_urls is None:
            return ()
        return tuple(map(SecretStr, _split_urls(self.alert_urls)))

    @property
    def mail_sender(self) -> str:
        """Who e-mails are from."""
        return self.smtp_sender or self.smtp_user or f"tripadvance@{self.host}"

    @property
    def prefect_url(self) -> str:
        """Where the Prefect UI answers."""
        host = (
            f"[{self.prefect_host}]" if ":" in self.prefect_host else self.prefect_host
        )
        return f"http://{host}:{self.prefect_port}"

    @property
    def prefect_stays_here(self) -> bool:
        """Whether the Prefect server can be reached from this machine alone."""
        host = self.prefect_host
        if not _is_address(host):
            return host == "localhost"
        return ipaddress.ip_address(host).is_loopback

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, then the file in the data folder."""
        data_dir = init_settings().get("data_dir") or env_settings().get("data_dir")
        toml = _toml_in(data_dir or default_data_dir(), settings_cls)
        return init_settings, env_settings, toml


class _NamedSettings(Settings):
    """The settings of an installation elsewhere, for which the environment is not."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the lines, then what stands in for them, then the data folder's file."""
        data_dir = dotenv_settings().get("data_dir") or init_settings()["data_dir"]
        toml = _toml_in(data_dir, settings_cls)
        return dotenv_settings, init_settings, toml


def _toml_in(
    data_dir: Path | str, settings_cls: type[BaseSettings]
) -> TomlConfigSettingsSource:
    return TomlConfigSettingsSource(
        settings_cls, toml_file=Path(data_dir) / SETTINGS_FILE
    )


def load_settings(data_dir: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings; ``data_dir`` and ``overrides`` win over all sources.

    Raises
    ------
    SettingRefused
        ``SETTING_INVALID``, naming the variable and what is wrong with it;
        ``SETTINGS_FILE_INVALID`` when the file is no TOML.
    """
    if data_dir is not None:
        overrides["data_dir"] = data_dir
    with _refusals_explained():
        return Settings(**overrides)


def load_named_settings(file: Path, here: Settings) -> Settings:
    """Read the settings of an installation elsewhere from lines ``NAME=value``.

    Its data folder is that of ``here`` unless a line names it.

    Raises
    ------
    SettingRefused
        ``SETTINGS_FILE_UNREADABLE``; ``SETTINGS_FILE_OPEN`` where others than its owner
        may read it, for it may hold passwords; or see ``load_settings``.
    """
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
    except OSError as error:
        raise SettingRefused(
            "SETTINGS_FILE_UNREADABLE", file=file, problem=error.strerror
        ) from error
    if mode & 0o077:
        raise SettingRefused("SETTINGS_FILE_OPEN", file=file)
    with _refusals_explained():
        return _NamedSettings(_env_file=file, data_dir=here.data_dir)


@contextmanager
def _refusals_explained() -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0]).upper().removeprefix("TRIPADVANCE_")
        raise SettingRefused(
            "SETTING_INVALID", variable=f"TRIPADVANCE_{name}", problem=first["msg"]
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingRefused(
            "SETTINGS_FILE_INVALID", file=SETTINGS_FILE, problem=str(error)
        ) from error
