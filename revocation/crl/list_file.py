"""The octets of a fetched file, as they are decoded: a small list in memory, a large one mapped.

A file that was linked (``fetch/folder_source.py``) can still be written to by its owner. What was read into
memory stays as it was, and the signature decides about it. A mapped list is walked and hashed side by side:
if it changed in between, the entries would not be those that were signed. So its times are looked at before
and after. If it is cut meanwhile, the kernel ends this process (SIGBUS), and the next one begins anew.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from revocation.crl._opened import OpenedFile
from revocation.crl.familiar import FileFacts
from revocation.crl.fetch import failures
from revocation.errors import OutsideFailed

#: Up to it, reading takes less time than mapping, and many of 1,900 lists a day are that small.
_READ_OCTETS: Final = 256 * 1024


class ListFile(AbstractContextManager["ListFile"]):
    """``octets``, mapped for as long as anything refers to them; the file itself is open until the end."""

    __slots__ = ("_file", "facts", "octets", "path")

    def __init__(self, path: Path | str) -> None:
        self.path: Final = path
        try:
            self._file: Final = OpenedFile(os.fsencode(path), _READ_OCTETS)
            try:
                #: Which file is open, as it was before anything of it was read.
                self.facts: Final = FileFacts.told(*self._file.facts)
                self.octets: Final = (
                    memoryview(self._file)
                    if self._file.is_mapped
                    else _read(self._file.descriptor, self.facts.octets)
                )
            except BaseException:
                self._file.close()
                raise
        except OSError as error:
            raise OutsideFailed(
                "ARCHIVE_UNREADABLE",
                expected="a fetched list that can be read back",
                got=error.strerror or "an I/O error",
                remedy="check the disk, then run again",
            ) from error

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def check_rested(self) -> None:
        """Raises FETCH_CHANGING where somebody wrote to what was mapped, or may have."""
        if self._file.is_mapped and not self._file.is_as_it_was():
            raise failures.changing()

    def is_as_it_was(self) -> bool:
        """Has nobody written to the file since it was opened?"""
        return self._file.is_as_it_was()


def _read(descriptor: int, size: int) -> bytes:
    """Less where the file was cut meanwhile."""
    octets = os.read(descriptor, size)
    while len(octets) < size and (more := os.read(descriptor, size - len(octets))):
        octets += more
    return octets
