"""Decoding alone, against the hash."""

from __future__ import annotations

import hashlib

from benchmarks.materials import Materials
from benchmarks.measuring import Figure, Pairs, in_turn, ratio
from benchmarks.walking import entries_of, mapped


def decode(materials: Materials, workload: str, entries: int) -> Figure:
    """Against ``hashlib.sha256`` of the same octets in the same thread."""
    nights = materials.nights(workload, entries)
    with mapped(nights.files[0]) as data:
        found = entries_of(data, nights.entries)

        def neighbour() -> None:
            hashlib.sha256(data).digest()

        def pairs() -> Pairs:
            while True:
                yield found.walk, neighbour

        return ratio(in_turn(pairs(), materials.pairs), entries, workload)
