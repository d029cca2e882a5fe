"""Loaded by the fork server alone and first, before it forks children of ``confined``.

multiprocessing has every child run the main module of the program first, which for the
web app would mean to import Gradio for each file that is read. The work of our children
stands in modules of its own, so main is left alone.
"""

import os
from multiprocessing import spawn

# Arrow takes its memory from where NumPy does: a child uses freed memory again.
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"


def _leave_main_alone(_main: str) -> None:
    """Do nothing in the place of running the main module again."""


spawn._fixup_main_from_name = _leave_main_alone  # type: ignore[attr-defined]
spawn._fixup_main_from_path = _leave_main_alone  # type: ignore[attr-defined]
