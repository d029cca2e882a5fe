"""What a night follows, as it may be changed from one night to the next."""

from datetime import UTC, datetime
from itertools import islice
from typing import Self
from zoneinfo import ZoneInfo

from cronsim import CronSim
from pydantic import BaseModel, ConfigDict

from tripadvance_core.domain.window import Window
from tripadvance_core.settings import (
    BoostingRounds,
    Cron,
    HistoryRows,
    MaxLeaves,
    MinGain,
    MinPartitionBytes,
    PromotionMetric,
    Settings,
    Share,
    TimeOfDay,
    TimeZoneName,
    WaitDays,
)


class NightSettings(BaseModel):
    """The settings of one night; each means what the one of its name in Settings does.

    A run keeps those that it began with, so that it can be understood and repeated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_start: TimeOfDay
    window_end: TimeOfDay
    time_zone: TimeZoneName
    cron: Cron
    min_partition_bytes: MinPartitionBytes
    max_wait_days: WaitDays
    promotion_metric: PromotionMetric
    min_gain: MinGain
    boosting_rounds: BoostingRounds
    learning_rate: Share
    max_leaves: MaxLeaves
    history_rows: HistoryRows

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what the settings of the installation say."""
        return cls(**settings.model_dump(include=set(cls.model_fields)))

    @property
    def window(self) -> Window:
        """The hours in which a night may work."""
        return Window(self.window_start, self.window_end, ZoneInfo(self.time_zone))

    def starts_after(self, moment: datetime, count: int) -> list[datetime]:
        """Return the next moments, in UTC, at which a night is started.

        Outside the window nothing comes of it: see ``window``.
        """
        local = moment.astimezone(ZoneInfo(self.time_zone))
        starts = islice(CronSim(self.cron, local), count)
        return [start.astimezone(UTC) for start in starts]
