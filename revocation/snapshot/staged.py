"""An index file that is being written: hashed and read back behind the writer, then synced.

Small files are done in the caller's thread, one step after the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from revocation.index.ahead import Ahead
from revocation.index.search import Index
from revocation.snapshot import index_files
from revocation.snapshot.durable import Disk, discard, temporary_name
from revocation.snapshot.index_files import THREADS, FileState, OpenedIndex
from revocation.snapshot.read_back import ReadBack
from revocation.snapshot.tree_hash import TreeHash

#: Chunks below it are written together.
_GATHERED_OCTETS: Final = 64 << 10


class StagedIndex:
    """A temporary file, open. ``write`` once or more, then ``finish``; ``drop`` wherever that does not come.

    A file whose fsync failed is thrown away like any other, whatever reading it back said.
    """

    def __init__(self, disk: Disk, temporary: Path) -> None:
        self.path: Final = temporary
        self._disk: Final = disk
        self._open: Final = ExitStack()
        self._written = 0
        #: Up to here the kernel was asked to write it out.
        self._begun = 0
        self._followers: list[Future[None]] = []
        self._reading: Future[Ahead] | None = None
        try:
            self._writer = disk.create(temporary)
            self._open.callback(os.close, self._writer)
            self._reader = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
            self._open.callback(os.close, self._reader)
            self._tree: Final = TreeHash(self._reader)
            self._back: Final = ReadBack(self._tree)
            self._pool: Final = ThreadPoolExecutor(THREADS + 2)
            self._open.callback(self._pool.shutdown)
        except BaseException:
            self.drop()
            raise

    def hold(self, lock: Callable[[int], None]) -> None:
        """``lock`` gets the descriptor that stays open until the end."""
        lock(self._writer)

    def write(self, chunks: Iterable[bytes | memoryview], *, follow: bool = True) -> None:
        """Each chunk is written before the next one is asked for: its memory may be used again then.

        ``follow``: a large file is hashed and checked by others meanwhile; the caller's core is at work.
        """
        for octets in _gathered(chunks):
            self._disk.write(self._writer, octets)
            self._written += len(octets)
            self._tree.grow(self._written)
            if self._written - self._begun > index_files.ALONE_OCTETS:
                self._disk.start_writeback(self._writer, self._begun, self._written - self._begun)
                self._begun = self._written
            if follow:
                self._follow()

    def hash_ahead(self, stop: Callable[[], bool]) -> None:
        """In this thread, what is written already, until ``stop`` says that there is better to do.

        Of a large file it is checked as well, as far as that goes.
        """
        if self._written > index_files.ALONE_OCTETS:
            self._back.work_ahead(stop)
        self._tree.work_ahead(stop)

    def finish(self, chunks: Iterable[bytes | memoryview], *, set_seq: int) -> OpenedIndex:
        """Write the rest, sync, and read back: the file as its readers will see it."""
        self.write(chunks)
        self._tree.end(self._written)
        if self._written <= index_files.ALONE_OCTETS:
            self._disk.sync_file(self._writer)
            self._tree.work()
            index = _checked(self.path, set_seq)
        else:
            self._follow()
            synced = self._pool.submit(self._disk.sync_file, self._writer)
            self._back.end()
            ahead = None if self._reading is None else self._reading.result()
            checked = self._pool.submit(_checked, self.path, set_seq, ahead)
            self._tree.work()
            # The disk's own word first: what could not be synced may well be read back as something else.
            for job in (synced, *self._followers):
                job.result()
            index = checked.result()
        found = OpenedIndex(index, self._tree.digest().hex(), FileState.of(self._reader))
        self._open.close()
        return found

    def drop(self) -> None:
        """The file goes; no thread has anything to do with it any more."""
        if hasattr(self, "_back"):
            self._tree.stop()
            self._back.end()
        self._open.close()
        discard(self._disk, self.path)

    def _follow(self) -> None:
        if self._reading is None and self._written > index_files.ALONE_OCTETS:
            self._reading = reading = self._pool.submit(self._back.work)
            # One core is the writer's, one that of whoever reads back: it only hashes when nothing is left to
            # check, or nothing can be.
            self._followers = [self._pool.submit(self._tree.work) for _ in range(THREADS - 2)]
            self._followers.append(self._pool.submit(self._go_on, reading))

    def _go_on(self, reading: Future[Ahead]) -> None:
        wait([reading])
        self._tree.work()


def stage_index(
    disk: Disk, target: Path, chunks: Iterable[bytes | memoryview], *, set_seq: int
) -> tuple[Path, OpenedIndex]:
    """Write, sync and read back a temporary file beside ``target``: its path, and the file as read back."""
    staged = StagedIndex(disk, temporary_name(target))
    try:
        return staged.path, staged.finish(chunks, set_seq=set_seq)
    except BaseException:
        staged.drop()
        raise


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


def _checked(path: Path, set_seq: int, ahead: Ahead | None = None) -> Index:
    """Through the readers' own code; ``ahead`` is what was checked behind the writer."""
    index = Index.open(path, set_seq=set_seq)
    index.verify(ahead)
    return index
