"""Which waiting uploads make the next partition: a pure choice."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from tripadvance_core.domain.entities import Upload


class PartitionPolicy(NamedTuple):
    """When there is enough to train on."""

    min_bytes: int
    max_wait: timedelta
    settle: timedelta


class Choice(NamedTuple):
    """The uploads to claim, oldest first; when none, what is missing and why."""

    uploads: tuple[Upload, ...]
    waiting_files: int
    settling_files: int
    missing_bytes: int


def choose(waiting: Sequence[Upload], policy: PartitionPolicy, now: datetime) -> Choice:
    """Take uploads, given oldest first, until the minimum size is reached.

    Below the minimum nothing is taken, unless the oldest has waited longer than
    ``max_wait``. Uploads younger than ``settle`` are left alone.
    """
    settled = [u for u in waiting if now - u.uploaded_at >= policy.settle]
    chosen = _up_to(settled, policy.min_bytes)
    missing = max(0, policy.min_bytes - sum(u.size_bytes for u in chosen))
    waited_enough = settled and now - settled[0].uploaded_at > policy.max_wait
    if missing and not waited_enough:
        chosen = ()
    return Choice(
        uploads=chosen,
        waiting_files=len(waiting),
        settling_files=len(waiting) - len(settled),
        missing_bytes=missing,
    )


def partition_id(upload_ids: Iterable[str]) -> str:
    """Name a partition after its uploads: the same uploads, the same partition."""
    return hashlib.sha256("\n".join(sorted(upload_ids)).encode()).hexdigest()[:20]


def _up_to(uploads: Iterable[Upload], min_bytes: int) -> tuple[Upload, ...]:
    chosen: list[Upload] = []
    size = 0
    for upload in uploads:
        chosen.append(upload)
        size += upload.size_bytes
        if size >= min_bytes:
            break
    return tuple(chosen)
