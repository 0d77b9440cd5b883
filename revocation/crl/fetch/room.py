"""Is there room on the disk for what is still to come? A night that fills the disk stops more than itself.

The database, the logs and the next set write to disks too, often to this one. So a fetch leaves a margin, and
gives up before it is used instead of at the last octet.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from revocation.crl.fetch import failures
from revocation.snapshot.durable import disk_errors

#: Stays free: so many octets, or on a small disk this part of it.
MARGIN_OCTETS: Final = 1024 * 1024 * 1024
_MARGIN_PART: Final = 20


class DiskSpace(Protocol):
    """Of ``os.statvfs``: blocks in all and free to us, and their size."""

    @property
    def f_frsize(self) -> int: ...
    @property
    def f_blocks(self) -> int: ...
    @property
    def f_bavail(self) -> int: ...


def check_room(folder: Path, to_come: int, statvfs: Callable[[Path], DiskSpace] = os.statvfs) -> None:
    """Raises FETCH_NO_ROOM where ``to_come`` more octets would leave less than the margin; one system call.

    Several lists come at once, and others write too. So it is asked again before each piece is written.
    """
    with disk_errors("FETCH_UNWRITABLE", "a fetched list"):
        disk = statvfs(folder)
    if disk.f_blocks == 0:
        return  # a file system that does not tell; the write itself will
    margin = min(MARGIN_OCTETS, disk.f_blocks * disk.f_frsize // _MARGIN_PART)
    free = disk.f_bavail * disk.f_frsize
    if free < to_come + margin:
        raise failures.no_room(to_come + margin, free)
