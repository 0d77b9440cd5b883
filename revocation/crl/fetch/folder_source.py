"""Lists that somebody else puts into a folder. Each is copied first, since it may be replaced at any time.

A file that nobody may write to (mode 0444, say), of our own or the administrator's and on the archive's file
system, is not copied but linked: one inode under two names, whatever its size. Who replaces such a file by a
rename, or removes it, leaves ours as it is. Only its owner can break that, by giving himself the right to
write, or through a descriptor that he has had all along. What he writes into a list while it is decoded is
found there (``crl/list_file.py``), and what he does to the archive's list when that is used again. If he cuts
the file while it is mapped, reading behind its end is a SIGBUS, and the night dies as by a power cut: so
nothing is linked that anybody may write to, and nobody but root and we ourselves may own it.

Whether a list is still the stored one is decided by its octets alone: sizes and times may agree where
contents do not. Comparing looks at both ends, then stops at the first difference. Of a linked file there is
nothing to compare: it is the stored one as long as nobody may, and nobody did, write to it.
"""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Final

from revocation.authorities import ListScope
from revocation.crl.archive import StoredList
from revocation.crl.fetch import failures
from revocation.crl.fetch.linked import FOLDER, is_known, link_file
from revocation.crl.fetch.results import Failed, Fetched, FetchLimits, FetchResult, NotModified, final_path
from revocation.crl.fetch.room import check_room
from revocation.crl.fetch.turns import Turns, fetch_all
from revocation.crl.moments import in_moments
from revocation.crl.parts import Part
from revocation.errors import InputRefused, OutsideFailed

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
        present = await asyncio.to_thread(_Present, folder)
        began = time.monotonic()
        tried: dict[ListScope, FetchResult] = {}

        def take(scope: ListScope) -> FetchResult:
            known = stored.get(str(scope))
            try:
                return _take(self._files[scope], final_path(folder, scope), self._limits, known, present)
            except OutsideFailed as error:
                return Failed(error)

        def heard(scope: ListScope, result: FetchResult) -> None:
            tried[scope] = result
            if not _passes(result):
                done()

        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.deadline_s):
                await in_moments(sorted(wanted), take, heard, self._limits.parallel)
        turns = Turns(self._limits.parallel)
        failing = {scope: one for scope, one in tried.items() if isinstance(one, Failed)}

        async def again(scope: ListScope) -> FetchResult:
            """Only what changes is tried again: a missing file is as missing a second later."""
            result = tried.get(scope)
            try:
                async for attempt in failures.tries(self._limits, {"FETCH_CHANGING"}):
                    with attempt:
                        if result is None:
                            async with turns.turn():
                                result = await asyncio.to_thread(take, scope)
                        found, result = result, None
                        if isinstance(found, Failed):
                            failing[scope] = found
                            raise found.error
                        return found
            except (InputRefused, OutsideFailed) as error:
                return Failed(error)
            raise AssertionError("the tries end with a result or an error")

        left = [scope for scope in wanted if scope not in tried or _passes(tried[scope])]
        if not left:
            return tried
        rest = max(0.0, self._limits.deadline_s - (time.monotonic() - began))
        return tried | await fetch_all(left, again, replace(self._limits, deadline_s=rest), done, failing)


class _Present:
    """The present as files are stamped with it; without one, every file counts as just written."""

    def __init__(self, folder: Path) -> None:
        self._began: Final = time.monotonic_ns()
        self._then: Final = _file_time_ns(folder)

    def ns(self) -> int:
        """Never later than the file system's clock, as long as nobody sets that back."""
        return self._then + (time.monotonic_ns() - self._began) if self._then else 0


def _passes(result: FetchResult) -> bool:
    return isinstance(result, Failed) and result.error.code == "FETCH_CHANGING"


def _take(
    source: Path, target: Path, limits: FetchLimits, known: StoredList | None, present: _Present
) -> Fetched | NotModified:
    """Link or copy a file that rests meanwhile, whole; or find that it is the stored list.

    Opened once: a file that is replaced by a rename is read as it was, or tried again. One that is written
    in place, or still grows, shows by its times or its size, and is tried again.
    """
    name = str(source)
    try:
        with FileIO(name, opener=_open) as reader:
            found = os.fstat(reader.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise failures.failed("FETCH_UNREACHABLE", "a regular file", "something else")
            if max(found.st_mtime_ns, found.st_ctime_ns) > present.ns() - _SETTLED_NS:
                time.sleep(_SETTLED_NS / 1e9)
                found = os.fstat(reader.fileno())
            before = _state(found)
            if found.st_size > limits.max_octets:
                raise failures.too_large(limits.max_octets)
            if known is not None and is_known(reader, found, known, limits.piece_octets):
                if _state(os.fstat(reader.fileno())) != before:
                    raise failures.changing()
                return NotModified(known)
            if (tag := link_file(reader, found, name, str(target))) is not None:
                return Fetched(target, FOLDER, tag)
            reader.seek(0)
            _copy(reader, before, target, limits.piece_octets)
            return Fetched(target, FOLDER, None)
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
        while left:
            check_room(target.parent, left)
            piece = reader.read(min(left, piece_octets))
            if not piece:
                break
            part.write(piece, None)
            left -= len(piece)
        if left or _state(os.fstat(reader.fileno())) != before:
            raise failures.changing()
        part.finish(b"")
    except BaseException:
        part.drop()
        raise


def _state(found: os.stat_result) -> tuple[int, int, int]:
    """Size and times. The change time cannot be set back, as rsync and cp -p set the other one."""
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _file_time_ns(folder: Path) -> int:
    """The present as files are stamped with it; without one, every file counts as just written."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            return os.fstat(probe.fileno()).st_mtime_ns
    except OSError:
        return 0
