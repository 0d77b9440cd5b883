"""The octets of a fetched file, as they are decoded: a small list in memory, a large one mapped.

A file that was linked (``fetch/folder_source.py``) can still be written to by its owner. What was read into
memory stays as it was, and the signature decides about it. A mapped list is walked and hashed side by side:
if it changed in between, the entries would not be those that were signed. So its times are looked at before
and after. If it is cut meanwhile, the kernel ends this process (SIGBUS), and the next one begins anew.
"""

from __future__ import annotations

import mmap
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from revocation.crl.familiar import FileFacts
from revocation.crl.fetch import failures
from revocation.errors import OutsideFailed

#: Up to it, reading takes less time than mapping, and 1,900 lists a day are that small.
_READ_OCTETS: Final = 256 * 1024


class ListFile(AbstractContextManager["ListFile"]):
    """``octets``, mapped for as long as anything refers to them; the file itself is open until the end."""

    __slots__ = ("_before", "_descriptor", "facts", "octets", "path")

    def __init__(self, path: Path | str) -> None:
        self.path: Final = path
        try:
            self._descriptor: Final = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._before: Final = os.fstat(self._descriptor)
                #: Which file is open, as it was before anything of it was read.
                self.facts: Final = FileFacts.of_stat(self._before)
                self.octets: Final = _octets(self._descriptor, self._before.st_size)
            except BaseException:
                os.close(self._descriptor)
                raise
        except OSError as error:
            raise OutsideFailed(
                "ARCHIVE_UNREADABLE",
                expected="a fetched list that can be read back",
                got=error.strerror or "an I/O error",
                remedy="check the disk, then run again",
            ) from error

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def check_rested(self) -> None:
        """Raises FETCH_CHANGING where somebody wrote to what was mapped, or may have."""
        if not isinstance(self.octets, bytes) and not self.is_as_it_was():
            raise failures.changing()

    def is_as_it_was(self) -> bool:
        """Has nobody written to the file since it was opened?"""
        before, after = self._before, os.fstat(self._descriptor)
        # A name that goes, as when the operator puts the next list in its place, moves the change time too.
        is_renamed = before.st_nlink != after.st_nlink
        return (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns) and (
            before.st_ctime_ns == after.st_ctime_ns or is_renamed
        )


def _octets(descriptor: int, size: int) -> bytes | mmap.mmap:
    if size > _READ_OCTETS:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    octets = os.read(descriptor, size)
    while len(octets) < size and (more := os.read(descriptor, size - len(octets))):
        octets += more
    return octets
