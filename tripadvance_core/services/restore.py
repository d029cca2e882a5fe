"""Bringing a backup back, into an installation that holds nothing.

The archive is proven as a whole before anything is written. Then come the files, which
nobody sees without a record; then, under a mark that keeps everybody out, the records,
MASTER's pointer last. A restore that is cut off leaves an installation that is still
empty, or one that refuses to start until it is restored once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tripadvance_core.errors import Conflict
from tripadvance_core.services.backup_archive import (
    LEFT_OUT,
    BackupArchive,
    Manifest,
    opened_archive,
)
from tripadvance_core.services.installation import Installation
from tripadvance_core.services.invariants import Invariants, Violation
from tripadvance_core.services.registry import Registry
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.objects import ObjectStore

_LAST: Final = "pointers"


@dataclass(frozen=True)
class Restored:
    """What was brought back, and what is wrong with it, if anything is."""

    manifest: Manifest
    violations: Sequence[Violation]


class Restore:
    """Fills an empty installation from a backup."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        installation: Installation,
        registry: Registry,
        invariants: Invariants,
    ) -> None:
        self._database = database
        self._objects = objects
        self._installation = installation
        self._registry = registry
        self._invariants = invariants

    def run(self, path: Path) -> Restored:
        """Bring a backup back.

        Raises
        ------
        Corrupted, Outdated, Refused
            See ``opened_archive``; nothing was changed.
        Conflict
            ``INSTALLATION_NOT_EMPTY``; nothing was changed.
        """
        with opened_archive(path) as archive:
            self._require_empty()
            self._installation.create_missing()
            for file in archive.manifest.files:
                self._objects.put(file.key, archive.content(file))
            self._installation.begin_restore()
            self._fill(archive)
            self._installation.end_restore()
        self._installation.setup()  # its records may be of an older version
        # What a crash may have left when the backup was made; see Registry.repair.
        self._registry.repair()
        return Restored(archive.manifest, self._invariants.violations())

    def _require_empty(self) -> None:
        if self._installation.is_half_restored:
            return
        for name in self._database.collections():
            if name not in LEFT_OUT and self._database.count(name):
                raise Conflict("INSTALLATION_NOT_EMPTY", collection=name)

    def _fill(self, archive: BackupArchive) -> None:
        # What a restore that was cut off has left, and links to make the first account.
        for name in {*self._database.collections()} - {"installation"}:
            self._database.delete(name, {})
        names = sorted(archive.manifest.records, key=lambda name: (name == _LAST, name))
        for name in names:
            for document in archive.records(name):
                self._database.insert(name, document)
