"""Removing what killed processes have left: files without a record, temporary folders.

A file is stored before the record that names it, so a kill between the two leaves a file
that nobody will ever ask for. It is removed when it is a day old and no record names it.
The files are listed before the records are read, and each is looked at once more when it
is removed: what a record names that came meanwhile was put again, and is young.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Final

from tripadvance_core.domain.times import Clock
from tripadvance_core.scratch import remove_abandoned
from tripadvance_core.services.backup import KEEPING, KEEPING_SECONDS
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.leases import acquire, kept_alive, release
from tripadvance_core.storage.objects import ObjectStore, files_named_in
from tripadvance_core.storage.walking import every_document

_LOG = logging.getLogger(__name__)

ORPHAN_AGE: Final = timedelta(hours=24)
MOST_AT_ONCE: Final = 10_000
_SWEPT: Final = "sweep"
_NOT_AGAIN_FOR: Final = timedelta(hours=20)


@dataclass(frozen=True)
class Swept:
    """How many files, unfinished puts and temporary folders were removed."""

    files: int = 0
    unfinished: int = 0
    folders: int = 0


class Sweeper:
    """Sweeps at most once a day, whoever asks, and never beside a backup."""

    def __init__(self, database: Database, objects: ObjectStore, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock

    def sweep(self) -> Swept:
        """Remove what is left over, unless that was done today or a backup goes on."""
        now = self._clock()
        keeping = acquire(self._database, KEEPING, "sweep", now, KEEPING_SECONDS)
        if keeping is None:
            return Swept()
        try:
            with kept_alive(self._database, keeping, self._clock):
                seconds = _NOT_AGAIN_FOR.total_seconds()
                if acquire(self._database, _SWEPT, "sweep", now, seconds) is None:
                    return Swept()
                return self._sweep()
        finally:
            release(self._database, keeping)

    def _sweep(self) -> Swept:
        before = self._clock() - ORPHAN_AGE
        swept = Swept(
            files=_told("file", self._without_record()),
            unfinished=_told("put", self._objects.discard_unfinished(before)),
            folders=_told("folder", remove_abandoned()),
        )
        _LOG.info("swept: %s", swept)
        return swept

    def _without_record(self) -> list[str]:
        before = self._clock() - ORPHAN_AGE
        old = list(self._objects.keys_before(before))
        named = self._named()
        orphans = (key for key in old if key not in named)
        return [
            key
            for key in islice(orphans, MOST_AT_ONCE)
            if self._objects.delete_before(key, before)
        ]

    def _named(self) -> set[str]:
        return {
            file.key
            for name in self._database.collections()
            for document in every_document(self._database, name)
            for file in files_named_in(document)
        }


def _told(kind: str, removed: Collection[str]) -> int:
    for name in removed:
        _LOG.info("removed a %s that was left over: %s", kind, name)
    return len(removed)
