"""One set of lists, one index file: octet for octet the same on every processor.

The numbers below were made on x86-64. On aarch64 the same C becomes other code: plain ``char`` has no sign,
and look-ups go without SSE2. deploy/check-aarch64.sh runs this file there. Who changes FORMAT.md or a list
below makes the numbers anew; the failure shows them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revocation.authorities import Lineage
from revocation.crl.decode import decode_certificate_list
from revocation.index._harvest import Harvest
from revocation.index.build import build_index
from revocation.index.layout import ListPresence, ListState
from revocation.index.search import Index, differing, differing_gone
from tests.pki import ALGORITHMS, T0, build_crl, der_int, der_time, extension, seq, tlv
from tests.revocation.decoding import quick_signer

LINEAGE = Lineage("card-sign", "ab" * 32)
MIXING_KEY = bytes((91 * at + 17) % 256 for at in range(40))
#: Ed25519 has no random part: the lists, too, are the same octets everywhere.
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
#: Octets of a list's entries from which a harvest packs them: 2**18 entries of 36.
PACKED_FROM = 36 << 18
#: Where a class of serials, a length or a sign ends.
EDGES = [
    *(1, 127, 128, 255, 256, 32_767, 32_768, (1 << 31) - 1, 1 << 31, (1 << 32) - 1),
    *(1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, (1 << 95) - 1, 1 << 127, (1 << 159) - 1),
    *(-1, -128, -129, -(1 << 31), -(1 << 32), -(1 << 63), -(1 << 64), -(1 << 127), -(1 << 159)),
]
REASONS = [None, 1, 2, 3, 4, 5, 6, 8, 9, 10]


@dataclass(frozen=True)
class Case:
    """How many entries the large list has, the years of its dates, and what comes out."""

    count: int
    years: tuple[int, ...]
    code_octets: int
    packed: bool
    #: SHA-256, hex.
    lists: tuple[str, ...]
    files: tuple[str, ...]
    answers: str


CASES = {
    "few codes": Case(
        4_000,
        (2025, 2026),
        1,
        packed=False,
        lists=(
            "b7ec0182e4d165d2ace8ddf7a4e01117f29b41681977e426fa28320c0f9d6c75",
            "5d6d47c66e1c54ebb39197f41b2c3be62a6d3f032b3d44129df1e9aca7b006a0",
            "1ad0705fd820d4091987d9f43656ea4d25c0dad8165b88cc38122940cc5b2715",
        ),
        files=(
            "480d3409f8a03873938a9ceec4dd573d3c5dca98d3a8b31257dd343470c29f48",
            "cc73a691947b6d8590535365a1481043563e9d188e9b278cf78af1c665ea351d",
        ),
        answers="2c6854d13e8cba03596e19b943d85521156ce67cd825c1fcf21f9bbfc2ae30f0",
    ),
    "many codes": Case(
        4_000,
        tuple(range(1950, 9950, 250)),
        2,
        packed=False,
        lists=(
            "e41879fa053f069851b792e8758b992577b3350ea2e7441cddab47c0ed27ce53",
            "b66b25612c621308d6b743da7b7fc4f8bac3fffc6525da7a497e815cff1b5d36",
            "8732518f1a3b569998e28811510f22bce697ab9ac4ebb9cabd274d5aef6afdf4",
        ),
        files=(
            "e86ea4be3e3afdf9716be189e47be59b74c0abea093edf9d7783cfcbf97efa8b",
            "3c7681e9a4690b1741801c2e98bfa60dd9a95b7723ebd4e2c9aa7fff55a6f86e",
        ),
        answers="81feac63777fe5b561dc3b7f3a4846ea559df73daa6ad0ca7ee74060632858f0",
    ),
    "packed": Case(
        190_000,
        (2025, 2026),
        1,
        packed=True,
        lists=(
            "a270277732397ec5a82af53f9d7fd8fb333df1a42c3b0426fb99b64b70a10cf6",
            "726c899d2cc33c613ee81375bb4534fa924fae75275281f2b2d3dc949cdb6895",
            "34b05e02eef96a8445fe6621fcec9dd9d1a9b05383464eb30f6e2ebed21d30d7",
        ),
        files=(
            "9e20ab2410c0c19382313a15c267a874d7b80fc4cb7eafc6f04479b55038cb2a",
            "c3973d33829e50e66f8f0a91a6ebd1190b73f0dfdf49a8a4c4aa62fde6199a20",
        ),
        answers="ea70c7e4837623ba083d72d284d47298f0c5855547779e20c362008d092521a8",
    ),
}


def serial_of(number: int) -> int:
    """The edges first; then four of five are short, spread by an odd factor so that none comes twice."""
    if number < len(EDGES):
        return EDGES[number]
    if number % 5:
        return number * 2_654_435_761 % (1 << 32)
    bits = 33 + number // 5 % 126
    return 1 << bits | number * 0x9E3779B97F4A7C15F39CC0605CEDC8341082276B % (1 << bits)


def meanings(years: tuple[int, ...]) -> list[bytes]:
    """What may stand behind a serial: each date with each reason, with invalidityDate and without."""
    made = []
    for at, year in enumerate(years):
        for step, reason in enumerate(REASONS):
            date = datetime(year, 1 + (at + step) % 12, 1 + step, at % 24, step, 59, tzinfo=UTC)
            coded = b"" if reason is None else extension("2.5.29.21", der_int(reason, tag=0x0A))
            invalid = extension("2.5.29.24", tlv(0x18, b"20240229235959Z"))
            made.append(der_time(date) + (seq(coded) if coded else b""))
            made.append(der_time(date) + seq(coded, invalid))
    return made


def list_of(numbers: Iterator[int], years: tuple[int, ...], shift: int, day: int) -> bytes:
    """A list with these entries; ``shift`` has the same serials say something else."""
    behind = meanings(years)
    entries = [
        seq(der_int(serial_of(number)), behind[(number * 7 + shift) % len(behind)]) for number in numbers
    ]
    return build_crl(
        quick_signer(),
        private=SIGNER,
        inner_algorithm=ALGORITHMS["Ed25519"],
        aki=bytes(20),
        this_update=T0 + timedelta(days=day),
        next_update=T0 + timedelta(days=day + 2),
        entries=entries,
    )


def first(count: int) -> Iterator[int]:
    """Some serials come twice within the list."""
    yield from range(count)
    yield from range(0, count, 97)


def second(count: int) -> Iterator[int]:
    """The next day some are gone, and others new."""
    return (number for number in range(count + count // 20) if number % 11)


def other(count: int) -> Iterator[int]:
    """Of the second list, half of which the first one has, too."""
    return iter(range(count - 300, count + 300))


def taken(der: bytes) -> tuple[Harvest, ListState]:
    decoded = decode_certificate_list(der, sink=Harvest(MIXING_KEY))
    assert decoded.next_update is not None
    state = ListState(
        1,
        "cd" * 32,
        ListPresence.ACCEPTED,
        crl_number=decoded.crl_number,
        this_update=decoded.this_update,
        next_update=decoded.next_update,
        ingested_at=decoded.this_update + timedelta(seconds=7, microseconds=9),
        sha256=decoded.sha256,
        accepted_seq=1,
        entries=decoded.entries.count,
    )
    return decoded.entries, state


def file_of(states: dict[int, ListState], lists: dict[int, Harvest], previous: bytes | None) -> bytes:
    build = build_index(
        LINEAGE,
        states,
        lists,
        previous=None if previous is None else Index(previous, set_seq=1),
        release_holds=False,
        mixing_key=MIXING_KEY,
    )
    return b"".join(bytes(chunk) for chunk in build.chunks())


def answers(old: Index, new: Index, count: int) -> str:
    """Digest of what look-ups and comparisons say, as text."""
    asked: list[bytes | int] = [serial_of(number) for number in range(0, count * 2, 1 + count // 4_000)]
    said = hashlib.sha256()
    for index in (old, new):
        found = index.get_many(asked)
        columns = (found.states, found.reasons, found.partitions, found.dates)
        said.update(repr([column.tolist() for column in columns]).encode())
        said.update(repr([index.get(serial) for serial in asked]).encode())
    for pairs in (differing(old, new), differing_gone(old, new)):
        said.update(repr(list(pairs)).encode())
    return said.hexdigest()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_same_lists_give_the_same_octets_on_every_processor(case: Case) -> None:
    """Two lists, and the next day one of them anew: index files, look-ups and differences are those that
    x86-64 gives, with short codes and longer ones, in records of either size."""
    ders = [
        list_of(first(case.count), case.years, 0, 0),
        list_of(other(case.count), case.years, 3, 0),
        list_of(second(case.count), case.years, 0, 1),
    ]
    # Were these others, the fault would not be the core's.
    assert tuple(hashlib.sha256(der).hexdigest() for der in ders) == case.lists
    assert (len(ders[0]) > PACKED_FROM + 4_096) == case.packed
    (one, one_state), (two, two_state), (next_one, next_state) = map(taken, ders)
    two_state = replace(two_state, partition_number=2)
    today = file_of({1: one_state, 2: two_state}, {1: one, 2: two}, None)
    carried = replace(two_state, state=ListPresence.CARRIED)
    tomorrow = file_of({1: replace(next_state, accepted_seq=2), 2: carried}, {1: next_one}, today)
    old, new = Index(today, set_seq=1), Index(tomorrow, set_seq=2)
    old.verify()
    new.verify()
    assert new.gone_count
    assert old.tail.code_octets == new.tail.code_octets == case.code_octets
    assert tuple(hashlib.sha256(file).hexdigest() for file in (today, tomorrow)) == case.files
    assert answers(old, new, case.count) == case.answers
