"""How an index file is built, not what is in it: in whole pieces, told of now and then, in bounded memory."""

from __future__ import annotations

import mmap
import random
from datetime import timedelta
from pathlib import Path

import pytest

from revocation.index import build as build_module
from revocation.index import layout
from revocation.index._harvest import Harvest
from revocation.index.base import Base
from revocation.index.build import Progress, build_index
from revocation.index.layout import ListPresence, ListState
from revocation.index.search import Index
from revocation.index.tail import read_tail
from tests.revocation.sets import DAY, T0
from tests.revocation.test_ahead import LARGE
from tests.revocation.test_build_oracle import LINEAGE, Said, record

PIECE = layout.PIECE_OCTETS
KEY = bytes(range(40))
STATES = {
    1: ListState(
        1,
        "cd" * 32,
        ListPresence.ACCEPTED,
        this_update=T0,
        next_update=T0 + DAY + timedelta(hours=1),
        ingested_at=T0,
        sha256=bytes(32),
        accepted_seq=1,
        entries=1 << 20,
    )
}


def packed(serials: range) -> bytes:
    """Serials in an order of chance, none of them on hold."""
    found = random.Random(7).sample(serials, len(serials))
    return b"".join(record(serial, Said(1, 0, 0, 1_700_000_000)) for serial in found)


def chunks_of(serials: range, previous: Index | None, progress: Progress | None = None) -> list[bytes]:
    harvest = Harvest.of_records(KEY, packed(serials))
    built = build_index(
        LINEAGE,
        STATES,
        {1: harvest},
        previous=previous,
        release_holds=True,
        mixing_key=KEY,
        progress=progress,
    )
    return [bytes(chunk) for chunk in built.chunks()]


@pytest.fixture(scope="module")
def first() -> Index:
    return Index(b"".join(chunks_of(range(1, 100_000), None)), set_seq=1)


def test_lines_go_out_in_whole_pieces_of_the_file(first: Index) -> None:
    """Upon nothing, and upon a set: so each piece is summed up, written and hashed in one step."""
    for previous in (None, first):
        chunks = chunks_of(range(1, 100_100), previous)
        lines = read_tail(memoryview(b"".join(chunks))).sections[b"SHRT"][1] + 64
        at, ends = 0, []
        for chunk in chunks:
            at += len(chunk)
            ends.append(at)
        assert [end for end in ends if 64 < end < lines] == [*range(PIECE, lines, PIECE)]
        assert lines > 3 * PIECE


@pytest.mark.parametrize("times", [1, 2, 100])
def test_of_entries_is_told_now_and_then(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many chunks there are; in the end the number that is right."""
    monkeypatch.setattr(build_module, "_TOLD_TIMES", times)
    told: list[tuple[int, int]] = []
    chunks = chunks_of(range(1, 100_000), None, lambda *step: told.append(step))
    whole = len([chunk for chunk in chunks if len(chunk) > PIECE // 2])
    assert told[-1] == (99_999, 99_999)
    assert told == sorted(set(told))
    assert len(told) <= min(times + 1, whole + 1)
    assert times < 100 or len(told) >= whole


def test_of_a_set_before_nothing_stays_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces are let go of behind the reading, some at a time and each once; in the end all of them."""
    (tmp_path / "x").write_bytes(LARGE)
    index = Index.open(tmp_path / "x", set_seq=1)
    base = Base(index)
    gone: list[tuple[int, int]] = []

    class Mapped:
        def madvise(self, advice: int, start: int, octets: int) -> None:
            assert advice == mmap.MADV_DONTNEED
            assert start % mmap.PAGESIZE == 0
            gone.append((start // PIECE, (start + octets) // PIECE))

    monkeypatch.setattr(base, "_mapped", Mapped())
    check = base.check(short=True)
    octets = index.tail.sections[b"SHRT"][1]
    at = 0
    while at < octets:
        at = check(0, at + 64)
        reading = (64 + at) // PIECE
        # Never what is being read; and never more than a stretch is kept.
        assert all(end < reading for _, end in gone)
        assert reading - (gone[-1][1] if gone else 0) <= 16 + 2
    assert gone == [(0, 16)]
    base.release()
    assert gone[-1] == (0, (len(LARGE) - 1) // PIECE)
