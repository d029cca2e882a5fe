"""The folder of Gradio's files, and who may have which of them.

Gradio keeps uploads and outputs in one folder, serves each to whoever knows its path,
and never removes what an upload that was cut off has left. So owners and age are kept
here: an upload belongs to whoever sent it, an output to the user in whose folder it
lies.
"""

import secrets
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from tripadvance_core.domain.users import User
from tripadvance_core.services.sessions import ABSOLUTE_LIMIT
from tripadvance_core.settings import Settings
from ui.chores import Chore

SWEEP_EVERY = timedelta(minutes=15)
UNFINISHED_LIMIT = timedelta(hours=1)
"""How long the rest of an upload that nobody writes to any more is kept."""

_OUTPUTS = "own"
_UNFINISHED = "tmp"  # how Gradio's temporary names begin


def gradio_folder(settings: Settings) -> Path:
    """Return the folder that Gradio's files are to be kept in."""
    return settings.data_dir / "gradio"


def own_folder(settings: Settings, user: User) -> Path:
    """Make a new folder for files that are handed to this user and to nobody else.

    Gradio serves what lies there without copying it.
    """
    outputs = _outputs_of(gradio_folder(settings), user.id)
    folder = outputs / secrets.token_urlsafe(16)
    folder.mkdir(mode=0o700, parents=True)
    return folder


class Owners:
    """Knows whose each file is; uploads are forgotten with the process.

    The same content under the same name has one path, so it may have several owners.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._uploads: dict[Path, set[str]] = {}

    def claim(self, path: str, user_id: str) -> None:
        """Note that the user has sent this file."""
        self._uploads.setdefault(Path(path).resolve(), set()).add(user_id)

    def may_have(self, path: str, user_id: str) -> bool:
        """Tell whether the file was sent by this user or made for this user."""
        try:
            real = Path(path).resolve()
        except (ValueError, OSError, RuntimeError):  # such as a NUL, a loop
            return False
        if real.is_relative_to(_outputs_of(self._folder, user_id)):
            return True
        return user_id in self._uploads.get(real, ())

    def forget_missing(self) -> None:
        """Forget the owners of files that are no longer there."""
        # A list, for files are claimed meanwhile, on other threads.
        for path in list(self._uploads):
            if not path.exists():
                del self._uploads[path]


def sweep(folder: Path, now: float) -> None:
    """Remove what no page can ask for any more, by the time of the last change.

    No session is older than ``ABSOLUTE_LIMIT``, so neither is a page that shows a file.

    Parameters
    ----------
    now
        Seconds since 1970.
    """
    # The deepest first, so that a folder is looked at after what was in it.
    for path in sorted(folder.rglob("*"), reverse=True):
        unfinished = path.parent == folder and path.name.startswith(_UNFINISHED)
        limit = UNFINISHED_LIMIT if unfinished else ABSOLUTE_LIMIT
        with suppress(OSError):  # in use, not empty, or gone meanwhile
            if now - path.lstat().st_mtime > limit.total_seconds():
                path.rmdir() if path.is_dir() else path.unlink()


def sweeping(folder: Path, owners: Owners) -> Chore:
    """Return the chore of sweeping the folder."""

    def sweep_now() -> None:
        sweep(folder, time.time())
        owners.forget_missing()

    return Chore(sweep_now, SWEEP_EVERY)


def _outputs_of(folder: Path, user_id: str) -> Path:
    return folder / _OUTPUTS / user_id
