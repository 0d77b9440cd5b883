"""When several workers move to a new set: none answers from an older one than any has answered from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_api.snapshots import CurrentSnapshot
from platform_api.workers.layout import Slot, State
from platform_api.workers.place import Place
from platform_api.workers.serving import FlipRule
from platform_api.workers.shared import Shared
from revocation.authorities import Authorities

WAIT_S = 5.0


@dataclass(frozen=True)
class FakeSnapshot:
    """As much of a snapshot as adopting needs."""

    seq: int
    entries: int = 0
    superseded: bool = False

    def seen_as(self, *, superseded: bool) -> FakeSnapshot:
        return replace(self, superseded=superseded)


def _set(seq: int) -> Any:
    return FakeSnapshot(seq)


class Crew:
    """The product's slots, word, rule and ``CurrentSnapshot``; only processes and time are a test's."""

    def __init__(self, workers: int) -> None:
        """All of them answer from set 1."""
        self.shared = Shared.make(workers)
        self.shared.close_descriptor()
        self.rule = FlipRule(WAIT_S)
        self.now = 0.0
        self.published = 1
        self.answered = 0
        self.living: dict[int, CurrentSnapshot] = {}
        for index in range(workers):
            self.start(index)
            self.prepare(index)
            self.supervise(index)
            self.serve(index)

    def _state(self, index: int) -> int:
        return self.shared.slot(index)[Slot.STATE]

    def _prepared(self, state: State) -> list[int]:
        slots = [self.shared.slot(index) for index in self.living]
        return [slot[Slot.PREPARED_SEQ] for slot in slots if slot[Slot.STATE] == state]

    def supervise(self, _: int) -> None:
        """What the supervisor does when it is woken, and after a while by itself."""
        word = self.shared.serving
        risen = self.rule.decide(
            word, self._prepared(State.SERVING), self._prepared(State.STARTING), self.now
        )
        assert word <= risen <= self.published
        self.shared.advance(risen)

    def time_passes(self, index: int) -> None:
        self.now += (0.1, 1.0, 3.0, WAIT_S)[index]

    def lose_patience(self, _: int) -> None:
        self.supervise(0)
        self.now += WAIT_S
        self.supervise(0)

    def publish(self, _: int) -> None:
        self.published += 1

    def start(self, index: int) -> None:
        if index < self.shared.workers and index not in self.living:
            self.living[index] = CurrentSnapshot(Place.worker(self.shared, index, lambda: None).serving)

    def serve(self, index: int) -> None:
        if index in self.living:
            self.shared.part(index).enter(State.SERVING)

    def crash(self, index: int) -> None:
        if self.living.pop(index, None) is not None:
            self.shared.part(index).enter(State.NONE)

    def prepare(self, index: int) -> None:
        if index in self.living:
            self.living[index].adopt(_set(self.published))

    def prepare_late(self, index: int) -> None:
        """A worker has found a set that is not the newest any more."""
        if index in self.living and self.published > 1:
            self.living[index].adopt(_set(self.published - 1))

    def ask(self, index: int) -> None:
        """The promise: whoever does not say that it is behind answers from no older set than anybody did."""
        if index not in self.living or self._state(index) != State.SERVING:
            return
        snapshots = self.living[index]
        found = cast(FakeSnapshot | None, snapshots.current())
        seq = 0 if found is None else found.seq
        if snapshots.behind:
            assert found is None or found.superseded
        else:
            assert seq >= self.answered
            assert found is None or not found.superseded
            self.answered = seq


#: What happens often stands here often.
_STEPS: tuple[Callable[[Crew, int], None], ...] = (
    *(Crew.ask, Crew.prepare) * 4,
    *(Crew.publish, Crew.supervise, Crew.prepare_late, Crew.lose_patience, Crew.time_passes) * 2,
    *(Crew.start, Crew.serve, Crew.crash),
)
HISTORY = st.lists(st.tuples(st.sampled_from(_STEPS), st.integers(0, 3)), max_size=60)


def _lived(workers: int, history: list[tuple[Callable[[Crew, int], None], int]]) -> Crew:
    crew = Crew(workers)
    for step, index in history:
        step(crew, index)
    return crew


@settings(max_examples=400, deadline=None)
@given(st.integers(2, 4), HISTORY)
def test_no_answer_is_older_than_one_already_given(
    workers: int, history: list[tuple[Callable[[Crew, int], None], int]]
) -> None:
    """Workers prepare, lag, crash and come back in any order; then each is asked once more."""
    crew = _lived(workers, history)
    for index in range(workers):
        crew.ask(index)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 4), HISTORY)
def test_what_all_living_have_prepared_answers(
    workers: int, history: list[tuple[Callable[[Crew, int], None], int]]
) -> None:
    """Liveness: after whatever happened, when all that live have the newest set all answer from it, without
    any waiting; a crashed one hinders nobody."""
    crew = _lived(workers, history)
    for index in crew.living:
        crew.prepare(index)
    crew.supervise(0)
    for snapshots in crew.living.values():
        assert not snapshots.behind
        assert cast(FakeSnapshot, snapshots.current()).seq == crew.published


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 4), HISTORY, st.integers(0, 3))
def test_nobody_is_waited_for_for_ever(
    workers: int, history: list[tuple[Callable[[Crew, int], None], int]], index: int
) -> None:
    """Liveness: the newest set answers after a bounded time, though a single worker has prepared it."""
    crew = _lived(workers, history)
    crew.start(index)
    crew.prepare(index)
    for _ in range(workers + 1):  # each wait makes one laggard less to be waited for
        crew.supervise(0)
        crew.now += WAIT_S
    if index in crew.living:
        assert crew.shared.serving == crew.published
        assert not crew.living[index].behind


@pytest.mark.parametrize(
    ("word", "answering", "starting", "wanted"),
    [
        (5, [6, 6], [], 6),
        (5, [6, 5], [], 5),  # one still answers from 5
        (5, [6, 4], [], 6),  # one is behind and says so: not waited for
        (5, [7, 6], [], 6),  # the newest that all have
        (5, [6, 6], [5], 6),  # who starts answers nobody
        (5, [5, 5], [6], 5),
        (5, [4], [6], 6),
        (0, [0, 0], [3], 3),  # before the first set nobody has anything to lose
        (5, [], [], 5),
        (5, [3], [4], 5),
    ],
)
def test_who_is_waited_for(word: int, answering: list[int], starting: list[int], wanted: int) -> None:
    """The rule as a table, before anybody's time is over."""
    assert FlipRule(WAIT_S).decide(word, answering, starting, 0.0) == wanted


def test_a_laggard_is_waited_for_once() -> None:
    """Five seconds after the first of them was ready for set 6 the others go on, and later sets do not wait
    for the laggard any more."""
    asked = FlipRule(WAIT_S)
    assert asked.decide(5, [6, 5, 6], [], 100.0) == 5
    assert asked.waits
    assert asked.decide(5, [6, 5, 6], [], 104.9) == 5
    assert asked.decide(5, [6, 5, 6], [], 105.0) == 6
    assert not asked.waits
    assert asked.decide(6, [7, 5, 7], [], 106.0) == 7


def test_a_laggard_is_not_waited_for_longer_because_more_is_published() -> None:
    """A new set each second: the wait is counted from the first one that somebody stands ready for."""
    asked = FlipRule(WAIT_S)
    words = [asked.decide(5, [6 + second, 5], [], float(second)) for second in range(6)]
    assert words == [5, 5, 5, 5, 5, 11]


async def test_authorities_and_set_change_in_one_step() -> None:
    """Nothing of a prepared pair is seen before the word rises; then both are, and ``on_flip`` is told once.
    What is prepared twice is prepared for the hook once."""
    shared = Shared.make(1)
    shared.close_descriptor()
    told: list[int] = []
    place = Place.worker(shared, 0, lambda: told.append(shared.slot(0)[Slot.PREPARED_SEQ]))
    snapshots = CurrentSnapshot(place.serving)
    prepared: list[tuple[int, str]] = []
    flips: list[int | None] = []
    first, second = Authorities(()), Authorities(())
    names = {id(first): "first", id(second): "second"}

    async def on_prepare(snapshot: Any, authorities: Authorities) -> None:
        await asyncio.sleep(0)
        prepared.append((snapshot.seq, names[id(authorities)]))
        assert flips.count(snapshot.seq) == (snapshot.seq == 2 and len(prepared) > 2)

    def on_flip() -> None:
        current = snapshots.current()
        flips.append(None if current is None else current.seq)

    snapshots.on_prepare, snapshots.on_flip = on_prepare, on_flip
    await snapshots.prepare(_set(1), first)
    assert (prepared, told, flips, snapshots.current()) == ([(1, "first")], [1], [], None)
    shared.advance(1)
    assert snapshots.flip()
    await snapshots.prepare(_set(1), None)
    await snapshots.prepare(_set(2), second)
    await snapshots.prepare(_set(2), second)
    assert (prepared, told, flips) == ([(1, "first"), (2, "second")], [1, 2], [1])
    waiting = asyncio.create_task(snapshots.wait_newer(1, 30))
    await asyncio.sleep(0)
    shared.advance(2)
    snapshots.flip()
    found = await waiting
    assert found is not None
    assert (found.seq, flips) == (2, [1, 2])
    await snapshots.prepare(None, first)  # authorities alone: the set is not waited for
    assert (prepared[-1], flips) == ((2, "first"), [1, 2, 2])


async def test_a_hook_that_fails_adopts_nothing() -> None:
    """The follower decides what then; here nothing is half adopted."""
    snapshots = CurrentSnapshot()

    async def on_prepare(*_: object) -> None:
        raise RuntimeError

    snapshots.on_prepare = on_prepare
    with pytest.raises(RuntimeError):
        await snapshots.prepare(_set(1), Authorities(()))
    assert snapshots.current() is None
    assert snapshots.adopt(_set(1), Authorities(()))
