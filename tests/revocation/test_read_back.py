"""What was written of an index file, read back behind its writer: once, for its check and its hash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from revocation.snapshot import read_back
from revocation.snapshot.read_back import ReadBack
from revocation.snapshot.tree_hash import TreeHash, tree_hash_of
from tests.revocation.test_ahead import LARGE, PIECE


@pytest.fixture
def cut(tmp_path: Path) -> Iterator[int]:
    """A file that was written further than it is."""
    path = tmp_path / "x"
    path.write_bytes(LARGE[: 3 * PIECE + 77])
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def growing(descriptor: int, octets: int) -> tuple[TreeHash, ReadBack]:
    tree = TreeHash(descriptor)
    tree.grow(octets)
    return tree, ReadBack(tree)


def test_reading_back_ends_with_the_file_and_with_what_is_left_of_it(cut: int) -> None:
    """Whole pieces that are written, none behind the end; of a file that was cut, none that is not there."""
    _, back = growing(cut, 9 * PIECE)
    assert len(back.work().sums) == 3
    _, back = growing(cut, 2 * PIECE)
    back.end()
    assert back.work().sums == []
    _, back = growing(-1, PIECE)
    with pytest.raises(OSError, match="Bad file descriptor"):
        back.work()


def test_what_was_read_back_is_hashed_by_whoever_reads_it(cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece is read once, whoever comes to it first; the hash is that of the file."""
    octets = LARGE[: 3 * PIECE + 77]
    reads: list[int] = []
    real = os.preadv

    def counted(file: int, buffers: list[memoryview], at: int) -> int:
        reads.append(at // PIECE)
        return real(file, buffers, at)

    monkeypatch.setattr(os, "preadv", counted)
    for checked in range(4):
        reads.clear()
        tree, back = growing(cut, checked * PIECE)
        # Until none is left, as a draft does; then as behind a writer.
        back.work_ahead(lambda: False)
        tree.end(len(octets))
        assert reads == [*range(checked)]
        assert len(back.work().sums) == 3
        tree.work()
        assert reads == [0, 1, 2, 3]
        assert tree.digest() == tree_hash_of(octets)


def test_far_behind_the_writer_pieces_are_checked_and_hashed_later(
    cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the one that the writer has just left is hashed with its check; the others are not forgotten."""
    monkeypatch.setattr(read_back, "_BEHIND", 1)
    octets = LARGE[: 3 * PIECE + 77]
    tree, back = growing(cut, 3 * PIECE)
    tree.end(len(octets))
    assert len(back.work().sums) == 3
    assert [*tree._digests] == [2]
    tree.work()
    assert sorted(tree._digests) == [0, 1, 2, 3]
    assert tree.digest() == tree_hash_of(octets)


def test_a_piece_that_another_has_hashed_is_checked_all_the_same(cut: int) -> None:
    """And the other way round: whatever is taken by whom, each piece is hashed once."""
    octets = LARGE[: 3 * PIECE + 77]
    for before in range(4):
        tree, back = growing(cut, 3 * PIECE)
        left = iter([False] * before + [True])
        tree.work_ahead(lambda left=left: next(left))
        hashed = dict(tree._digests)
        assert len(hashed) == before
        tree.end(len(octets))
        assert len(back.work().sums) == 3
        assert all(tree._digests[number] is digest for number, digest in hashed.items())
        tree.work()
        assert tree.digest() == tree_hash_of(octets)


def test_where_nothing_can_be_checked_ahead_the_rest_is_hashed(tmp_path: Path) -> None:
    """The second piece is of no lines: its reader stops there, and the file's hash is that of its octets."""
    other = bytearray(LARGE)
    other[PIECE + 63] = 7
    (tmp_path / "x").write_bytes(other)
    with (tmp_path / "x").open("rb") as file:
        tree, back = growing(file.fileno(), len(other))
        assert len(back.work().sums) == 1
        back.work_ahead(lambda: False)
        assert [*tree._digests] == [0, 1]
        tree.end(len(other))
        tree.work()
        assert tree.digest() == tree_hash_of(other)


def test_nobody_wants_the_hash_any_more(cut: int) -> None:
    """A reader that waits for the next piece returns when the hash is stopped, and begins no other."""
    tree, back = growing(cut, PIECE)
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(back.work)
        tree.stop()
        job.result(30)
    done = len(tree._digests)
    tree.grow(3 * PIECE)
    back.work_ahead(lambda: False)
    assert len(back.work().sums) == len(tree._digests) == done
