"""Bringing a backup back, into an installation that holds nothing.

The archive is proven as a whole before anything is written. Then come the files, which
nobody sees without a record; then, under a mark that keeps everybody out, the records,
MASTER's pointer last. A restore that is cut off leaves an installation that is still
empty, or one that refuses to start until it is restored once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tripadvance_core.errors import Conflict
from tripadvance_core.services.backup_archive import Manifest, opened_archive
from tripadvance_core.services.filling import Filling
from tripadvance_core.services.installation import Filler
from tripadvance_core.services.invariants import Violation


@dataclass(frozen=True)
class Restored:
    """What was brought back, and what is wrong with it, if anything is."""

    manifest: Manifest
    violations: Sequence[Violation]


class Restore:
    """Fills an empty installation from a backup."""

    def __init__(self, filling: Filling) -> None:
        self._filling = filling

    def run(self, path: Path) -> Restored:
        """Bring a backup back.

        Raises
        ------
        Corrupted, Outdated, Refused
            See ``opened_archive``; nothing was changed.
        Conflict
            ``INSTALLATION_NOT_EMPTY``, or ``MIGRATION_UNFINISHED`` where that began to
            fill the installation; nothing was changed.
        """
        filling, installation = self._filling, self._filling.installation
        with opened_archive(path) as archive:
            self._require_empty()
            installation.create_missing()
            manifest = archive.manifest
            for file in manifest.files:
                filling.objects.put(file.key, archive.content(file))
            installation.begin_filling(Filler.RESTORE)
            filling.replace_records(
                {name: archive.records(name) for name in manifest.records}
            )
        return Restored(manifest, filling.finish())

    def _require_empty(self) -> None:
        installation = self._filling.installation
        installation.require_whole(unless=Filler.RESTORE)
        if installation.filled_by is None and (
            found := self._filling.something_in_it()
        ):
            raise Conflict("INSTALLATION_NOT_EMPTY", collection=found)
