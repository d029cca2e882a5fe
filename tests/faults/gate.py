"""A gate before the database, the object store and the confined child.

Every call of the services goes through it. A thread that has a guard set may be struck
there: before a call, after it, or instead of it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any
from unittest.mock import patch

from tripadvance_core import bootstrap
from tripadvance_core.confined import Outcome
from tripadvance_core.learning import proving
from tripadvance_core.services import reading

Call = Callable[[], Any]
Guard = Callable[[str, Call], Any]
"""Is given what is called and the call itself; makes it, or does not."""

_guard: ContextVar[Guard | None] = ContextVar("guard", default=None)


@contextmanager
def guarded(guard: Guard) -> Iterator[None]:
    """Let every call of this thread go by a guard."""
    before = _guard.set(guard)
    try:
        yield
    finally:
        _guard.reset(before)


@contextmanager
def unguarded() -> Iterator[None]:
    """Let the calls of this thread through, as those of another process."""
    before = _guard.set(None)
    try:
        yield
    finally:
        _guard.reset(before)


@contextmanager
def gates() -> Iterator[None]:
    """Put gates before all storage that is opened meanwhile.

    What runs confined runs here, in the same process: that a child may fall without
    harm is another test's matter, and a child a call would take most of the time.
    """
    with ExitStack() as stack:
        for name, kind in (("open_database", "database"), ("open_objects", "objects")):
            opened = getattr(bootstrap, name)
            stack.enter_context(patch.object(bootstrap, name, _gated(kind, opened)))
        for module in (reading, proving):
            stack.enter_context(patch.object(module, "run_confined", _run_here))
        yield


class _Gated:
    """A database or a store behind the gate."""

    def __init__(self, kind: str, behind: Any) -> None:
        self._kind = kind
        self._behind = behind

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._behind, name)

        def call(*args: Any, **named: Any) -> Any:
            called = f"{self._kind}.{name} {args[0] if args else ''}".strip()
            return _pass(called, lambda: method(*args, **named))

        return call


def _gated(kind: str, opened: Callable[..., Any]) -> Callable[..., Any]:
    return lambda settings: _Gated(kind, opened(settings))


def _run_here(work: Callable[..., Outcome], *args: Any, caps: object) -> Outcome:
    outcome: Outcome = _pass(f"confined.{work.__name__}", lambda: work(*args))
    return outcome


def _pass(called: str, call: Call) -> Any:
    guard = _guard.get()
    return call() if guard is None else guard(called, call)
