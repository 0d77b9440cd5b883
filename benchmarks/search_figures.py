"""Look-ups one by one and in batches, and the difference of two days."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from benchmarks.columns import U64, Columns, columns_of
from benchmarks.lists import Calendar
from benchmarks.materials import Materials
from benchmarks.measuring import Figure, Pairs, in_turn, not_a_figure, plain, ratio
from benchmarks.nights import Nights
from revocation.index.search import differing

_LOOKUPS: Final = 500_000
_BATCH: Final = 1_000_000
#: Octets of key, date and reason: what a copy of the bare entries would move.
_BARE_ENTRY: Final = 9
_LISTED: Final = 1

Get = Callable[[bytes], tuple[int, int, int] | None]


def listed(nights: Nights) -> list[Columns]:
    """Everything on the first list of the published day."""
    return list(nights.calendar.columns(1, nights.published))


def table_of(columns: list[Columns]) -> dict[bytes, tuple[int, int, int]]:
    """The neighbour: octets of the serial to (date, reason, partition)."""
    return {
        serial: (date, reason, 1)
        for part in columns
        for serial, date, reason in zip(
            part.serials(), part.dates.tolist(), part.reasons.tolist(), strict=True
        )
    }


def look_up(get: Get, serials: list[bytes], hits: int) -> None:
    """One after the other."""
    found = 0
    for serial in serials:
        if get(serial) is not None:
            found += 1
    if found != hits:
        raise not_a_figure(f"{hits} found", f"{found}")


def _new(serials: list[bytes]) -> list[bytes]:
    """A bytes object keeps its hash once it was asked for, and a request's serial never has one yet."""
    return [bytes(bytearray(serial)) for serial in serials]


def lookup(materials: Materials, workload: str, entries: int, *, hit: bool) -> Figure:
    """``Index.get`` against ``dict.get``, in random order, serials as octets."""
    nights = materials.nights(workload, entries)
    index, table = nights.index(), table_of(listed(nights))
    if len(table) != index.entry_count:
        raise not_a_figure("dict and index with the same entries", "others")
    count = min(_LOOKUPS, entries)
    rng = random.Random(nights.workload.seed)
    known = list(table)
    for serial in known[:: max(1, len(known) // 1000)]:
        if index.get(serial) != table[serial]:
            raise not_a_figure("dict and index that agree", "a difference")

    def pairs() -> Pairs:
        turn = 0
        while True:
            if hit:
                serials = rng.choices(known, k=count)
            else:
                serials = unlisted(nights.calendar, turn * count, count)
                rng.shuffle(serials)
            turn += 1
            hits = count if hit else 0
            yield (
                partial(look_up, index.get, _new(serials), hits),
                partial(look_up, table.get, _new(serials), hits),
            )

    return ratio(in_turn(pairs(), materials.pairs), entries, workload)


def unlisted(calendar: Calendar, since: int, count: int) -> list[bytes]:
    """Serials of the same shape as those listed."""
    numbers = calendar.unlisted(since, count)
    return columns_of(calendar.workload, numbers, np.zeros(count, dtype=np.int64)).serials()


def batch(materials: Materials, workload: str, entries: int) -> tuple[Figure, Figure]:
    """``Index.get_many`` of uint64 against ``numpy.searchsorted``: speed-up, and million keys a second."""
    nights = materials.nights(workload, entries)
    index = nights.index()
    parts = [part.short[part.octets == 4].astype(np.uint64) for part in listed(nights)]
    known = np.sort(np.concatenate(parts))
    count = min(_BATCH, entries)
    rng = np.random.default_rng(nights.workload.seed)

    def ours(keys: U64) -> None:
        answers = index.get_many(keys.data)
        if answers.states[0] != _LISTED or answers.states[count - 1] != _LISTED:
            raise not_a_figure("every key found", "another")

    def neighbour(keys: U64) -> None:
        if known[np.searchsorted(known, keys)[count - 1]] != keys[count - 1]:
            raise not_a_figure("every key found", "another")

    def pairs() -> Pairs:
        while True:
            keys = known[rng.integers(0, len(known), count)]
            yield partial(ours, keys), partial(neighbour, keys)

    taken = in_turn(pairs(), materials.pairs)
    faster = ratio(taken, entries, workload, higher_is_better=True)
    return faster, plain([count / ours_took / 1e6 for ours_took, _ in taken], entries, workload)


def difference(materials: Materials, workload: str, entries: int) -> Figure:
    """``differing`` of two days against a copy of as many bare entries within memory."""
    nights = materials.nights(workload, entries)
    old, new = nights.index_before(), nights.index()
    source = np.ones(_BARE_ENTRY * entries, dtype=np.uint8)
    target = np.zeros_like(source)

    def ours() -> None:
        list(differing(old, new))

    def neighbour() -> None:
        np.copyto(target, source)

    if not list(differing(old, new)):
        raise not_a_figure("two days that differ", "none")

    def pairs() -> Pairs:
        while True:
            yield ours, neighbour

    return ratio(in_turn(pairs(), materials.pairs), entries, workload)
