"""What is told, outside the database, of an upload that waits for a night."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tripadvance_core.domain.entities import Upload
from tripadvance_core.domain.times import Clock
from tripadvance_core.domain.window import admit
from tripadvance_core.services.claims import Claims, PartitionRequest
from tripadvance_core.services.night_settings import NightSettingsService


@dataclass(frozen=True)
class Waiting:
    """What waits now, and whether a night that starts now would begin with it."""

    files: int
    missing_bytes: int
    may_start: bool


class Announcer(Protocol):
    """Tells whoever listens. It never raises and keeps nobody waiting."""

    def upload_pending(self, upload: Upload, waiting: Callable[[], Waiting]) -> None:
        """Tell soon of an upload, and of what ``waiting`` says by then."""

    def close(self) -> None:
        """Tell what is untold, at once; nothing more is told after that."""


class Silence:
    """The announcer where nobody listens."""

    def upload_pending(self, upload: Upload, waiting: Callable[[], Waiting]) -> None:
        """Tell nobody."""

    def close(self) -> None:
        """Do nothing."""


class Arrivals:
    """Announces uploads as they come to wait."""

    def __init__(
        self,
        night_settings: NightSettingsService,
        claims: Claims,
        announcer: Announcer,
        clock: Clock,
    ) -> None:
        self._night_settings = night_settings
        self._claims = claims
        self._announcer = announcer
        self._clock = clock

    def announce(self, upload: Upload) -> None:
        """Announce an upload that has been stored."""
        self._announcer.upload_pending(upload, self.waiting)

    def waiting(self) -> Waiting:
        """Return what a night would find now."""
        choice = self._claims.next_choice(PartitionRequest())
        window = self._night_settings.current().window
        may_start = bool(choice.uploads) and admit(self._clock(), window).admitted
        return Waiting(choice.waiting_files, choice.missing_bytes, may_start)
