"""Loaded by the fork server alone, before it forks the children of ``confined``.

multiprocessing has every child run the main module of the program first, which for the
web app would mean to import Gradio for each file that is read. The work of our children
stands in modules of its own, so main is left alone.
"""

from multiprocessing import spawn


def _leave_main_alone(_main: str) -> None:
    """Do nothing in the place of running the main module again."""


spawn._fixup_main_from_name = _leave_main_alone  # type: ignore[attr-defined]
spawn._fixup_main_from_path = _leave_main_alone  # type: ignore[attr-defined]
