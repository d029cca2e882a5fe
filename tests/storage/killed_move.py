"""A process that moves an installation and is killed before a write.

killed_move.py AFTER FOLDER FILE   as ``tripadvance migrate --data-dir FOLDER --to FILE``
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tripadvance_core.bootstrap import opened_move
from tripadvance_core.settings import load_named_settings, load_settings

WRITES = ("insert", "put", "delete")


class Countdown:
    """Lets so many writes pass; the process ends before the next."""

    def __init__(self, left: int) -> None:
        self.left = left

    def before(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self.left -= 1
            return write(*arguments)

        return counted


def move(after: int, folder: Path, file: Path) -> None:
    here = load_settings(folder)
    countdown = Countdown(after)
    with opened_move(here, load_named_settings(file, here)) as moving:
        filled = moving._filling
        for store in (filled.database, filled.objects):
            for name in WRITES:
                if hasattr(store, name):
                    setattr(store, name, countdown.before(getattr(store, name)))
        moving.run(lambda *_: None)


if __name__ == "__main__":
    move(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
