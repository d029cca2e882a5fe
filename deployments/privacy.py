"""What a process of ours creates is for its owner alone."""

import os


def keep_files_private() -> None:
    """Let new files and folders be open to nobody else, whatever the umask was.

    Also those of Prefect, Gradio and whatever else runs in this process or is started by
    it.
    """
    os.umask(0o077)
