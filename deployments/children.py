"""Child processes that are started, watched, restarted and stopped in order."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from deployments.console import Console
from tripadvance_core.errors import Unavailable
from tripadvance_core.logs import MAX_LOG_BYTES

READY_SECONDS = 180
STOP_SECONDS = 15
LONGEST_PAUSE_SECONDS = 60
STEADY_SECONDS = 120
_LOOK_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    """One process of the installation and how to tell that it is ready."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    ready: Callable[[], bool]
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started_at: float = 0.0
    restart_at: float | None = None

    def start(self) -> None:
        """Start the process in a group of its own, its output in its log."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own commands
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone: we stop in order
                preexec_fn=_end_with_parent,
            )
        self.started_at = time.monotonic()
        self.restart_at = None

    @property
    def exit_status(self) -> int | None:
        """The status of a process that has ended, else None."""
        return None if self.process is None else self.process.poll()

    def bound_log(self) -> None:
        """Put a log that has grown large aside, in place of the one before it.

        The process has its file open for appending, so it goes on at the beginning;
        what it writes in between is lost.
        """
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            shutil.copyfile(self.log, self.log.with_name(f"{self.log.name}.1"))
            os.truncate(self.log, 0)

    def pause_after_failure(self) -> float:
        """Return the seconds to wait before the next start: 1, 2, 4, … up to 60."""
        if time.monotonic() - self.started_at > STEADY_SECONDS:
            self.failures = 0
        pause = min(2**self.failures, LONGEST_PAUSE_SECONDS)
        self.failures += 1
        return float(pause)

    def stop(self) -> None:
        """Ask the process to end; end its whole group if it does not."""
        if self.process is None or self.exit_status is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Supervisor:
    """Keeps children running until told to stop."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._children: list[Child] = []
        self.stopping = Event()

    def stop_on_signals(self) -> None:
        """Let Ctrl-C and SIGTERM end the work instead of the process."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask_to_stop)

    def add(self, child: Child) -> None:
        """Start a child and watch it from now on."""
        self._children.append(child)
        child.start()

    def wait_until_ready(self, child: Child) -> None:
        """Return when a child answers, or when we are asked to stop.

        Raises
        ------
        Unavailable
            ``CHILD_NOT_READY`` after three minutes.
        """
        give_up_at = time.monotonic() + READY_SECONDS
        while not self.stopping.is_set() and not child.ready():
            self.look_after()
            if time.monotonic() > give_up_at:
                raise Unavailable(
                    "CHILD_NOT_READY",
                    child=child.name,
                    seconds=READY_SECONDS,
                    log=child.log,
                )
            self.stopping.wait(_LOOK_SECONDS)
        if not self.stopping.is_set():
            self._console.say("CHILD_READY", child=child.name)

    def watch(self) -> None:
        """Restart what dies until we are asked to stop."""
        while not self.stopping.wait(_LOOK_SECONDS):
            self.look_after()

    def look_after(self) -> None:
        """Look at every child once; restart those whose pause is over."""
        for child in self._children:
            child.bound_log()
            if child.restart_at is not None:
                if time.monotonic() >= child.restart_at:
                    child.start()
            elif (status := child.exit_status) is not None:
                pause = child.pause_after_failure()
                child.restart_at = time.monotonic() + pause
                self._console.say(
                    "CHILD_DIED",
                    child=child.name,
                    status=status,
                    seconds=int(pause),
                    log=child.log,
                )

    def stop_all(self) -> None:
        """Stop the children, the one started last first."""
        if self._children:
            self._console.say("STOPPING")
        while self._children:
            child = self._children.pop()
            child.stop()
            self._console.say("CHILD_STOPPED", child=child.name)

    def _ask_to_stop(self, _number: int, _frame: object) -> None:
        self.stopping.set()


def _end_with_parent() -> None:
    """Have Linux end a child whose supervisor was killed, or it would keep its port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
