"""The builder against a model of FORMAT.md: set after set, octet for octet what the slow writer makes of
it."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.authorities import Lineage
from revocation.identity import serial_from_int
from revocation.index._harvest import Harvest
from revocation.index.build import build_index
from revocation.index.layout import ListPresence, ListState
from revocation.index.search import Index
from tests.revocation.sets import DAY, T0
from tests.revocation.written_index import write_index

LINEAGE = Lineage("card-sign", "ab" * 32)
HOLD = 6
#: FORMAT.md, "One entry for each serial"; every other code: 4.
SEVERITY = {2: 9, 10: 8, 1: 7, 9: 6, 5: 5, 3: 4, 4: 4, 8: 2, 6: 1}
_OTHERS = 3


@dataclass(frozen=True, order=True)
class Said:
    """An entry of one list."""

    partition: int
    reason: int
    flags: int
    date: int


@dataclass
class Model:
    """What a set holds, as dictionaries by serial."""

    seq: int = 0
    listed: dict[int, Said] = field(default_factory=dict)
    #: With the flag and the last set that listed it.
    gone: dict[int, tuple[Said, int, int]] = field(default_factory=dict)
    many: dict[int, list[Said]] = field(default_factory=dict)
    partitions: frozenset[int] = frozenset()
    repeated: int = 0
    conflicting: int = 0

    def after(
        self,
        lists: Mapping[int, Iterable[tuple[int, Said]]],
        ranks: Mapping[int, int],
        *,
        release: bool,
        merged: Iterable[int],
    ) -> Model:
        """The next set."""
        new = Model(self.seq + 1, partitions=self.partitions | lists.keys())
        groups: dict[int, list[Said]] = {}
        for entries in lists.values():
            for serial, said in entries:
                groups.setdefault(serial, []).append(said)
        carried = self.partitions - lists.keys()
        for serial, united in self.listed.items():
            for own in self.many.get(serial, [united]):
                if own.partition in carried and not (own.partition in set(merged) and own.reason == HOLD):
                    groups.setdefault(serial, []).append(own)
        for serial, group in groups.items():
            new.listed[serial] = _united(group, ranks)
            new.repeated += len(group) - 1
            new.conflicting += len({(one.reason, one.flags, one.date) for one in group}) > 1
            partitions = sorted({one.partition for one in group})
            if len(partitions) > 1:
                new.many[serial] = [
                    _united([one for one in group if one.partition == number], ranks) for number in partitions
                ]
        left = {serial: (said, int(said.reason == HOLD), self.seq) for serial, said in self.listed.items()}
        new.gone = {
            serial: entry
            for serial, entry in (left | self.gone).items()
            if serial not in new.listed and not (release and entry[0].reason == HOLD)
        }
        return new


def _united(group: list[Said], ranks: Mapping[int, int]) -> Said:
    best = min(
        group,
        key=lambda one: (
            -SEVERITY.get(one.reason, _OTHERS),
            -ranks[one.partition],
            one.partition,
            one.reason,
            one.flags,
        ),
    )
    return Said(best.partition, best.reason, best.flags, min(one.date for one in group))


def written(model: Model, file: bytes, states: Mapping[int, ListState], key: bytes) -> bytes:
    """The model as a file; order of codes and number of home lines are the builder's to choose."""
    index = Index(file, set_seq=model.seq)
    codes = [tuple(code) for code in index.codes]
    numbers = {code: number for number, code in enumerate(codes)}
    assert len(numbers) == len(codes)

    def packed(said: Said) -> tuple[int, int]:
        high = said.date >> 32
        return said.date & 0xFFFF_FFFF, numbers[said.partition, said.reason, said.flags, high]

    return write_index(
        (LINEAGE.ca_id, LINEAGE.key_id),
        key,
        codes,  # type: ignore[arg-type]
        [states[number].pack() for number in sorted(states)],
        {serial: packed(said) for serial, said in model.listed.items()},
        {serial: (*packed(said), flag, seq) for serial, (said, flag, seq) in model.gone.items()},
        [(serial, *packed(own)) for serial, owns in model.many.items() for own in owns],
        index.tail.home_lines,
        code_octets=index.tail.code_octets,
    )


def record(serial: int, said: Said) -> bytes:
    octets = serial_from_int(serial)
    return struct.pack("<B20sBBBq", len(octets), octets, said.reason, said.flags, 0, said.date)


def serial_of(random_: random.Random) -> int:
    """Short, long, negative; often the same ones again."""
    kind = random_.random()
    if kind < 0.6:
        return random_.randrange(random_.choice([50, 300, 1 << 32]))
    if kind < 0.9:
        return random_.choice([1, -1]) * random_.randrange(1 << random_.choice([33, 64, 100, 158]))
    return random_.choice([0, -1, (1 << 32) - 1, 1 << 32, (1 << 159) - 1, -(1 << 159), -(1 << 32)])


def said_of(random_: random.Random, partition: int) -> Said:
    date = 1_700_000_000 + random_.randrange(5)
    if random_.random() < 0.1:
        date = random_.choice([-5, 1 << 33, -(1 << 36), 0, (1 << 32) - 1])
    reason = random_.choice([255, 0, 1, 6, 6, 4, 3, 77])
    return Said(partition, reason, random_.choice([0, 0, 1]), date)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 32), size=st.sampled_from([1, 5, 60, 400]), harvested=st.booleans())
def test_every_set_is_what_the_format_says(seed: int, size: int, harvested: bool) -> None:
    """Lists, repetitions, shared serials, carried and merged lists, holds, departures and returns, set upon
    set: the file is, octet for octet, what FORMAT.md makes of a model; and it verifies."""
    run(random.Random(seed), size, sets=4, harvested=harvested)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_large_sets_are_what_the_format_says(seed: int) -> None:
    """The same with as many entries as fill several pieces and buckets."""
    run(random.Random(seed), 40_000, sets=3, harvested=True)


def run(random_: random.Random, size: int, *, sets: int, harvested: bool) -> None:
    key = random_.randbytes(40)
    model, previous = Model(), None
    universe = [serial_of(random_) for _ in range(size)]
    for seq in range(1, sets + 1):
        numbers = [n for n in (1, 2, 3) if n == seq or random_.random() < 0.7]
        lists = {
            number: [
                (serial, said_of(random_, number))
                for serial in random_.choices(universe, k=random_.randrange(size + 1))
            ]
            for number in numbers
        }
        partitions = model.partitions | set(numbers)
        states = {
            number: ListState(
                number,
                "cd" * 32,
                ListPresence.ACCEPTED,
                this_update=T0 + random_.randrange(3) * timedelta(hours=1),
                next_update=T0 + DAY,
                ingested_at=T0,
                sha256=bytes(32),
                accepted_seq=seq,
                entries=3 * size,
            )
            for number in partitions
        }
        packed = {number: b"".join(record(*entry) for entry in found) for number, found in lists.items()}
        options = {
            "release_holds": random_.random() < 0.5,
            "merged": {number for number in partitions if random_.random() < 0.2},
        }
        given_key = key if random_.random() < 0.8 else random_.randbytes(40)
        built = build_index(
            LINEAGE,
            states,
            # Also under another key: the set before may have been another when the list was taken.
            {n: Harvest.of_records(given_key, one) if harvested else one for n, one in packed.items()},
            previous=previous,
            mixing_key=key,
            **options,  # type: ignore[arg-type]
        )
        file = b"".join(bytes(chunk) for chunk in built.chunks())
        ranks = {n: int(state.this_update.timestamp()) for n, state in states.items() if state.this_update}
        model = model.after(lists, ranks, release=options["release_holds"], merged=options["merged"])  # type: ignore[arg-type]
        assert (built.entries, built.gone) == (len(model.listed), len(model.gone))
        assert (built.repeated, built.conflicting) == (model.repeated, model.conflicting)
        assert file == written(model, file, states, key)
        previous = Index(file, set_seq=seq)
        previous.verify()
