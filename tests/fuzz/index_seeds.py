"""Small sound index files of every shape: by the product's builder, and written by hand from FORMAT.md."""

from __future__ import annotations

import struct
from datetime import timedelta
from random import Random
from typing import Final

from revocation.authorities import Lineage
from revocation.index.build import build_index
from revocation.index.layout import ListPresence, ListState
from revocation.index.search import Index
from tests.der_writer import T0
from tests.revocation.written_index import row, write_index

_LINEAGE: Final = Lineage("card-sign", "ab" * 32)
_KEY: Final = bytes(range(1, 41))
_DATE: Final = int(T0.timestamp())


def _record(serial: int, reason: int, date: int = _DATE) -> bytes:
    octets = serial.to_bytes(max(1, serial.bit_length() // 8 + 1), "big", signed=True)
    return struct.pack("<B20sBBBq", len(octets), octets, reason, 0, 0, date)


def _state(number: int) -> ListState:
    return ListState(
        number,
        "ab" * 32,
        state=ListPresence.ACCEPTED,
        crl_number=7,
        this_update=T0,
        next_update=T0 + timedelta(days=2),
        ingested_at=T0 + timedelta(seconds=1),
        sha256=bytes(32),
        accepted_seq=1,
        entries=1000,
    )


def _built(parts: dict[int, list[tuple[int, int, int]]], previous: bytes | None = None) -> bytes:
    """``parts``: by partition (serial, reason, date)."""
    before = None if previous is None else Index(previous, set_seq=1)
    numbers = set(parts) | (set(before.lists) if before else set())
    lists = {number: b"".join(_record(*one) for one in entries) for number, entries in parts.items()}
    states = {number: _state(number) for number in numbers}
    made = build_index(
        _LINEAGE,
        states,
        lists,
        previous=before,
        release_holds=False,
        mixing_key=_KEY if before is None else None,
    )
    return b"".join(bytes(chunk) for chunk in made.chunks())


def _entries(random: Random, count: int, *, bits: int) -> list[tuple[int, int, int]]:
    """Of serials with so many bits; a few dates before 1970 and after 2106."""
    serials = {random.getrandbits(bits) for _ in range(count)}
    dates = [_DATE, _DATE - 86400, -5, 1 << 33]
    return [
        (serial, random.choice([0, 1, 4, 6, 255]), random.choice(dates if number % 16 == 0 else dates[:2]))
        for number, serial in enumerate(sorted(serials))
    ]


def files() -> list[bytes]:
    """The files to start from, the same ones each time."""
    random = Random(20261123)
    short, long = _entries(random, 90, bits=32), _entries(random, 70, bits=150)
    mixed = [*short[:40], *long[:30], (-1, 1, _DATE), (-(1 << 150), 6, _DATE)]
    first = _built({1: mixed, 2: [*mixed[20:50], *_entries(random, 20, bits=31)]})
    codes = [(number % 3 + 1, number % 11, 0, 0) for number in range(20)]
    rows = [row(number, entries=500) for number in (1, 2, 3)]
    listed = {
        serial: (date & 0xFFFFFFFF, number % 20) for number, (serial, _, date) in enumerate(short + long)
    }
    written = [
        write_index(
            ("card-sign", "ab" * 32),
            _KEY,
            codes,
            rows,
            listed,
            {1 << 20 + number: (_DATE, number % 20, number & 1, 3) for number in range(40)},
            [(serial, _DATE, code) for serial, _, _ in (short[0], short[1], long[0]) for code in (0, 1)],
            home_lines,
            code_octets=octets,
        )
        for octets, home_lines in ((2, 16), (4, 40))
    ]
    return [
        _built({1: []}),
        _built({1: short[:3]}),
        _built({1: short}),
        _built({3: long}),
        first,
        # What was listed is gone now, except a few.
        _built({1: mixed[:5], 2: short[50:60]}, first),
        _built({1: mixed[60:]}, first),
        *written,
    ]
