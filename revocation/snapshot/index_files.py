"""Index files as they are written and as they are opened: read whole each time, by several threads if large.

One thread goes through the reader's checks (``Index.verify``: structure and checksums) while others hash, and
while the kernel syncs. The hash of a file that is being written follows the writer, so that little is left to
do when its last octet is there. Small files are done in the caller's thread, one step after the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from revocation.authorities import Lineage
from revocation.errors import OwnFault
from revocation.index.search import Index
from revocation.snapshot.durable import Disk, discard, temporary_name
from revocation.snapshot.manifest import IndexFile
from revocation.snapshot.tree_hash import TreeHash

#: Hashing beyond this many threads gains nothing: the disk, or the checks beside it, take longer.
_THREADS: Final = max(1, min(4, os.cpu_count() or 1))
#: Files, or sets, up to this size are not worth a thread.
_ALONE_OCTETS: Final = 8 << 20
#: Chunks below it are written together.
_GATHERED_OCTETS: Final = 64 << 10


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


def stage_index(
    disk: Disk, target: Path, chunks: Iterable[bytes | memoryview], *, set_seq: int
) -> tuple[Path, OpenedIndex]:
    """Write, sync and read back a temporary file beside ``target``: its path, and the file as its readers
    will see it.

    Each chunk is written before the next one is asked for: its memory may be used again then. A file whose
    fsync failed is thrown away like any other, whatever reading it back said.
    """
    temporary = temporary_name(target)
    try:
        with ExitStack() as stack:
            writer = disk.create(temporary)
            stack.callback(os.close, writer)
            reader = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, reader)
            tree = TreeHash(reader)
            index = _write(disk, writer, chunks, tree, temporary, set_seq)
            opened = OpenedIndex(index, tree.digest().hex(), FileState.of(reader))
    except BaseException:
        discard(disk, temporary)
        raise
    return temporary, opened


def _write(
    disk: Disk, writer: int, chunks: Iterable[bytes | memoryview], tree: TreeHash, path: Path, set_seq: int
) -> Index:
    written = 0
    followers: list[Future[None]] = []
    with ThreadPoolExecutor(_THREADS + 2) as pool:
        try:
            for octets in _gathered(chunks):
                disk.write(writer, octets)
                written += len(octets)
                tree.grow(written)
                if not followers and written > _ALONE_OCTETS:
                    # One core is the builder's, who is still at work.
                    followers = [pool.submit(tree.work) for _ in range(max(1, _THREADS - 1))]
            tree.end(written)
            if not followers:
                disk.sync_file(writer)
                tree.work()
                return _checked(path, set_seq)
            synced = pool.submit(disk.sync_file, writer)
            checked = pool.submit(_checked, path, set_seq)
            tree.work()
            # The disk's own word first: what could not be synced may well be read back as something else.
            for job in (synced, *followers):
                job.result()
            return checked.result()
        finally:
            tree.stop()


def _gathered(chunks: Iterable[bytes | memoryview]) -> Iterator[memoryview]:
    """The same octets in fewer writes: the small parts of a file together."""
    buffer = bytearray()
    for chunk in chunks:
        view = memoryview(chunk).cast("B")
        if len(buffer) + len(view) > _GATHERED_OCTETS and buffer:
            yield memoryview(bytes(buffer))
            buffer.clear()
        if len(view) > _GATHERED_OCTETS:
            yield view
        else:
            buffer += view
    if buffer:
        yield memoryview(bytes(buffer))


def _checked(path: Path, set_seq: int) -> Index:
    """Through the readers' own code."""
    index = Index.open(path, set_seq=set_seq)
    index.verify()
    return index


def open_indexes(folder: Path, files: Iterable[IndexFile], *, set_seq: int) -> dict[Lineage, OpenedIndex]:
    """Open files of a set and read each whole: all of them are what its manifest says, or none is used."""
    with ExitStack() as stack:
        readings = [_Reading(folder, file, set_seq, stack) for file in files]
        if sum(one.state.octets for one in readings) <= _ALONE_OCTETS:
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
    with ThreadPoolExecutor(_THREADS) as pool:
        jobs: list[Future[None]] = []
        try:
            for one in files:
                jobs.append(pool.submit(one.index.verify))
                # A thread too many finds nothing to do.
                jobs += [pool.submit(one.tree.work) for _ in range(_THREADS)]
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
