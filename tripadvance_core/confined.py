"""Work on the bytes of strangers, in a process that may fall without harm.

A reader of spreadsheets can be made to eat all memory, to run for ever, or to abort
the process that it runs in. So it runs in a child under caps on memory and time. What
comes back is JSON and bytes, never pickles: a child that has been taken over can lie,
but it cannot make its parent run code.
"""

import ctypes
import gc
import json
import logging
import multiprocessing
import os
import resource
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, Final, Never

from tripadvance_core import errors
from tripadvance_core.errors import FileRefused, TripAdvanceError

_log = logging.getLogger(__name__)

# A server that has its modules loaded forks children in milliseconds.
_processes: Final[ForkServerContext] = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    [
        "tripadvance_core.fork_server",
        "tripadvance_core.tabular.jobs",
        "tripadvance_core.learning.proving",
    ]
)
_at_once = BoundedSemaphore(max(1, os.cpu_count() or 1))

_MOST_PARTS: Final = 16
_MOST_BYTES: Final = 2 * 1024**3
_PR_SET_PDEATHSIG: Final = 1
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_MOST_KEPT: Final = 1024**3


@dataclass(frozen=True)
class Caps:
    """What a piece of work may cost: memory beyond a bare process, and seconds."""

    memory_bytes: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What came out: a JSON document, bytes by name, and the CPU time it took."""

    document: dict[str, Any]
    blobs: dict[str, bytes] = field(default_factory=dict)
    cpu_seconds: float = 0.0


class ConfinedWorkFailed(RuntimeError):
    """The work raised what it should not; the child's traceback is in the log."""


def run_confined(work: Callable[..., Outcome], *args: Any, caps: Caps) -> Outcome:
    """Do the work in a child process and return its outcome.

    Parameters
    ----------
    work
        A function of a module, called with ``args`` in the child.

    Raises
    ------
    FileRefused
        ``FILE_TOO_COSTLY`` where a cap was reached, ``FILE_STOPS_READER`` where the
        child was aborted.
    TripAdvanceError
        What the work itself raised.
    ConfinedWorkFailed
        Where it raised anything else.
    """
    with _at_once:
        receiver, sender = _processes.Pipe(duplex=False)
        child = _processes.Process(
            target=_child, args=(sender, caps, work, args), daemon=True
        )
        child.start()
        sender.close()
        try:
            return _received(receiver, caps.seconds)
        except EOFError:
            child.join()
            raise _refused(child.exitcode) from None
        finally:
            receiver.close()
            child.kill()
            child.join()
            child.close()


def _received(receiver: Connection, seconds: float) -> Outcome:
    if not receiver.poll(seconds):
        raise FileRefused("FILE_TOO_COSTLY")
    message = json.loads(receiver.recv_bytes(_MOST_BYTES))
    match message:
        case {"error": {"kind": kind, "code": code, "details": details}}:
            raise _error_class(kind)(code, **details)
        case {"costly": True}:
            raise FileRefused("FILE_TOO_COSTLY")
        case {"failure": failure}:
            _log.error("confined work failed: %s", failure)
            raise ConfinedWorkFailed
        case {"document": document, "blobs": names, "cpu_seconds": cpu_seconds}:
            blobs = {
                name: receiver.recv_bytes(_MOST_BYTES) for name in names[:_MOST_PARTS]
            }
            return Outcome(document, blobs, cpu_seconds)
    raise ConfinedWorkFailed


def _error_class(kind: str) -> type[TripAdvanceError]:
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, TripAdvanceError):
        return found
    return TripAdvanceError


def _refused(exit_code: int | None) -> FileRefused:
    out_of_time = exit_code == -signal.SIGXCPU
    return FileRefused("FILE_TOO_COSTLY" if out_of_time else "FILE_STOPS_READER")


def _child(
    sender: Connection,
    caps: Caps,
    work: Callable[..., Outcome],
    args: tuple[Any, ...],
) -> Never:
    """Do the work under the caps, tell the outcome, and end without ado."""
    _die_with_the_server()
    _limit(caps)
    _keep_freed_memory()
    # The process ends before garbage could matter.
    gc.disable()
    try:
        outcome = work(*args)
    except TripAdvanceError as error:
        _send(sender, {"error": _described(error)})
    except MemoryError:
        _send(sender, {"costly": True})
    except BaseException:  # noqa: BLE001 - the parent raises it, with this text
        _send(sender, {"failure": traceback.format_exc()})
    else:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        head = {
            "document": outcome.document,
            "blobs": list(outcome.blobs),
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
        }
        _send(sender, head, *outcome.blobs.values())
    os._exit(0)


def _send(sender: Connection, head: dict[str, Any], *blobs: bytes) -> None:
    sender.send_bytes(json.dumps(head, default=str).encode())
    for blob in blobs:
        sender.send_bytes(blob)


def _described(error: TripAdvanceError) -> dict[str, Any]:
    return {
        "kind": type(error).__name__,
        "code": error.code,
        "details": error.details,
    }


def _die_with_the_server() -> None:
    """End when the fork server does, which ends with the process that asks."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _keep_freed_memory() -> None:
    """Use memory again that was freed, instead of giving it back and asking anew.

    The process ends soon, and every page that is asked for has to be filled with zeros.
    """
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, _MOST_KEPT)
    libc.mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)


def _limit(caps: Caps) -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    now = pages * resource.getpagesize()
    most = now + caps.memory_bytes
    seconds = int(caps.seconds) + 1
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (caps.memory_bytes, caps.memory_bytes))
