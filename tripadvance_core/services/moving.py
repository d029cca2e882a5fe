"""Moving an installation to another database and object store, of whatever kind.

The destination is marked first, so that nobody gets in; then come the files, then the
records, and the mark goes when both were read back and are what they are here. Here
nothing is changed: the leases that are held meanwhile keep runs, backups and sweeps
away, and a second reading tells whether anybody wrote.

A move that is cut off is begun again. Files that have arrived are not copied once more;
the records, which are few bytes beside them, are.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tripadvance_core.domain.times import Clock
from tripadvance_core.errors import Conflict, Corrupted, NotFound
from tripadvance_core.scratch import ScratchFolder
from tripadvance_core.services.backup import files_kept
from tripadvance_core.services.backup_archive import Records
from tripadvance_core.services.claims import LEASE
from tripadvance_core.services.filling import Filling
from tripadvance_core.services.installation import Filler, Installation
from tripadvance_core.services.invariants import Violation
from tripadvance_core.services.migrations import require_newest
from tripadvance_core.services.readings import Reading, read_records
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.leases import holder_of, kept_alive, release, wait_for
from tripadvance_core.storage.objects import ObjectStore

_HOLDER: Final = "migration"
_LEASE_SECONDS: Final = 60.0

Stage = Literal["MIGRATION_COPIES", "MIGRATION_PROVES"]
OnFile = Callable[[Stage, int, int], None]
"""Told after each file of a stage: how many are done, of how many."""


@dataclass(frozen=True)
class Moved:
    """What has arrived; ``copied`` of the files were not there yet.

    ``lost`` are keys of files that were lost or damaged before.
    """

    records: Mapping[str, Records]
    files: int
    copied: int
    lost: Sequence[str]
    violations: Sequence[Violation]


class Move:
    """Fills an empty installation with all that is in another one."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        installation: Installation,
        filling: Filling,
        clock: Clock,
    ) -> None:
        self._database = database
        self._objects = objects
        self._installation = installation
        self._filling = filling
        self._clock = clock

    def run(self, on_file: OnFile) -> Moved:
        """Move everything but what is of the moment; see ``LEFT_OUT``.

        Raises
        ------
        Conflict
            ``MIGRATION_DURING_RUN``, ``MIGRATION_TO_ITSELF``, ``MIGRATION_NOT_EMPTY``,
            or one of ``files_kept``, ``require_newest`` or ``require_whole``: nothing was
            changed. ``MIGRATION_SOURCE_CHANGED``: the destination stays closed.
        Corrupted
            ``MIGRATION_DIFFERS`` where something arrived otherwise than it was sent;
            the destination stays closed.
        """
        self._installation.require_whole()
        require_newest(self._database)
        with self._standing_still(), closing(ScratchFolder()) as scratch:
            here = read_records(self._database, _folder(scratch, "here"))
            if not self._is_there(here, _folder(scratch, "there")):
                self._filling.installation.begin_filling(Filler.MIGRATION)
            self._filling.installation.create_missing()
            copied, lost = self._copy_files(here, on_file)
            if self._filling.installation.filled_by is not None:
                self._filling.replace_records(
                    {name: here.documents(name) for name in here.records}
                )
            self._prove_files(here, lost, on_file)
            self._prove_records(here, scratch)
            return Moved(
                records=here.records,
                files=len(here.files) - len(lost),
                copied=copied,
                lost=lost,
                violations=self._filling.finish(),
            )

    @contextmanager
    def _standing_still(self) -> Iterator[None]:
        """Keep runs, backups and sweeps away from here."""
        # Waiting once around, for one that was killed may have held it.
        lease = wait_for(self._database, LEASE, _HOLDER, self._clock, _LEASE_SECONDS)
        if lease is None:
            raise Conflict("MIGRATION_DURING_RUN")
        try:
            with kept_alive(self._database, lease, self._clock):
                # Whatever names lead there, a lease that was taken here is seen there.
                seen = holder_of(self._filling.database, LEASE, self._clock())
                if seen == lease.token:
                    raise Conflict("MIGRATION_TO_ITSELF")
                with files_kept(self._database, _HOLDER, self._clock):
                    yield
        finally:
            release(self._database, lease)

    def _is_there(self, here: Reading, folder: Path) -> bool:
        """Tell whether all records have arrived before; refuse any others."""
        filling = self._filling
        filling.installation.require_whole(unless=Filler.MIGRATION)
        if filling.installation.filled_by is not None:
            return False
        if found := filling.something_in_it():
            if _first_difference(here, read_records(filling.database, folder)):
                raise Conflict("MIGRATION_NOT_EMPTY", found=found)
            return True
        filling.objects.ensure()
        if strange := {*filling.objects.keys()} - {*self._objects.keys()}:
            raise Conflict("MIGRATION_NOT_EMPTY", found=min(strange))
        return False

    def _copy_files(
        self, here: Reading, on_file: OnFile
    ) -> tuple[int, tuple[str, ...]]:
        """Copy what is not there yet; return how many files, and which are lost."""
        there = {*self._filling.objects.keys()}
        copied, lost = 0, []
        for done, (key, known) in enumerate(sorted(here.files.items()), start=1):
            if key not in there or not _is_sound(self._filling.objects, key, known):
                content = _content(self._objects, key)
                if content is None or _sha256(content) not in known:
                    lost.append(key)
                else:
                    self._filling.objects.put(key, content)
                    copied += 1
            on_file("MIGRATION_COPIES", done, len(here.files))
        return copied, tuple(lost)

    def _prove_files(self, here: Reading, lost: Sequence[str], on_file: OnFile) -> None:
        arrived = sorted({*here.files} - {*lost})
        for done, key in enumerate(arrived, start=1):
            if not _is_sound(self._filling.objects, key, here.files[key]):
                raise Corrupted("MIGRATION_DIFFERS", what=key)
            on_file("MIGRATION_PROVES", done, len(arrived))

    def _prove_records(self, here: Reading, scratch: ScratchFolder) -> None:
        there = read_records(self._filling.database, _folder(scratch, "arrived"))
        if different := _first_difference(here, there):
            raise Corrupted("MIGRATION_DIFFERS", what=different)
        again = read_records(self._database, _folder(scratch, "again"))
        if changed := _first_difference(here, again):
            raise Conflict("MIGRATION_SOURCE_CHANGED", collection=changed)


def _folder(scratch: ScratchFolder, name: str) -> Path:
    folder = scratch.path / name
    folder.mkdir()
    return folder


def _first_difference(one: Reading, other: Reading) -> str | None:
    """Return the name of a collection whose records differ, if any do."""
    return next(
        (
            name
            for name in sorted({*one.records, *other.records})
            if _measured(one, name) != _measured(other, name)
        ),
        None,
    )


def _measured(reading: Reading, name: str) -> Records | None:
    """Return what records measure; a collection without any may be there or not."""
    records = reading.records.get(name)
    return records if records and records.count else None


def _content(objects: ObjectStore, key: str) -> bytes | None:
    try:
        return objects.get(key)
    except NotFound:
        return None


def _is_sound(objects: ObjectStore, key: str, known: set[str]) -> bool:
    content = _content(objects, key)
    return content is not None and _sha256(content) in known


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
