"""Is a file in a folder the stored list, and may it be linked instead of copied? (``folder_source.py``)"""

from __future__ import annotations

import os
from io import FileIO
from typing import Final

from revocation.crl.archive import StoredList

#: Where a list of a folder came from.
FOLDER: Final = "folder"
#: Compared before anything else: the end of the signature.
_SIGNATURE_OCTETS: Final = 64
#: Compared next, at the beginning and at the end: numbers and times there, the signature here.
_END_OCTETS: Final = 65_536


def link_file(reader: FileIO, before: os.stat_result, source: str, target: str) -> str | None:
    """Give the file that was opened a second name, if nobody may write to it; else it must be copied.

    ``before``: as it was when it was found to rest. Answers with its tag (``tag_of``).
    """
    if _is_writable(before):
        return None
    try:
        try:
            os.link(source, target)
        except FileExistsError:  # of an earlier round
            os.unlink(target)  # noqa: PTH108 - texts, for what is done with 1,900 lists
            os.link(source, target)
    except OSError:
        return None  # another file system, or a kernel that lets nobody link what is not his
    # ``source`` may be a symbolic link, or another file by now; its change time moves with the link itself.
    after, named = os.fstat(reader.fileno()), os.lstat(target)
    rested = (before.st_size, before.st_mtime_ns, before.st_mode) == (
        after.st_size,
        after.st_mtime_ns,
        after.st_mode,
    )
    if (named.st_dev, named.st_ino) != (after.st_dev, after.st_ino) or not rested:
        os.unlink(target)  # noqa: PTH108
        return None
    return tag_of(after)


def is_known(reader: FileIO, found: os.stat_result, known: StoredList, piece_octets: int) -> bool:
    """Is the file what the archive has? The archive's copy is checked again by whoever uses it."""
    try:
        kept = os.stat(known.name)  # noqa: PTH116 - of 1,900 lists
        if (found.st_dev, found.st_ino) == (kept.st_dev, kept.st_ino):
            # Comparing it with itself would prove nothing.
            is_tagged = known.address == FOLDER and known.etag == tag_of(found)
            return is_tagged and not _is_writable(found)
        if kept.st_size != found.st_size:
            return False
        descriptor = os.open(known.name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # A list that was signed anew has another signature, and often the same size.
            at = max(0, found.st_size - _SIGNATURE_OCTETS)
            end = os.pread(reader.fileno(), _SIGNATURE_OCTETS, at)
            if os.pread(descriptor, _SIGNATURE_OCTETS, at) != end:
                return False
            with FileIO(descriptor, closefd=False) as stored:
                return _is_same(reader, stored, found.st_size, piece_octets)
        finally:
            os.close(descriptor)
    except OSError:
        return False


def _is_same(reader: FileIO, stored: FileIO, octets: int, piece_octets: int) -> bool:
    if octets > 2 * _END_OCTETS:
        for at in (0, octets - _END_OCTETS):
            ends = [os.pread(file.fileno(), _END_OCTETS, at) for file in (reader, stored)]
            if ends[0] != ends[1]:
                return False
    while piece := reader.read(piece_octets):
        if stored.read(len(piece)) != piece:
            return False
    return reader.tell() == octets


def _is_writable(found: os.stat_result) -> bool:
    """May anybody write to it, or give himself the right to, who could not write into the archive as well?

    The rights of an access list show in the group's bits.
    """
    return bool(found.st_mode & 0o222) or found.st_uid not in (0, os.geteuid())


def tag_of(found: os.stat_result) -> str:
    """Of a linked file, for the next time: a write moves its modification time, a rename does not."""
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"
