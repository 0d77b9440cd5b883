"""What the command line gives: paths and settings; and whether a file is still the one that was read."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from revocation.errors import InputRefused, OutsideFailed

#: Device, inode, octets, time of change, of each file in order; None for one that is not there.
Facts: TypeAlias = tuple[tuple[int, int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """Everything that a world is made of."""

    #: Certificates of the CAs, of one or several generations each; PEM (also a bundle) or DER.
    certificates: tuple[Path, ...]
    #: Lists: complete ones, deltas, of partitions; PEM (also a bundle) or DER.
    lists: tuple[Path, ...]
    #: The responder's certificates, each with its private key.
    signers: tuple[tuple[Path, Path], ...]
    #: Names of ``lists.TOLERATED``.
    tolerances: frozenset[str] = frozenset()
    #: Its owner says: every certificate of these CAs is in the scope of a list that is given.
    all_lists: bool = False
    #: Its owner says: the newest key of a CA signs the lists for the certificates of all its keys.
    newest_signs_all: bool = False
    #: Its owner says: none of these CAs issued a serial above; without it nobody knows what was issued.
    serial_ceiling: int | None = None

    def files(self) -> Iterator[Path]:
        yield from self.certificates
        yield from self.lists
        for certificate, key in self.signers:
            yield certificate
            yield key

    def facts(self) -> Facts:
        """Blocking, one stat(2) a file. A file that is written in place or replaced looks different after."""
        return tuple(map(_facts_of, self.files()))


def _facts_of(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def check_file(path: Path) -> None:
    """A regular file that is there: a pipe can be read once, and here files are read whenever they change."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        code = errno.errorcode.get(error.errno or 0, "") if isinstance(error, OSError) else ""
        raise OutsideFailed(
            "FILE_UNREADABLE",
            expected=f"a file that can be read at {path}",
            got=(error.strerror or code) if isinstance(error, OSError) else "a path that cannot be one",
            remedy="check the path and its permissions",
        ) from None
    if not stat.S_ISREG(mode):
        raise InputRefused(
            "FILE_NOT_REGULAR",
            expected=f"a regular file as {path}",
            got="a folder, a pipe or a device",
            remedy="write it to a file: it is read again whenever it changes",
        )
