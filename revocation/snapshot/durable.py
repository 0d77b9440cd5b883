"""Durable writes, in one place and one way.

A file comes to be by this sequence of system calls and no other::

    open(O_CREAT|O_EXCL|O_WRONLY, 0444) of a temporary name in the target's own folder
    write ...                 (of a large file, posix_fadvise(DONTNEED) behind it)
    fsync(file)
    close
    (the caller reads it back through the reader's code)
    rename(temporary name, final name)
    fsync(folder)

After a failed fsync the kernel may have dropped the dirty pages and marked them clean, so that a second
fsync proves nothing: the temporary file is thrown away and written anew, never synced again.

``Disk`` is the seam: tests subclass it to fail, or to kill the process, at the n-th step. Known limit:
a drive that acknowledges a flush and loses it defeats this, as it does every program.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from revocation.errors import OutsideFailed, out_of_memory

#: Leftovers of a crash are known by this ending, and by nothing else.
TEMPORARY_SUFFIX: Final = ".tmp"

#: Published files are immutable; rename is the only way to replace one.
_MODE: Final = 0o444


class Disk:
    """The durable operations of this package, one method per system call."""

    def create(self, path: Path) -> int:
        """A new file, open for writing; fails if the name is taken."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)

    def write(self, descriptor: int, data: bytes | memoryview) -> None:
        """All of ``data``; a short write goes on with the rest."""
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    def start_writeback(self, descriptor: int, start: int, octets: int) -> None:
        """Have the kernel begin to write these octets out, so that the fsync finds little left to do.

        It waits for nothing and proves nothing. Linux does so for this advice; what is not written out yet
        stays in memory all the same, and an error of it is the fsync's to tell.
        """
        with suppress(OSError):  # a file system that takes no advice
            os.posix_fadvise(descriptor, start, octets, os.POSIX_FADV_DONTNEED)

    def sync_file(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        """Atomic within a folder: a reader sees the old file or the new one, whole."""
        old.rename(new)

    def sync_folder(self, folder: Path) -> None:
        """Make the folder's names durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)


def temporary_name(target: Path) -> Path:
    """Beside ``target``, where a rename is atomic; of no other file."""
    return target.with_name(f".{target.name}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")


def stage(disk: Disk, target: Path, chunks: Iterable[bytes]) -> Path:
    """Write and sync a temporary file beside ``target``; its path, for checking and renaming.

    For small files; ``staged.stage_index`` is for those that are worth several threads. On any failure
    the temporary file is removed; nothing that readers know has changed.
    """
    temporary = temporary_name(target)
    try:
        descriptor = disk.create(temporary)
        try:
            for chunk in chunks:
                disk.write(descriptor, chunk)
            disk.sync_file(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        discard(disk, temporary)
        raise
    return temporary


def discard(disk: Disk, path: Path) -> None:
    """Remove a file of ours that no reader knows; what stays behind is collected by the next publish."""
    with suppress(OSError):
        disk.remove(path)


@contextmanager
def disk_errors(code: str, what: str) -> Iterator[None]:
    """An operating system error, or want of memory, as ``OutsideFailed``; no path in its text."""
    try:
        yield
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "unknown error")
        raise OutsideFailed(
            code,
            expected=f"{what} to be read and written",
            got=name,
            remedy="free space or repair the disk, then run the same command again",
        ) from error
    except MemoryError as error:
        raise out_of_memory() from error


@contextmanager
def folder_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive flock(2) on ``path``; the kernel releases it however the process ends."""
    with disk_errors("LOCK_FAILED", "the folder's lock"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        with disk_errors("LOCK_FAILED", "the folder's lock"):
            _take(descriptor)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutsideFailed(
            "PUBLISH_LOCKED",
            expected="one publisher for each snapshot folder",
            got="another process that is publishing",
            remedy="wait for the other night to end, then run again",
        ) from error
