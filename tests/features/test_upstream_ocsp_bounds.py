"""Asking another responder: one question at a time, words kept for minutes, budgets, a breaker, deadlines."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

from platform_api.breaker import State
from platform_api.upstream_ocsp.outcomes import Outcome
from revocation.ocsp.signing_keys import FileKey
from revocation.ocsp.upstream_question import RequestSigner
from tests import pki
from tests.base.eventually import eventually
from tests.features.upstream import Asking, answers, asking, busy, never
from tests.revocation import forged_answers as forged
from tests.revocation.forged_answers import HOUR, NOW, delegate

pytestmark = pytest.mark.timeout(60)


class Gate:
    """Answers when it is opened; tells how many wait."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.waiting = 0

    async def __call__(self, der: bytes) -> bytes:
        self.waiting += 1
        await self.opened.wait()
        found = answers()(der)
        assert isinstance(found, bytes)
        return found


async def test_one_question_under_way_for_one_certificate() -> None:
    """Ten callers, one request; each gets the word, and one question of the budget is used."""
    gate = Gate()
    async with asking(gate, per_request=1) as here:
        budget = here.budget()
        callers = [asyncio.create_task(here.ask(budget=budget)) for _ in range(10)]
        await eventually(lambda: gate.waiting)
        gate.opened.set()
        found = await asyncio.gather(*callers)
    assert {asked.outcome for asked in found} == {Outcome.ANSWERED}
    assert len(here.responder.asked) == 1


async def test_a_caller_that_goes_away_takes_nothing_from_the_others() -> None:
    """The first one is cancelled; the second still gets the answer to the same request."""
    gate = Gate()
    async with asking(gate) as here:
        first = asyncio.create_task(here.ask())
        await eventually(lambda: gate.waiting)
        second = asyncio.create_task(here.ask())
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        gate.opened.set()
        assert (await second).outcome is Outcome.ANSWERED
    assert len(here.responder.asked) == 1


async def test_closing_ends_what_is_under_way() -> None:
    """No task outlives the client; who waits is cancelled."""
    gate = Gate()
    async with asking(gate) as here:
        waiting = asyncio.create_task(here.ask())
        await eventually(lambda: gate.waiting)
        await here.upstream.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_questions_at_the_same_time_are_bounded() -> None:
    """Two turns: the third question is sent when one of the first is answered."""
    gate = Gate()
    async with asking(gate, concurrency=2) as here:
        callers = [asyncio.create_task(here.ask(bytes([n]))) for n in (1, 2, 3)]
        await eventually(lambda: gate.waiting == 2)
        assert len(here.responder.asked) == 2
        gate.opened.set()
        found = await asyncio.gather(*callers)
    assert {asked.outcome for asked in found} == {Outcome.ANSWERED}
    assert len(here.responder.asked) == 3


async def test_waiting_for_a_turn_counts() -> None:
    """The deadline is the caller's whole wait, not only that of the exchange."""
    async with asking(never, concurrency=1, timeout_s=0.3) as here:
        found = await asyncio.gather(here.ask(b"\x01"), here.ask(b"\x02"))
    assert [asked.outcome for asked in found] == [Outcome.FAILED, Outcome.FAILED]


class SlowToken:
    """A key that signs when it is allowed to."""

    algorithm = FileKey(pki.key("p256", 57)).algorithm

    def __init__(self) -> None:
        self.allowed = threading.Event()

    def sign(self, data: bytes) -> bytes:
        assert self.allowed.wait(20)
        return FileKey(pki.key("p256", 57)).sign(data)


async def test_signing_counts_too() -> None:
    """A token that does not answer holds nobody longer than the deadline, and nothing is sent."""
    token = SlowToken()
    signer = RequestSigner(token, (delegate(pki.key("p256", 57)),))
    async with asking(answers(), signer=signer, timeout_s=0.3) as here:
        try:
            assert (await here.ask()).outcome is Outcome.FAILED
        finally:
            token.allowed.set()
        assert here.codes() == ["UPSTREAM_TIMEOUT"]
        assert here.responder.asked == []


async def test_a_word_is_kept_for_a_while_only() -> None:
    """Asked again within five minutes: no request, no budget; after them: a new one."""
    async with asking(answers(next_update=NOW + HOUR), per_minute=2) as here:
        first = await here.ask()
        here.clock.advance(timedelta(minutes=4, seconds=59))
        assert await here.ask() == first
        assert (len(here.responder.asked), here.counted("kept")) == (1, 1)
        here.clock.advance(timedelta(seconds=1))
        again = await here.ask()
        assert again.word is not None
        assert first.word is not None
        assert again.word.received_at > first.word.received_at
        assert len(here.responder.asked) == 2


async def test_a_word_isnever_kept_beyond_its_next_update() -> None:
    """Two minutes are left: then it is over, and the responder's same old answer is refused."""
    async with asking(answers(next_update=NOW + timedelta(minutes=2))) as here:
        assert (await here.ask()).outcome is Outcome.ANSWERED
        here.clock.advance(timedelta(minutes=2))
        assert (await here.ask()).outcome is Outcome.REFUSED
    assert here.codes() == ["UPSTREAM_STALE"]


async def test_the_budget_of_a_request_and_of_a_minute() -> None:
    """Two for a request, three for an institution's minute; then nothing is sent until the next minute."""
    async with asking(answers(), per_request=2, per_minute=3) as here:
        budget = here.budget()
        outcomes = [(await here.ask(bytes([n]), budget)).outcome for n in (1, 2, 3)]
        assert outcomes == [Outcome.ANSWERED, Outcome.ANSWERED, Outcome.OVER_BUDGET]
        assert [(await here.ask(bytes([n]))).outcome for n in (4, 5)] == [
            Outcome.ANSWERED,
            Outcome.OVER_BUDGET,
        ]
        here.monotonic[0] += 60
        assert (await here.ask(b"\x05")).outcome is Outcome.ANSWERED
    assert len(here.responder.asked) == 4


async def _fail(here: Asking, times: int) -> None:
    here.responder.says = busy
    for n in range(times):
        assert (await here.ask(bytes([1 + n]))).outcome is Outcome.FAILED


async def test_the_breaker_over_http() -> None:
    """Three failures: left alone without a request and without budget; after the pause one probe decides."""
    async with asking(answers(), failures=3, pause_s=30.0) as here:
        await _fail(here, 3)
        assert here.upstream.state_of("card-sign") is State.OPEN
        assert (await here.ask(b"\x41")).outcome is Outcome.PAUSED
        assert len(here.responder.asked) == 3
        here.monotonic[0] += 30
        assert (await here.ask(b"\x42")).outcome is Outcome.FAILED
        assert (await here.ask(b"\x43")).outcome is Outcome.PAUSED
        here.monotonic[0] += 30
        here.responder.says = answers()
        assert (await here.ask(b"\x44")).outcome is Outcome.ANSWERED
        assert here.upstream.state_of("card-sign") is State.CLOSED
        assert here.counted("paused") == 2


async def test_one_probe_only_and_one_that_is_given_up_is_none() -> None:
    """Half open: the second question is paused; where the probe is cancelled, another may try."""
    gate = Gate()
    async with asking(answers(), failures=1, pause_s=30.0) as here:
        await _fail(here, 1)
        here.monotonic[0] += 30
        here.responder.says = gate
        probe = asyncio.create_task(here.ask(b"\x51"))
        await eventually(lambda: gate.waiting)
        assert (await here.ask(b"\x52")).outcome is Outcome.PAUSED
        await here.upstream.close()  # what is under way is given up; the client may be asked again
        with pytest.raises(asyncio.CancelledError):
            await probe
        here.responder.says = answers()
        assert (await here.ask(b"\x53")).outcome is Outcome.ANSWERED


async def test_unauthorized_leaves_nobody_alone() -> None:
    """It speaks of one certificate: a stranger's certificates must not pause the responder for everybody."""
    async with asking(lambda _: forged.error_response(6), failures=2) as here:
        for n in range(1, 6):
            assert (await here.ask(bytes([n]))).outcome is Outcome.REFUSED
        assert here.upstream.state_of("card-sign") is State.CLOSED
