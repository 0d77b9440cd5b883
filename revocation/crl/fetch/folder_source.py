"""Lists that somebody else puts into a folder. Each is copied first, since it may be replaced at any time.

Whether a list is still the stored one is decided by its octets alone: sizes and times may agree where
contents do not. Comparing stops at the first difference, and a list signed anew differs early.
"""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from io import FileIO
from pathlib import Path
from typing import Final

from revocation.authorities import ListScope
from revocation.crl.archive import StoredList
from revocation.crl.fetch import failures
from revocation.crl.fetch.results import Failed, Fetched, FetchLimits, FetchResult, NotModified, final_path
from revocation.crl.fetch.turns import Turns, fetch_all
from revocation.crl.parts import Part
from revocation.errors import OutsideFailed

#: A file's times move in ticks of the kernel, at most 10 ms long (CONFIG_HZ=100): a file changed less than
#: that ago may be changed again without its times telling.
_SETTLED_NS: Final = 20_000_000


class FolderSource:
    """Files by list; a missing, odd or unsettled one fails alone."""

    def __init__(self, files: Mapping[ListScope, Path], *, limits: FetchLimits | None = None) -> None:
        self._files: Final = dict(files)
        self._limits: Final = limits or FetchLimits()

    @property
    def offered(self) -> Collection[ListScope]:
        return self._files.keys()

    async def fetch(
        self,
        wanted: Collection[ListScope],
        folder: Path,
        *,
        stored: Mapping[str, StoredList],
        done: Callable[[], None],
    ) -> dict[ListScope, FetchResult]:
        turns = Turns(self._limits.parallel)
        now_ns = await asyncio.to_thread(_file_time_ns, folder)
        failing: dict[ListScope, Failed] = {}

        async def one(scope: ListScope) -> FetchResult:
            target, known = final_path(folder, scope), stored.get(str(scope))
            try:
                # Only what changes is tried again: a missing file is as missing a second later.
                async for attempt in failures.tries(self._limits, {"FETCH_CHANGING"}):
                    with attempt:
                        async with turns.turn():
                            try:
                                same = await asyncio.to_thread(
                                    _take, self._files[scope], target, self._limits, known, now_ns
                                )
                            except OutsideFailed as error:
                                failing[scope] = Failed(error)
                                raise
                        return NotModified(known) if same and known else Fetched(target, "folder", None)
            except OutsideFailed as error:
                return Failed(error)
            raise AssertionError("the tries end with a result or an error")

        return await fetch_all(wanted, one, self._limits, done, failing)


def _take(source: Path, target: Path, limits: FetchLimits, known: StoredList | None, now_ns: int) -> bool:
    """Copy a file that rests meanwhile, whole; or true, if it is octet for octet the stored list.

    Opened once: a file that is replaced by a rename is read as it was, or tried again. One that is written
    in place, or still grows, shows by its times or its size, and is tried again.
    """
    try:
        with FileIO(source, opener=_open) as reader:
            if not stat.S_ISREG(os.fstat(reader.fileno()).st_mode):
                raise failures.failed("FETCH_UNREACHABLE", "a regular file", "something else")
            before = _state(reader)
            if max(before[1:]) > now_ns - _SETTLED_NS:
                time.sleep(_SETTLED_NS / 1e9)
                before = _state(reader)
            if before[0] > limits.max_octets:
                raise failures.too_large(limits.max_octets)
            same = known is not None and _same(reader, before[0], known.path, limits.piece_octets)
            if not same:
                reader.seek(0)
                _copy(reader, before, target, limits.piece_octets)
            elif _state(reader) != before:
                raise _changing()
            return same
    except OSError as error:
        raise failures.failed(
            "FETCH_UNREACHABLE", "a readable file", error.strerror or "an I/O error"
        ) from error


def _open(path: str, flags: int) -> int:
    """Without O_NONBLOCK a named pipe would hold this thread until somebody writes into it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _copy(reader: FileIO, before: tuple[int, int, int], target: Path, piece_octets: int) -> None:
    part, left = Part(target), before[0]
    try:
        while left and (piece := reader.read(min(left, piece_octets))):
            part.write(piece, None)
            left -= len(piece)
        if left or _state(reader) != before:
            raise _changing()
        part.finish(b"")
    except BaseException:
        part.drop()
        raise


def _same(reader: FileIO, octets: int, stored: Path, piece_octets: int) -> bool:
    """Is the file what the archive has? The archive's copy is checked again by whoever uses it."""
    try:
        with FileIO(stored) as known:
            if os.fstat(known.fileno()).st_size != octets:
                return False
            while piece := reader.read(piece_octets):
                if known.read(len(piece)) != piece:
                    return False
            return reader.tell() == octets
    except OSError:
        return False


def _state(reader: FileIO) -> tuple[int, int, int]:
    """Size and times. The change time cannot be set back, as rsync and cp -p set the other one."""
    found = os.fstat(reader.fileno())
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _file_time_ns(folder: Path) -> int:
    """The present as files are stamped with it; without one, every file counts as just written."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            return os.fstat(probe.fileno()).st_mtime_ns
    except OSError:
        return 0


def _changing() -> OutsideFailed:
    return OutsideFailed(
        "FETCH_CHANGING",
        expected="a file that rests while it is read",
        got="one that changed",
        remedy="write lists under another name and rename them when they are whole, then run again",
    )
