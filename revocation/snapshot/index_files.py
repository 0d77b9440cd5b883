"""Index files as they are opened: read whole each time, by several threads if large.

One thread goes through the reader's checks (``Index.verify``: structure and checksums) while others hash.
Small files are done in the caller's thread. ``staged.py`` is for those that are being written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from revocation.authorities import Lineage
from revocation.errors import OwnFault
from revocation.index.search import Index
from revocation.snapshot.manifest import IndexFile
from revocation.snapshot.tree_hash import TreeHash

#: Hashing beyond this many threads gains nothing: the disk, or the checks beside it, take longer.
THREADS: Final = max(1, min(4, os.cpu_count() or 1))
#: Files, or sets, up to this size are not worth a thread.
ALONE_OCTETS: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class FileState:
    """Which file it is, and when somebody last touched it: renamed, linked, written, given other rights.

    The change time cannot be set back. What it does not show is a disk that rots, or a kernel's fault.
    """

    device: int
    inode: int
    octets: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, file: Path | int) -> FileState:
        found = os.stat(file)  # noqa: PTH116 - of descriptors as well
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    @property
    def identity(self) -> tuple[int, int, int, int]:
        """As ``Index.file_identity``: what a rename leaves as it is."""
        return self.device, self.inode, self.octets, self.modified_ns


@dataclass(frozen=True, slots=True)
class OpenedIndex:
    """An index file that was read whole, and found right, through this very mapping."""

    index: Index
    #: Its hash, hex (``tree_hash.py``).
    sha256_tree: str
    state: FileState

    def named(self, path: Path) -> OpenedIndex:
        """After the rename: it is what ``path`` names now."""
        state = FileState.of(path)
        if not state.identity == self.index.file_identity == self.state.identity:
            raise _another()
        return OpenedIndex(self.index, self.sha256_tree, state)

    def is_untouched(self, path: Path) -> bool:
        """Is the file still there, and has nobody touched it since it was read?"""
        try:
            return FileState.of(path) == self.state
        except OSError:
            return False


def open_indexes(folder: Path, files: Iterable[IndexFile], *, set_seq: int) -> dict[Lineage, OpenedIndex]:
    """Open files of a set and read each whole: all of them are what its manifest says, or none is used."""
    with ExitStack() as stack:
        readings = [_Reading(folder, file, set_seq, stack) for file in files]
        if sum(one.state.octets for one in readings) <= ALONE_OCTETS:
            for one in readings:
                one.index.verify()
                one.tree.work()
        else:
            _read_side_by_side(readings)
        return {one.file.lineage: one.opened() for one in readings}


class _Reading:
    """A file that is being read whole."""

    def __init__(self, folder: Path, file: IndexFile, seq: int, stack: ExitStack) -> None:
        path = folder / file.name
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            self.state: Final = FileState.of(descriptor)
            self.index: Final = Index.open(path, set_seq=seq)
        except FileNotFoundError as error:
            raise OwnFault(
                "INDEX_MISSING",
                expected="every file that the manifest names",
                got="one missing",
                remedy="restore the folder, or publish again",
            ) from error
        if self.index.file_identity != self.state.identity:
            raise _another()  # put in its place just now: what is hashed would not be what is mapped
        self.file: Final = file
        self.tree: Final = TreeHash(descriptor)
        self.tree.end(self.state.octets)

    def opened(self) -> OpenedIndex:
        """Is this, octet for octet, the file that the manifest names?"""
        file, index = self.file, self.index
        found = OpenedIndex(index, self.tree.digest().hex(), self.state)
        facts = (index.lineage, index.entry_count, index.gone_count, self.state.octets, found.sha256_tree)
        if facts != (file.lineage, file.entries, file.gone, file.size, file.sha256_tree):
            raise _another()
        return found


def _read_side_by_side(files: Sequence[_Reading]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        jobs: list[Future[None]] = []
        try:
            for one in files:
                jobs.append(pool.submit(one.index.verify))
                # A thread too many finds nothing to do.
                jobs += [pool.submit(one.tree.work) for _ in range(THREADS)]
            for job in jobs:
                job.result()
        finally:
            for one in files:
                one.tree.stop()
            pool.shutdown(cancel_futures=True)


def _another() -> OwnFault:
    return OwnFault(
        "INDEX_MISMATCH",
        expected="an index file with the hash in its manifest",
        got="another file",
        remedy="restore the folder, or publish again; the last good set keeps serving",
    )
