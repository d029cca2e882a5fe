"""One tree of errors; each error has a code, details and a sentence for people.

TripAdvanceError
├── Refused            the input cannot be used; the user can mend it
│   ├── FileRefused        a whole file
│   └── SettingRefused     a setting or an option
├── NotFound           an id, or a MASTER, that does not exist
├── Conflict           somebody else was first; nothing was changed
│   ├── AlreadyExists      the document is there already
│   └── LeaseLost          the lease ended while the work went on
├── WindowClosed       the allowed window ended; the work goes back to the queue
│   └── OutOfTime          what carries the work out ends before the window does
├── Corrupted          stored bytes are not what was stored
├── Outdated           a model of another version, which this one cannot ask
├── ClusterLost        a Dask cluster cannot do its part; one machine can do it all
├── SchedulerDown      what starts the runs does not answer; nothing was started
├── Unavailable        a database, an object store or a port does not answer
└── Broken             what nobody has foreseen; the log tells it
"""

from typing import Any

from tripadvance_core.messages import Language, sentence


class TripAdvanceError(Exception):
    """Root of the tree.

    Parameters
    ----------
    code
        Key of the sentence in ``locales/``, upper case with underscores.
    details
        Values for the named places of the sentence. Never secrets or rows.
    """

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the error travel to another process with its details."""
        return _raised, (type(self), self.code, self.details)

    def sentence(self, language: Language = "en") -> str:
        """Say what happened and what to do about it."""
        return sentence(self.code, language, **self.details)

    def __str__(self) -> str:
        return f"{self.sentence()} [{self.code}]"


def _raised(
    kind: type[TripAdvanceError], code: str, details: dict[str, Any]
) -> TripAdvanceError:
    return kind(code, **details)


class Refused(TripAdvanceError):
    """The input cannot be used as it is."""


class FileRefused(Refused):
    """A whole file cannot be used; the original bytes are kept."""


class SettingRefused(Refused):
    """A setting or an option has a value that cannot be used."""


class NotFound(TripAdvanceError):
    """There is nothing of that id."""


class Conflict(TripAdvanceError):
    """Somebody else was first; nothing was changed."""


class AlreadyExists(Conflict):
    """A document with that id, or that unique value, is there already."""


class LeaseLost(Conflict):
    """The lease ended while the work went on; nothing may be committed."""


class WindowClosed(TripAdvanceError):
    """The allowed window ended before the work did."""


class OutOfTime(WindowClosed):
    """What carries the work out ends before the window does."""


class Corrupted(TripAdvanceError):
    """Stored bytes do not match the checksum recorded when they were stored."""


class Outdated(TripAdvanceError):
    """A model that another version of TripAdvance has made; nothing is wrong with it."""


class Unavailable(TripAdvanceError):
    """A database, an object store, a folder or a port cannot be used now."""


class ClusterLost(TripAdvanceError):
    """A Dask cluster is not there, or has failed; the work can be done on one machine."""


class SchedulerDown(TripAdvanceError):
    """What starts the runs does not answer; nothing was started or changed there."""


class Broken(TripAdvanceError):
    """An error that nobody has foreseen; the log tells it, this one no more than that."""
