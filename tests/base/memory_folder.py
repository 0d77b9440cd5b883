"""A folder in memory for what no test needs on a disk: the thousand databases that are made and dropped.

On a disk a database is made in 30 ms or, while others write there, in 200. Nobody's memory is left taken:
what a killed run left is removed by the next one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")
_PREFIX = "jpki-test-"
_ROOM = 2 << 30


@contextmanager
def memory_folder() -> Iterator[Path | None]:
    """A fresh folder for this process; None where the machine has no 2 GiB for it."""
    remove_left_over(_MEMORY)
    if not _has_room(_MEMORY):
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_MEMORY))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _has_room(memory: Path) -> bool:
    try:
        found = os.statvfs(memory)
    except OSError:
        return False
    return os.access(memory, os.W_OK) and found.f_bavail * found.f_frsize >= _ROOM


def remove_left_over(memory: Path) -> None:
    """Folders of our name whose process is gone."""
    for folder in memory.glob(f"{_PREFIX}*"):
        process = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if process.isdecimal() and not Path(f"/proc/{process}").exists():
            shutil.rmtree(folder, ignore_errors=True)
