"""The command that writes the template."""

from pathlib import Path

from deployments.console import Console
from deployments.files import write_file
from tripadvance_core.messages import Language
from tripadvance_core.settings import Settings
from tripadvance_core.tabular.template import FileType, write_template


def write_template_file(
    settings: Settings,
    console: Console,
    output: Path,
    file_type: FileType,
    language: Language | None,
) -> None:
    """Write the template in the language asked for, or else in that of the settings."""
    spoken = language or console.language
    write_file(output, write_template(file_type, spoken, settings.base_currency))
    console.say("TEMPLATE_WRITTEN", output=output)
    console.document({"output": str(output), "language": spoken})
