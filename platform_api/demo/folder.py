"""The folder of one run: one demo at a time in it, and what may be cleared away for a new one."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO, Final

from revocation.errors import InputRefused

#: What a run makes in its folder; anything else there is somebody else's and is left alone.
OWN: Final = ("demo.json", "demo.tmp", "received", "sandbox", "sandbox.log", "service", "serve.log")


def locked(folder: Path) -> IO[bytes]:
    """One demo per folder; the lock goes with the process, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "demo.lock").open("ab")
    except OSError as error:
        raise InputRefused(
            "FOLDER_NOT_WRITABLE",
            expected="a folder that this user may write to",
            got=os.strerror(error.errno or 0),
            remedy="name another folder with --data",
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise InputRefused(
            "SECOND_INSTANCE",
            expected="no other demo on this folder",
            got="one that is running",
            remedy="stop it, or name another folder with --data (and other ports)",
        ) from None
    return lock


def empty(folder: Path) -> None:
    """A new world in the same folder. Synthetic data only: nothing of value is lost."""
    for entry in (folder / name for name in OWN):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)
