"""A list's entries on their way into buckets: each comes out as it went in, and in the order of its key."""

from __future__ import annotations

import itertools
import random
import struct
import time
from collections.abc import Iterable
from datetime import timedelta

import pytest

from revocation.crl._walk import EntryWalk
from revocation.index._harvest import Harvest
from tests.pki import T0, entry
from tests.revocation.written_index import long_key, short_key

MIXING_KEY = bytes(range(7, 47))
#: Entries from which short ones are packed into buckets; records of a batch.
_MANY = 1 << 18
_BATCH = 256

Item = tuple[bytes, int, int, int]


def packed(items: Iterable[Item]) -> bytes:
    """Records as the walk writes them."""
    return b"".join(
        struct.pack("<B20sBBBq", len(serial), serial, reason, flags, 0, date)
        for serial, date, reason, flags in items
    )


def plain(count: int, start: int = 1) -> list[Item]:
    """Short serials of up to 5 octets, in no order."""
    numbers = ((start + n) * 2_654_435_761 % (1 << 32) for n in range(count))
    return [
        (number.to_bytes(number.bit_length() // 8 + 1, "big"), n, n % 7, 0)
        for n, number in enumerate(numbers)
    ]


def long_ones(count: int) -> list[Item]:
    """Serials of 8 to 20 octets, of either sign."""
    rng = random.Random(7)
    return [(bytes([rng.choice((0x41, 0x9C))]) + rng.randbytes(7 + n % 13), n, 1, 0) for n in range(count)]


def edges() -> list[Item]:
    """Every size, and what stands at the edges of the short ones and of the sizes."""
    serials = {
        number.to_bytes((number if number >= 0 else ~number).bit_length() // 8 + 1, "big", signed=True)
        for bits in range(160)
        for power in (1 << bits, -(1 << bits))
        for number in (power - 1, power, power + 1)
        if -(1 << 159) <= number < 1 << 159
    }
    assert {len(serial) for serial in serials} == set(range(1, 21))
    return [(serial, n, n % 3, 0) for n, serial in enumerate(sorted(serials))]


def key_of(serial: bytes) -> tuple[int, int, int, int]:
    """Where an entry belongs: short ones before long ones."""
    number = int.from_bytes(serial, "big", signed=True)
    if 0 <= number < 1 << 32:
        return 0, short_key(MIXING_KEY, number), 0, 0
    return 1, *long_key(MIXING_KEY, number)


def check(harvest: Harvest, items: list[Item]) -> None:
    """All of them, none besides, and none before one that it belongs behind."""
    found = list(harvest)
    assert sorted(found) == sorted(items)
    assert harvest.count == len(items)
    keys = [key_of(serial) for serial, *_ in found]
    assert harvest.short_count == sum(key[0] == 0 for key in keys)
    assert all(one <= other for one, other in itertools.pairwise(keys))


@pytest.mark.parametrize("crowd", [0, _MANY])
def test_serials_of_every_size_and_edge(crowd: int) -> None:
    """In a small list and in the buckets of a large one: short are exactly 0 to 2**32 - 1."""
    items = edges() + plain(crowd)
    check(Harvest.of_records(MIXING_KEY, packed(items)), items)


@pytest.mark.parametrize("count", [1, 2, _BATCH - 1, _BATCH, _BATCH + 1, 3 * _BATCH, 5_000])
def test_batches_of_every_kind(count: int) -> None:
    """Full or not, of short ones, of long ones and of both; with codes that are new or rare in any place."""
    rng = random.Random(count)
    for pool in (plain(count), long_ones(count), plain(count) + long_ones(count)):
        items = [
            (serial, date if rng.random() < 0.9 else date - (1 << 33), rng.randrange(5), rng.random() < 0.1)
            for serial, date, _, _ in rng.sample(pool, count)
        ]
        check(Harvest.of_records(MIXING_KEY, packed(items)), items)


@pytest.mark.parametrize("count", [5_000, _MANY])
def test_more_codes_than_one_octet_tells_in_the_midst_of_a_batch(count: int) -> None:
    """From the 257th on short ones take more room, also those that are there already."""
    items = plain(count - 600) + long_ones(300)
    items += [(b"\x01", n, n % 250, n // 250) for n in range(300)]
    check(Harvest.of_records(MIXING_KEY, packed(items)), items)


@pytest.mark.parametrize("limit", [1, 7, _BATCH, _BATCH + 1, 100_000])
def test_portions_of_any_size_out_of_a_list(limit: int) -> None:
    """Whoever drives the walk may stop it anywhere."""
    numbers = [n * n * 977 + 1 for n in range(1, 700)] + [(1 << 90) + n for n in range(200)]
    random.Random(1).shuffle(numbers)
    octets = b"".join(entry(n, T0 + timedelta(seconds=n % 99_999), 3) for n in numbers)
    walk, harvest = EntryWalk(octets, 0, len(octets), True, False, False), Harvest(MIXING_KEY)
    while harvest.fill(walk, limit):
        pass
    assert walk.at == len(octets)
    seconds = round(T0.timestamp())
    check(
        harvest, [(n.to_bytes(n.bit_length() // 8 + 1, "big"), seconds + n % 99_999, 3, 0) for n in numbers]
    )


def test_harvests_together_have_the_entries_of_each() -> None:
    """Under common codes: small ones, large ones, and one that has nothing."""
    parts = [plain(_MANY) + long_ones(2_000), edges(), []]
    harvests = [Harvest.of_records(MIXING_KEY, packed(part)) for part in parts]
    codes = sorted({code for harvest in harvests for code in harvest.codes})
    numbers = [[codes.index(code) for code in harvest.codes] for harvest in harvests]
    united = Harvest.together(MIXING_KEY, harvests, numbers)
    assert united.count == sum(map(len, parts))
    again = Harvest.together(MIXING_KEY, [united], [list(range(len(codes)))])
    assert again.count == united.count
    assert (again.short_count, united.short_count) == (sum(h.short_count for h in harvests),) * 2


@pytest.mark.parametrize("crowd", [0, _MANY])
def test_one_serial_many_times_is_no_slower(crowd: int) -> None:
    """Later dates first: what would be moved past all others is not moved one by one."""
    items = [(b"\x05", 300_000 - n, 0, 0) for n in range(200_000)] + plain(crowd)
    began = time.process_time()
    harvest = Harvest.of_records(MIXING_KEY, packed(items))
    # One by one it would be 20,000 million moves.
    assert time.process_time() - began < 5
    check(harvest, items)


def test_two_long_serials_with_keys_alike_many_times_are_no_slower() -> None:
    """Their order is decided by bits of the key that tell others apart, too; there are only these two."""
    alike: dict[int, bytes] = {}
    for n in itertools.count(1 << 70):
        serial = n.to_bytes(9, "big")
        other = alike.setdefault(long_key(MIXING_KEY, n)[0] >> 42, serial)
        if other is not serial:
            break
    pair = sorted((serial, other), key=key_of, reverse=True)
    items = [(pair[n % 2], n, 0, 0) for n in range(200_000)]
    began = time.process_time()
    harvest = Harvest.of_records(MIXING_KEY, packed(items))
    assert time.process_time() - began < 5
    check(harvest, items)
