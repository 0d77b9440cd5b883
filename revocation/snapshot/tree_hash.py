"""The hash of an index file: of its pieces side by side, then of their hashes (FORMAT.md, "Manifest").

SHA-256 of the concatenated SHA-256 of consecutive pieces of 262,144 octets; the last one is shorter, and an
empty file has none. So two cores hash one file, and a piece can be hashed while the next is being written.

The file is read into buffers that are used again, never mapped: a file of any size costs one piece of memory
for each thread, and a disk that fails to read is an ``OSError`` and no SIGBUS.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from threading import Condition
from typing import Final

PIECE_OCTETS: Final = 262_144


def tree_hash_of(data: bytes | bytearray | memoryview) -> bytes:
    """The same hash of octets in memory."""
    view = memoryview(data).cast("B")
    pieces = (view[at : at + PIECE_OCTETS] for at in range(0, len(view), PIECE_OCTETS))
    return hashlib.sha256(b"".join(hashlib.sha256(piece).digest() for piece in pieces)).digest()


def tree_hash(descriptor: int) -> bytes:
    """The hash of a whole file, in this thread alone; ``TreeHash`` is for several."""
    tree = TreeHash(descriptor)
    tree.end(os.fstat(descriptor).st_size)
    tree.work()
    return tree.digest()


class TreeHash:
    """One file's hash, by every thread that calls ``work``; the file may still grow until ``end``.

    Who reads the file for other reasons as well, piece by piece, gives what it read to ``hash_once``; each
    piece is hashed by one thread, whoever that is. ``digest`` is for whoever knows that all have returned.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor: Final = descriptor
        self._changed: Final = Condition()
        self._digests: Final[dict[int, bytes]] = {}
        self._octets = 0
        self._ended = False
        self._stopped = False
        #: Every piece below this number has a thread, and so have these above it.
        self._taken = 0
        self._taken_above: Final[set[int]] = set()

    def grow(self, octets: int) -> None:
        """So many octets of the file are written: its whole pieces may be hashed."""
        with self._changed:
            more = octets // PIECE_OCTETS > self._octets // PIECE_OCTETS
            self._octets = octets
            # To wake a thread costs more than what else is done here.
            if more:
                self._changed.notify_all()

    def end(self, octets: int) -> None:
        """The file has so many octets and gets no more."""
        with self._changed:
            self._octets, self._ended = octets, True
            self._changed.notify_all()

    def stop(self) -> None:
        """Nobody wants the hash any more: ``work`` returns soon."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Whoever waits asks again whether to go on."""
        with self._changed:
            self._changed.notify_all()

    def work(self) -> None:
        """Hash pieces that no other thread has, until the file has ended and none is left."""
        buffer = memoryview(bytearray(PIECE_OCTETS))
        for number in self._pieces():
            self._hash(number, self.read(buffer, number))

    def work_ahead(self, stop: Callable[[], bool]) -> None:
        """Hash whole pieces that are written already, until none is left or ``stop`` says so."""
        buffer = memoryview(bytearray(PIECE_OCTETS))
        while not stop():
            with self._changed:
                if self._stopped or not self._is_ready():
                    return
                number = self._take()
            self._hash(number, self.read(buffer, number))

    def wait_for(self, number: int, stop: Callable[[], bool]) -> bool:
        """Wait until this piece is whole; False where it will not be, or ``stop`` says so."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or stop() or self._ended or self._is_whole(number))
            return not self._stopped and not stop() and self._is_whole(number)

    def is_whole(self, number: int) -> bool:
        """Is this piece written, and the hash still wanted?"""
        with self._changed:
            return not self._stopped and self._is_whole(number)

    def hash_once(self, number: int, piece: memoryview) -> None:
        """Hash a piece that ``read`` gave, unless another thread has it."""
        with self._changed:
            if number < self._taken or number in self._taken_above:
                return
            self._taken_above.add(number)
            self._pass_taken()
        self._hash(number, piece)

    def read(self, buffer: memoryview, number: int) -> memoryview:
        """One piece; of a file that was cut meanwhile what is left, so that its hash is another."""
        start = number * PIECE_OCTETS
        length = min(PIECE_OCTETS, self._octets - start) if self._ended else PIECE_OCTETS
        filled = 0
        while filled < length:
            octets = os.preadv(self._descriptor, [buffer[filled:length]], start + filled)
            if octets == 0:
                break
            filled += octets
        return buffer[:filled]

    def digest(self) -> bytes:
        """Over every piece: one that nobody hashed is a ``KeyError``."""
        pieces = range(-(-self._octets // PIECE_OCTETS))
        return hashlib.sha256(b"".join(self._digests[number] for number in pieces)).digest()

    def _hash(self, number: int, piece: memoryview) -> None:
        self._digests[number] = hashlib.sha256(piece).digest()

    def _pieces(self) -> Iterator[int]:
        """Numbers of the pieces as they are complete, each for one thread."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_ready() or self._ended or self._stopped)
                if self._stopped or not self._is_ready():
                    return
                number = self._take()
            yield number

    def _take(self) -> int:
        number = self._taken
        self._taken += 1
        self._pass_taken()
        return number

    def _pass_taken(self) -> None:
        while self._taken in self._taken_above:
            self._taken_above.remove(self._taken)
            self._taken += 1

    def _is_ready(self) -> bool:
        start = self._taken * PIECE_OCTETS
        return start < self._octets if self._ended else start + PIECE_OCTETS <= self._octets

    def _is_whole(self, number: int) -> bool:
        return (number + 1) * PIECE_OCTETS <= self._octets
