"""Where the set of each world lies for several workers: a folder that goes with the process that made it.

A process that was killed leaves its folder. The lock in it is gone then, so the next one that starts knows.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revocation.errors import OutsideFailed
from revocation.snapshot.store import SnapshotStore

_PREFIX: Final = "jpki-responders-"
_LOCK: Final = "lock"
#: The one that is answered from, and the one that is being opened.
_KEPT: Final = 2


@dataclass(frozen=True, slots=True, repr=False)
class Room:
    """Its key signs what workers open, and is nowhere but in the memory of this process."""

    folder: Path
    publisher: Ed25519PrivateKey

    def of(self, number: int) -> Path:
        """The folder of a world's set."""
        return self.folder / str(number)

    def store(self, number: int) -> SnapshotStore:
        """To publish into, empty: what a failed attempt under this number left is gone."""
        shutil.rmtree(self.of(number), ignore_errors=True)
        return SnapshotStore(self.of(number), publisher_key=self.publisher)

    def tidy(self, newest: int) -> None:
        """Blocking. Sets before the last ones take no disk; whoever has one mapped keeps it."""
        for found in self.folder.iterdir():
            if found.name.isdecimal() and int(found.name) <= newest - _KEPT:
                shutil.rmtree(found, ignore_errors=True)


@contextmanager
def own_room() -> Iterator[Room]:
    """Of this user alone, in the folder for temporary files. Blocking, and raises ``OutsideFailed``."""
    try:
        _remove_left_ones(Path(tempfile.gettempdir()))
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        descriptor = _locked(folder)
    except OSError as error:
        raise OutsideFailed(
            "ROOM_MISSING",
            expected="a folder for temporary files with room for the lists",
            got=error.strerror or type(error).__name__,
            remedy="look at its permissions and its disk, or name another one with TMPDIR",
        ) from None
    try:
        yield Room(folder, Ed25519PrivateKey.generate())
    finally:
        with suppress(OSError):
            _remove(folder)
        os.close(descriptor)


def _locked(folder: Path) -> int:
    """Locked before it has its name, so that nobody ever sees it free while we live."""
    coming = folder / f"{_LOCK}.new"
    descriptor = os.open(coming, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    coming.rename(folder / _LOCK)
    return descriptor


def _remove_left_ones(where: Path) -> None:
    for folder in where.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody else's, or gone meanwhile, or of one that lives
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
            finally:
                os.close(descriptor)


def _remove(folder: Path) -> None:
    """The lock last: what a thread of a process that ends still writes is left to the next one."""
    for found in folder.iterdir():
        if found.name != _LOCK:
            shutil.rmtree(found, ignore_errors=True)
    if [found.name for found in folder.iterdir()] == [_LOCK]:
        shutil.rmtree(folder, ignore_errors=True)
