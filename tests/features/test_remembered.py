"""Answers remembered for seconds: when they are asked for, how often, and what an outage makes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from platform_api.faults import DatabaseFailed
from platform_api.institutions import remembered as module
from platform_api.institutions.remembered import UNAVAILABLE, Remembered

TTL, GRACE = 5.0, 300.0
KEY = b"k"


class Now:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Source:
    """The database of a test: what it answers, whether it does, and what it was asked."""

    value: str | None = "yes"
    away: bool = False
    #: Where set, a question waits for it.
    hold: asyncio.Event | None = None
    asked: int = 0
    at_once: int = 0
    most_at_once: int = 0
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> str | None:
        self.asked += 1
        self.entered.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await (self.hold.wait() if self.hold is not None else asyncio.sleep(0))
        finally:
            self.at_once -= 1
        if self.away:
            raise DatabaseFailed("DATABASE_UNAVAILABLE", expected="a", got="b", remedy="c")
        return self.value


@dataclass
class Memory:
    now: Now
    kept: Remembered[str]
    source: Source

    async def ask(self, key: bytes = KEY) -> Any:
        return await self.kept.ask(key, self.source)

    async def settled(self) -> None:
        """Whatever is in flight has ended."""
        while self.kept._in_flight:
            await asyncio.wait(self.kept._in_flight.values())


def make(**bounds: Any) -> Memory:
    now = Now()
    given = {"ttl_s": TTL, "grace_s": GRACE, "most": 100} | bounds
    return Memory(now, Remembered(monotonic=now, **given), Source())


@pytest.fixture
async def memory() -> AsyncIterator[Memory]:
    made = make()
    yield made
    await made.kept.close()


async def test_a_yes_is_asked_for_once_within_its_time(memory: Memory) -> None:
    """A hundred questions in the first half of its time are one query; from then on one more, beside them."""
    for _ in range(100):
        assert await memory.ask() == "yes"
    assert memory.source.asked == 1
    memory.now.at += TTL / 2
    for _ in range(100):
        assert await memory.ask() == "yes"
    await memory.settled()
    assert memory.source.asked == 2
    memory.now.at += TTL - 0.01
    assert memory.kept.fresh(KEY) is not None


async def test_an_ended_yes_ends_within_its_time(memory: Memory) -> None:
    """Counted from when it was asked for, not from when the answer came: nothing older is ever used."""
    memory.source.hold = asyncio.Event()
    asking = asyncio.create_task(memory.ask())
    await memory.source.entered.wait()
    memory.now.at += 2.0  # the query is under way all that time
    memory.source.hold.set()
    assert await asking == "yes"
    memory.source.value = None
    memory.now.at += TTL - 2.0
    assert memory.kept.fresh(KEY) is None
    assert await memory.ask() is None


async def test_whoever_holds_an_entry_hears_of_its_end(memory: Memory) -> None:
    """An entry that is held beside the memory stops being usable at once when a no arrives."""
    await memory.ask()
    entry = memory.kept.entry(KEY)
    assert entry is not None
    memory.source.value = None
    memory.now.at += TTL / 2
    assert memory.kept.usable(entry)  # begins the question that hears no
    await memory.settled()
    assert not memory.kept.usable(entry)
    assert memory.kept.refused(KEY)


async def test_an_equal_answer_stays_one_object(memory: Memory) -> None:
    """What hangs on a value (a bucket, say) survives its confirmation; a changed value replaces it."""
    memory.source.value = "".join(("y", "es"))
    first = await memory.ask()
    memory.source.value = "".join(("ye", "s"))
    memory.now.at += TTL
    assert await memory.ask() is first
    memory.source.value = "other"
    memory.now.at += TTL
    assert await memory.ask() == "other"


async def test_a_no_is_remembered_shortly(memory: Memory) -> None:
    """A hundred wrong ones are one query, and a key that becomes good is good within the same time."""
    memory.source.value = None
    for _ in range(100):
        assert await memory.ask() is None
    assert memory.source.asked == 1
    memory.source.value = "yes"
    memory.now.at += TTL
    assert await memory.ask() == "yes"


async def test_one_question_is_in_flight_at_a_time(memory: Memory) -> None:
    """A hundred who ask at once wait for one query; one of them who goes away takes nothing from the rest."""
    memory.source.hold = asyncio.Event()
    asking = [asyncio.create_task(memory.ask()) for _ in range(100)]
    await asyncio.sleep(0)
    asking[0].cancel()
    memory.source.hold.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert set(answers[1:]) == {"yes"}
    assert memory.source.asked == 1


async def test_a_flood_is_bounded_and_the_known_go_on() -> None:
    """300 different wrong keys at once: few queries at a time, few waiting, the rest told at once to come
    back, which is never a yes. Who is known is asked for in another lane.
    """
    memory = make(most_asking=2, most_waiting=8, most=50)
    assert await memory.ask(b"known") == "yes"
    wrong = Source(value=None, hold=asyncio.Event())
    flood = [asyncio.create_task(memory.kept.ask(number.to_bytes(4, "big"), wrong)) for number in range(300)]
    memory.now.at += TTL
    assert await memory.ask(b"known") == "yes"
    assert wrong.hold is not None
    wrong.hold.set()
    answers = await asyncio.gather(*flood)
    assert answers.count(None) == wrong.asked == 8
    assert answers.count(UNAVAILABLE) == 292
    assert wrong.most_at_once == 2
    assert not any(answers)
    await memory.kept.close()


async def test_memories_are_bounded() -> None:
    """The oldest go first, a yes and a no apart: a flood of wrong ones pushes nobody out who is known."""
    memory = make(most=10)
    await memory.ask(b"known")
    no = Source(value=None)
    for number in range(100):
        assert await memory.kept.ask(number.to_bytes(2, "big"), no) is None
    assert len(memory.kept._refused) == 10
    assert memory.kept.fresh(b"known") is not None
    for number in range(100):
        await memory.ask(number.to_bytes(2, "big"))
    assert len(memory.kept._kept) == 10


async def test_an_outage_keeps_a_yes_for_its_bound_and_never_makes_one(memory: Memory) -> None:
    """T20: with the database away who was known goes on until ``grace_s``; a stranger is to come back."""
    await memory.ask()
    memory.source.away = True
    confirmed = memory.now.at
    while memory.now.at + 1 < confirmed + GRACE:
        memory.now.at += 1
        assert await memory.ask() == "yes", memory.now.at - confirmed
        await memory.settled()
    memory.now.at = confirmed + GRACE
    assert await memory.ask() is UNAVAILABLE
    assert await memory.ask(b"stranger") is UNAVAILABLE
    memory.now.at += module.LEFT_ALONE_S
    memory.source.away = False
    assert await memory.ask() == "yes"
    assert await memory.ask(b"stranger") == "yes"


async def test_an_outage_does_not_make_a_no_a_yes(memory: Memory) -> None:
    """Who was refused before the outage is not let in by it."""
    memory.source.value = None
    assert await memory.ask() is None
    memory.source.away = True
    memory.now.at += TTL
    assert await memory.ask() is UNAVAILABLE


async def test_a_database_that_is_away_is_left_alone(memory: Memory) -> None:
    """After one failure nobody asks it for a moment: neither strangers nor those who are confirmed anew."""
    await memory.ask()
    memory.source.away = True
    for number in range(100):
        assert await memory.ask(number.to_bytes(2, "big")) is UNAVAILABLE
    assert memory.source.asked == 2
    memory.now.at += module.LEFT_ALONE_S
    assert await memory.ask(b"again") is UNAVAILABLE
    assert memory.source.asked == 3


async def test_a_frozen_database_counts_as_away(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that does not end is left behind: who is known goes on, and no second one is stuck with it."""
    monkeypatch.setattr(module, "ANSWER_WITHIN_S", 0.01)
    await memory.ask()
    memory.source.hold = asyncio.Event()  # never set
    memory.now.at += TTL
    assert await memory.ask() == "yes"
    assert await memory.ask(b"stranger") is UNAVAILABLE
    assert memory.source.asked == 2


async def test_the_time_of_day_ends_it_too() -> None:
    """A contract that ends in 2 seconds ends the entry then, also while the database is away."""
    now = Now()
    ends_at = now.at + 2.0
    kept: Remembered[str] = Remembered(
        ttl_s=TTL, grace_s=GRACE, most=5, monotonic=now, usable_s=lambda _: ends_at - now.at
    )
    source = Source()
    assert await kept.ask(KEY, source) == "yes"
    source.away = True
    now.at += 1.5
    assert kept.fresh(KEY) is not None
    now.at += 0.5
    assert kept.fresh(KEY) is None
    assert await kept.ask(KEY, source) is UNAVAILABLE
    await kept.close()


async def test_a_fault_of_ours_is_not_an_outage(memory: Memory) -> None:
    """What is no failure of the database is told to who asked, and grants nothing."""

    async def broken() -> str | None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await memory.kept.ask(KEY, broken)
    assert memory.kept.fresh(KEY) is None
    assert await memory.ask() == "yes"


class OneKey(RuleBasedStateMachine):
    """A key that is good, is ended, is good again, with outages between, against what may be said of it."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.memory = self.runner.get_loop().run_until_complete(self._made())
        #: Monotonic times of the last moment at which it was good, and at which the database answered.
        self.good_at = self.memory.now.at
        self.answered_since: float | None = self.memory.now.at

    async def _made(self) -> Memory:
        return make()

    def teardown(self) -> None:
        self.runner.get_loop().run_until_complete(self.memory.kept.close())
        self.runner.close()

    @property
    def source(self) -> Source:
        return self.memory.source

    @rule(seconds=st.floats(0.01, 20))
    def time_goes_on(self, seconds: float) -> None:
        self.memory.now.at += seconds
        if self.source.value is not None:
            self.good_at = self.memory.now.at

    @rule()
    def it_is_ended(self) -> None:
        self.source.value = None

    @rule()
    def it_is_good_again(self) -> None:
        self.source.value = "yes"
        self.good_at = self.memory.now.at

    @precondition(lambda self: not self.source.away)
    @rule()
    def the_database_goes(self) -> None:
        self.source.away = True
        self.answered_since = None

    @precondition(lambda self: self.source.away)
    @rule()
    def the_database_comes(self) -> None:
        self.source.away = False
        self.answered_since = self.memory.now.at

    @rule()
    def somebody_asks(self) -> None:
        answer = self.runner.get_loop().run_until_complete(self._asked())
        at = self.memory.now.at
        if not answer:
            return
        ended_for = at - self.good_at
        assert ended_for < GRACE
        # What an outage of before still allows: an extension of ttl that begins while it is left alone.
        up_for = -1.0 if self.answered_since is None else at - self.answered_since
        if up_for >= TTL + module.LEFT_ALONE_S:
            assert ended_for < TTL, "a yes outlived its time though the database answered"

    async def _asked(self) -> Any:
        answer = await self.memory.ask()
        await self.memory.settled()
        return answer

    @invariant()
    def bounded(self) -> None:
        assert len(self.memory.kept._kept) <= 1


TestOneKey = OneKey.TestCase
TestOneKey.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
