"""The commands backup and restore."""

from collections.abc import Iterable
from pathlib import Path

from deployments.console import Console
from deployments.local import only_instance
from tripadvance_core.bootstrap import Services, opened_restore
from tripadvance_core.formats import number
from tripadvance_core.services.backup_archive import Manifest
from tripadvance_core.services.invariants import Violation
from tripadvance_core.settings import Settings


def write_backup(services: Services, console: Console, target: Path) -> bool:
    """Write a backup; False where files were lost before and are not in it."""
    backup = services.backups.write(target)
    console.say(
        "BACKUP_WRITTEN",
        file=backup.path,
        megabytes=number(backup.size_bytes / 1e6, console.language, 1),
        **_counted(backup.manifest),
    )
    for key in backup.manifest.lost:
        console.say("BACKUP_LACKS", key=key)
    console.document(
        {
            "file": str(backup.path),
            "size_bytes": backup.size_bytes,
            **_counted(backup.manifest),
            "lost": list(backup.manifest.lost),
        }
    )
    return not backup.manifest.lost


def restore_backup(settings: Settings, console: Console, file: Path) -> bool:
    """Bring a backup back; False where something is wrong with what was restored."""
    with opened_restore(settings) as restore, only_instance(settings):
        restored = restore.run(file)
    console.say(
        "BACKUP_RESTORED",
        made_at=console.moment(restored.manifest.made_at),
        **_counted(restored.manifest),
    )
    problems = say_problems(restored.violations, console)
    console.document(
        {
            "made_at": restored.manifest.made_at.isoformat(),
            **_counted(restored.manifest),
            "problems": problems,
        }
    )
    return not problems


def say_problems(violations: Iterable[Violation], console: Console) -> list[str]:
    """Tell what is wrong with what was filled, if anything is, and return it."""
    problems = [violation.sentence(console.language) for violation in violations]
    console.say("RESTORED_WITH_PROBLEMS" if problems else "RESTORED_WHOLE")
    for problem in problems:
        console.line(f"  {problem}")
    return problems


def _counted(manifest: Manifest) -> dict[str, int]:
    return {
        "records": sum(each.count for each in manifest.records.values()),
        "files": len(manifest.files),
    }
