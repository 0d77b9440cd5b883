"""Where the set of each world lies for several workers: a folder that goes with the process that made it.

The folder itself is locked (flock(2)) while its process lives: nobody then takes away what is old in it, as
systemd-tmpfiles does (tmpfiles.d(5), "Age"). A process that was killed leaves it, without a lock; the next
one that starts removes it.
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
        where = Path(tempfile.gettempdir())
        for left in where.glob(f"{_PREFIX}*"):
            _remove_if_left(left)
        folder, descriptor = _locked()
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
        # What a thread of ours still writes is left to the next one.
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _locked() -> tuple[Path, int]:
    """A new folder, and the descriptor that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        with suppress(FileNotFoundError):
            descriptor = _opened(folder)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)  # somebody who started meanwhile took it for one that was left


def _remove_if_left(folder: Path) -> None:
    """Where it is ours and nobody has it locked."""
    with suppress(OSError):  # somebody else's, or a link, or gone meanwhile, or of one that lives
        descriptor = _opened(folder)
        try:
            if os.fstat(descriptor).st_uid == os.geteuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
