"""The memory of signed answers: never another question's answer, never more octets than it may have."""

from __future__ import annotations

import ctypes
import resource
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from revocation.ocsp.cache import AnswerCache

LEAST = 1 << 16
#: One half of the smallest cache; answers of 200 octets that certainly fit in it.
SURELY = 60

Key = tuple[bytes, int]


def key(number: int, *, form: int = 1, issuer: int = 0) -> bytes:
    serial = number.to_bytes(20, "big").lstrip(b"\0") or b"\0"
    return bytes([form, len(serial)]) + issuer.to_bytes(2, "little") + serial.ljust(20, b"\0")


def put(cache: AnswerCache, which: bytes, epoch: int, octets: bytes, kind: int = 0) -> bool:
    return bool(cache.put_answer(which, epoch, tag_of(octets), octets, 3, 1, min(len(octets), 5), kind))


def tag_of(octets: bytes) -> bytes:
    return octets[:32].ljust(32, b"t")


KEYS = st.builds(
    key, st.integers(0, 40) | st.integers(0, 2**159 - 1), form=st.integers(0, 31), issuer=st.integers(0, 3)
)
ANSWERS = st.binary(min_size=1, max_size=400)


class Memory(RuleBasedStateMachine):
    """Beside a dict of all that was ever put, and the order in which."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = AnswerCache(LEAST)
        self.put: OrderedDict[Key, bytes] = OrderedDict()
        self.found: dict[Key, int] = {}
        self.since: OrderedDict[Key, int] = OrderedDict()

    @rule(which=KEYS, epoch=st.integers(1, 3), octets=ANSWERS)
    def keep(self, which: bytes, epoch: int, octets: bytes) -> None:
        """This one is found from now on, whatever was there before gives way."""
        assert put(self.cache, which, epoch, octets)
        self.put[which, epoch] = octets
        found = self.cache.answer(which, epoch)
        assert found == (tag_of(octets), octets, 3, 1, min(len(octets), 5), 0)
        for other in self.since:
            self.since[other] += 1
        self.since[which, epoch] = 0

    @rule(which=KEYS, epoch=st.integers(1, 4))
    def look_up(self, which: bytes, epoch: int) -> None:
        found = self.cache.answer(which, epoch)
        if found is not None:
            octets = self.put[which, epoch]
            assert found == (tag_of(octets), octets, 3, 1, min(len(octets), 5), 0)

    @precondition(lambda self: self.put)
    @rule(data=st.data())
    def look_up_what_was_put(self, data: st.DataObject) -> None:
        which, epoch = data.draw(st.sampled_from(list(self.put)))
        found = self.cache.answer(which, epoch)
        if found is not None:
            assert found[1] == self.put[which, epoch]
        if self.since[which, epoch] < SURELY // 3:
            assert found is not None, "put a moment ago"

    @rule(count=st.integers(1, 80))
    def many_others(self, count: int) -> None:
        """So that the halves change places, often."""
        base = 10**9 + len(self.put) * 1000
        for number in range(count):
            assert put(self.cache, key(base + number), 9, b"x" * 200)
        for other in self.since:
            self.since[other] += count

    @invariant()
    def bounded(self) -> None:
        assert 0 <= self.cache.octets <= LEAST

    @invariant()
    def warm_keys_are_what_is_found(self) -> None:
        """Each key of an epoch that is in memory is told, however the slots are gone through."""
        for epoch in (1, 2, 3):
            told, place = set(), 0
            while True:
                some, place = self.cache.warm_keys(epoch, place, 7_000, 1)
                told |= set(some)
                if place == 0:
                    break
            assert told <= {which for which, of in self.put if of == epoch}
            for which in {which for which, of in self.put if of == epoch} - told:
                assert self.cache.answer(which, epoch) is None


Memory.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestMemory = Memory.TestCase


def test_a_hundred_thousand_answers_in_one_mebibyte() -> None:
    """The memory of the process grows by no more than the cache may have, and the newest are found."""
    cache = AnswerCache(1 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(100_000):
        assert put(cache, key(number), 1, number.to_bytes(4, "big") * 75)
    assert cache.octets <= 1 << 20
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 3 << 20
    assert cache.evicted > 90_000
    for number in range(99_000, 100_000):
        found = cache.answer(key(number), 1)
        assert found is not None
        assert found[1] == number.to_bytes(4, "big") * 75
    assert cache.answer(key(0), 1) is None


def test_what_is_asked_for_survives_a_flood() -> None:
    """Who is asked for between the others, goes along each time; who is not is pushed out."""
    cache = AnswerCache(1 << 17)
    for number in range(50):
        put(cache, key(number), 1, b"hot%d" % number + b"." * 200)
    put(cache, key(99), 1, b"cold" + b"." * 200)
    for number in range(20_000):
        put(cache, key(10_000 + number), 1, b"." * 200)
        found = cache.answer(key(number % 50), 1)
        assert found is not None
        assert found[1].startswith(b"hot%d." % (number % 50))
    assert cache.answer(key(99), 1) is None


def test_questions_that_meet_in_one_slot() -> None:
    """In a table of a few hundred slots most questions meet others; each has its own answer nevertheless."""
    for _ in range(20):  # each with other seeds
        cache = AnswerCache(LEAST)
        for number in range(60):
            put(cache, key(number), number % 3, b"%d" % number)
        for number in range(60):
            found = cache.answer(key(number), number % 3)
            assert found is not None
            assert found[1] == b"%d" % number
            for other in range(4):
                if other != number % 3:
                    assert cache.answer(key(number), other) is None


@pytest.mark.parametrize("at", range(24))
def test_every_octet_of_a_key_counts(at: int) -> None:
    """One octet changed is another question; another epoch too."""
    cache = AnswerCache(LEAST)
    own = key(0x0102030405060708090A0B0C0D0E0F1011121314)
    other = own[:at] + bytes([own[at] ^ 1]) + own[at + 1 :]
    put(cache, own, 1, b"mine")
    assert cache.answer(other, 1) is None
    assert cache.answer(own, 2) is None
    put(cache, other, 1, b"theirs")
    put(cache, own, 2, b"later")
    found = [cache.answer(which, epoch) for which, epoch in ((own, 1), (other, 1), (own, 2))]
    assert [each and each[1] for each in found] == [b"mine", b"theirs", b"later"]


def test_the_second_question_is_told_from_the_first() -> None:
    """Each serial and each epoch for itself; nearly none of a flood of new ones is taken for known."""
    cache = AnswerCache(LEAST)
    assert not cache.asked_before(key(1), 1)
    assert cache.asked_before(key(1), 1)
    assert not cache.asked_before(key(1), 2)
    known = sum(cache.asked_before(key(10**6 + number), 1) for number in range(100_000))
    assert known < 2_000
    # Still, a million more do not fill the table for ever.
    known = sum(cache.asked_before(key(10**8 + number), 1) for number in range(600_000))
    assert known < 60_000


def test_warm_keys_by_how_often_they_were_asked() -> None:
    """Only what was asked so often, and nothing of another set's."""
    cache = AnswerCache(LEAST)
    for number in range(30):
        put(cache, key(number), 1 + number % 2, b"a" * 50)
        for _ in range(number % 5):
            cache.answer(key(number), 1 + number % 2)
    found, place = cache.warm_keys(1, 0, 1 << 20, 3)
    assert place == 0
    assert set(found) == {key(number) for number in range(0, 30, 2) if number % 5 + 1 >= 3}


@pytest.mark.parametrize("octets", [b"", b"x" * 20_000, b"x" * 65_535])
def test_answers_of_odd_lengths(octets: bytes) -> None:
    """Empty, and larger than a half: kept or refused, and what was there stays whole."""
    cache = AnswerCache(LEAST)
    put(cache, key(1), 1, b"one")
    kept = put(cache, key(2), 1, octets)
    found = cache.answer(key(2), 1)
    assert (found is not None) == kept
    if found is not None:
        assert found[1] == octets
    one = cache.answer(key(1), 1)
    assert one is None or one[1] == b"one"


@pytest.mark.parametrize("wrong", [{"key": b"x" * 23}, {"tag": b"t" * 31}, {"octets": b"x" * 65_536}])
def test_what_no_answer_can_be(wrong: dict[str, Any]) -> None:
    """Refused without a trace."""
    given_ = {"key": key(1), "tag": b"t" * 32, "octets": b"x"} | wrong
    cache = AnswerCache(LEAST)
    assert not cache.put_answer(given_["key"], 1, given_["tag"], given_["octets"], 0, 0, 1, 0)
    assert (cache.octets, cache.answers) == (0, 0)


def test_a_cache_too_small_to_be_one() -> None:
    """Below 64 KiB there is no use in it."""
    with pytest.raises(ValueError, match="65536"):
        AnswerCache(LEAST - 1)
    with pytest.raises(ValueError, match="24 octets"):
        AnswerCache(LEAST).answer(b"short", 1)
    with pytest.raises(ValueError, match="24 octets"):
        AnswerCache(LEAST).asked_before(b"short", 1)


def test_memory_is_taken_only_as_it_is_used() -> None:
    """Also where the heap has room left: what is taken from there is cleared first (176 MiB, once)."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = (ctypes.c_void_p,)
    # From now on up to 31 MiB come from the heap; and then there is such room in it.
    libc.free(libc.malloc(31 << 20))
    libc.free(libc.malloc(30 << 20))
    before = resident_octets()
    caches = [AnswerCache(256 << 20) for _ in range(4)]
    assert put(caches[0], key(1), 1, b"x" * 300)
    assert resident_octets() - before < 4 << 20
    mapped = mapped_octets()
    del caches
    assert mapped - mapped_octets() > 1000 << 20


def resident_octets() -> int:
    return _pages(1)


def mapped_octets() -> int:
    return _pages(0)


def _pages(which: int) -> int:
    """Of proc(5) statm: 0 the address space, 1 what of it is in memory."""
    with Path("/proc/self/statm").open(encoding="ascii") as file:
        return int(file.read().split()[which]) * resource.getpagesize()


@given(octets=st.integers(LEAST, 1 << 22))
@settings(max_examples=20, deadline=None)
def test_any_size_is_kept_to(octets: int) -> None:
    """A cache of any size holds no more, and holds something."""
    cache = AnswerCache(octets)
    for number in range(octets // 400):
        put(cache, key(number), 1, b"x" * 300)
        assert cache.octets <= octets
    assert cache.octets > octets // 8
