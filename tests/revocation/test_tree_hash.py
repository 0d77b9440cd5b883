"""The hash of an index file, by FORMAT.md: of its pieces, by one thread or several, whole or growing."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from revocation.snapshot.tree_hash import PIECE_OCTETS, TreeHash, tree_hash, tree_hash_of

SIZES = (0, 1, PIECE_OCTETS - 1, PIECE_OCTETS, PIECE_OCTETS + 1, 5 * PIECE_OCTETS, 5 * PIECE_OCTETS + 77)


def octets_of(size: int) -> bytes:
    """No two pieces are equal."""
    return hashlib.shake_128(b"pieces").digest(size)


def by_the_format(data: bytes) -> bytes:
    """FORMAT.md, word for word."""
    digests, rest = b"", data
    while rest:
        digests += hashlib.sha256(rest[:262_144]).digest()
        rest = rest[262_144:]
    return hashlib.sha256(digests).digest()


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield opened
    os.close(opened)


@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_hash_of_the_hashes_of_the_pieces(descriptor: int, size: int) -> None:
    """Of a file and of octets in memory alike; the last piece may be short, and an empty file has none."""
    data = octets_of(size)
    os.write(descriptor, data)
    assert tree_hash(descriptor) == tree_hash_of(data) == by_the_format(data)
    assert tree_hash_of(memoryview(data)) == by_the_format(data)


def test_an_octet_anywhere_counts(descriptor: int) -> None:
    """Also the first and last of each piece, one more and one less; and pieces that change places."""
    data = octets_of(3 * PIECE_OCTETS)
    found = {by_the_format(data)}
    for at in (0, PIECE_OCTETS - 1, PIECE_OCTETS, 3 * PIECE_OCTETS - 1):
        other = bytearray(data)
        other[at] ^= 1
        found.add(tree_hash_of(other))
    found |= {tree_hash_of(data[:-1]), tree_hash_of(data + b"\0")}
    found.add(tree_hash_of(data[PIECE_OCTETS:] + data[:PIECE_OCTETS]))
    assert len(found) == 8


def working(tree: TreeHash, threads: int) -> list[threading.Thread]:
    started = [threading.Thread(target=tree.work) for _ in range(threads)]
    for one in started:
        one.start()
    return started


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("size", SIZES)
def test_threads_hash_what_is_still_being_written(descriptor: int, size: int, threads: int) -> None:
    """Each waits for a piece to be whole; in whatever steps the file grows, the hash is the same."""
    data = octets_of(size)
    tree = TreeHash(descriptor)
    started = working(tree, threads)
    step = 100_000
    for at in range(0, size, step):
        os.pwrite(descriptor, data[at : at + step], at)
        tree.grow(min(at + step, size))
    tree.end(size)
    for one in started:
        one.join(10)
    assert tree.digest() == by_the_format(data)


def test_threads_end_when_nobody_wants_the_hash(descriptor: int) -> None:
    """They wait for octets that never come: stopped, they return, and there is no hash."""
    os.write(descriptor, octets_of(PIECE_OCTETS + 1))
    tree = TreeHash(descriptor)
    started = working(tree, 2)
    tree.stop()
    tree.grow(PIECE_OCTETS)
    for one in started:
        one.join(10)
        assert not one.is_alive()
    with pytest.raises(KeyError):
        tree.digest()


def test_a_file_that_was_cut_has_another_hash(descriptor: int) -> None:
    """It had so many octets when it was looked at, and has fewer when it is read: never the old hash."""
    data = octets_of(2 * PIECE_OCTETS + 9)
    os.write(descriptor, data)
    tree = TreeHash(descriptor)
    tree.end(len(data))
    os.ftruncate(descriptor, PIECE_OCTETS + 5)
    tree.work()
    assert tree.digest() != by_the_format(data)


def test_short_reads_go_on_with_the_rest(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """preadv(2) may give less than it was asked for."""
    data = octets_of(PIECE_OCTETS + 1000)
    os.write(descriptor, data)
    real = os.preadv
    monkeypatch.setattr(
        os, "preadv", lambda file, buffers, at: real(file, [memoryview(buffers[0])[:70_001]], at)
    )
    assert tree_hash(descriptor) == by_the_format(data)


def test_a_disk_that_fails_to_read_is_an_error(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An OSError of the reading thread, which whoever waits for it gets; no signal, no hash."""
    os.write(descriptor, b"octets")

    def failing(*_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "preadv", failing)
    with pytest.raises(OSError, match="Input/output"):
        tree_hash(descriptor)
