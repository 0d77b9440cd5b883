"""Deadlines, shares, breaker and service hours together: a model of them, and each by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from platform_api.breaker import State
from platform_api.jlis import calls
from platform_api.jlis.calls import Call, Kind
from platform_api.jlis.failures import CallFailed, malformed
from platform_api.jlis.gateway import GatewayRefused
from platform_api.jlis.guard import Guard, code_of
from platform_api.jlis.service_hours import DailyClosure, ServiceHours
from platform_api.jlis.settings import GatewaySettings
from revocation.clock import FixedClock
from revocation.errors import OutsideFailed, RevocationError
from tests.base.virtual_time import in_virtual_time

pytestmark = pytest.mark.timeout(60)

NOON = datetime(2026, 12, 4, 3, tzinfo=UTC)  # 12:00 JST
NIGHT = ServiceHours(daily=DailyClosure.of("23:00-06:00"))
FAILURES, PAUSE_S = 3, 30.0


def down() -> CallFailed:
    return CallFailed("JLIS_UNREACHABLE", expected="a", got="b", again=True)


def refusal() -> GatewayRefused:
    return GatewayRefused("JLIS_REFUSED", expected="a", got="b", remedy="c")


@dataclass
class Told:
    """An observer that keeps what it is told."""

    ended: list[tuple[str, str]] = field(default_factory=list)
    alone: dict[Kind, bool] = field(default_factory=dict)

    def call_ended(self, call: Call, error: BaseException | None, seconds: float) -> None:
        assert seconds >= 0
        self.ended.append((call.name, code_of(error)))

    def left_alone(self, kind: Kind, *, is_so: bool) -> None:
        self.alone[kind] = is_so


class GuardMachine(RuleBasedStateMachine):
    """Failures in a row by kind, when each breaker opened, and the hours: which questions are sent."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FixedClock(NOON)
        self.now = 0.0
        self.told = Told()
        self.sent = 0
        made = GatewaySettings("http://x", attempts=1, failures=FAILURES, pause_s=PAUSE_S, hours=NIGHT)
        self.guard = Guard(made, self.clock, self.told, lambda: self.now)
        self.row = dict.fromkeys(Kind, 0)
        self.opened: dict[Kind, float | None] = dict.fromkeys(Kind)

    def teardown(self) -> None:
        self.loop.close()

    @rule(minutes=st.sampled_from([1, 60, 300]))
    def the_day_goes_on(self, minutes: int) -> None:
        self.clock.advance(timedelta(minutes=minutes))

    @rule(seconds=st.sampled_from([1.0, 29.0, 30.0]))
    def seconds_pass(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        call=st.sampled_from(calls.CALLS),
        batch=st.booleans(),
        ends=st.sampled_from(["answer", "down", "malformed", "refusal", "own fault", "given up"]),
    )
    def a_call(self, call: Call, batch: bool, ends: str) -> None:
        kind, before = call.kind, self.sent

        async def attempt() -> str:
            self.sent += 1
            match ends:
                case "down":
                    raise down()
                case "malformed":
                    raise malformed("a form")
                case "refusal":
                    raise refusal()
                case "own fault":
                    raise ZeroDivisionError
                case "given up":
                    raise asyncio.CancelledError
            return "answer"

        code = self.run(self.guard.call(call, attempt, batch=batch))
        hour = (self.clock.now() + timedelta(hours=9)).hour
        closed = kind is not Kind.LISTS and not 6 <= hour < 23
        opened = self.opened[kind]
        paused = opened is not None and self.now - opened < PAUSE_S
        if closed or paused:
            assert (code, self.sent) == ("JLIS_CLOSED" if closed else "JLIS_PAUSED", before)
            return
        assert self.sent == before + 1
        if ends in ("answer", "refusal"):
            self.row[kind], self.opened[kind] = 0, None
        elif ends in ("down", "malformed"):
            self.row[kind] += 1
            if opened is not None or (self.row[kind] >= FAILURES and kind is not Kind.LISTS):
                self.opened[kind] = self.now
        expected = {
            "answer": "OK",
            "down": "JLIS_UNREACHABLE",
            "malformed": "JLIS_ANSWER_MALFORMED",
            "refusal": "JLIS_REFUSED",
        }
        assert code == expected.get(ends, "GIVEN_UP")

    def run(self, work: Coroutine[Any, Any, str]) -> str:
        opens_at: datetime | None = None
        try:
            self.loop.run_until_complete(work)
        except RevocationError as error:
            code, opens_at = error.code, getattr(error, "opens_at", None)
        except (asyncio.CancelledError, ZeroDivisionError):
            code = "GIVEN_UP"
        else:
            code = "OK"
        assert self.told.ended[-1][1] == code
        assert (code == "JLIS_CLOSED") == (opens_at is not None)
        assert opens_at is None or (opens_at > self.clock.now() and NIGHT.opens_at(opens_at) is None)
        return code

    @invariant()
    def each_kind_rests_by_itself(self) -> None:
        for kind in Kind:
            opened = self.opened[kind]
            if opened is None:
                assert self.guard.state_of(kind) is State.CLOSED
            else:
                over = self.now - opened >= PAUSE_S
                assert self.guard.state_of(kind) is (State.HALF_OPEN if over else State.OPEN)
            assert self.told.alone[kind] == (opened is not None)


TestGuardMachine = GuardMachine.TestCase
TestGuardMachine.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)


def guard(**settings: Any) -> Guard:
    return Guard(GatewaySettings("http://x", **settings), FixedClock(NOON), Told())


async def never() -> None:
    await asyncio.Event().wait()


async def test_one_probe_after_the_pause() -> None:
    """Fifty callers when the pause is over: one is sent, the others learn of the pause."""
    now = [0.0]
    made = GatewaySettings("http://x", attempts=1, failures=1, pause_s=PAUSE_S)
    here = Guard(made, FixedClock(NOON), Told(), lambda: now[0])
    sent = 0

    async def fail() -> None:
        nonlocal sent
        sent += 1
        await asyncio.sleep(0.01)
        raise down()

    with pytest.raises(OutsideFailed, match="JLIS_UNREACHABLE"):
        await here.call(calls.ASK_OCSP, fail, batch=False)
    now[0] = PAUSE_S
    found = await asyncio.gather(
        *(here.call(calls.ASK_OCSP, fail, batch=False) for _ in range(50)), return_exceptions=True
    )
    codes = [error.code for error in found if isinstance(error, RevocationError)]
    assert sorted(set(codes)) == ["JLIS_PAUSED", "JLIS_UNREACHABLE"]
    assert (len(codes), codes.count("JLIS_UNREACHABLE"), sent) == (50, 1, 2)


@in_virtual_time
async def test_batches_leave_lines_to_callers() -> None:
    """A hundred batch calls that hang hold two of four lines; a caller is answered at once."""
    here = guard(concurrency=4, batch_concurrency=2, attempt_timeout_s=5.0, call_timeout_s=5.0)
    under_way = 0

    async def hang() -> None:
        nonlocal under_way
        under_way += 1
        await never()

    async def quick() -> str:
        return "answer"

    batch = [
        asyncio.create_task(here.call(calls.QUERY_FOUR_INFORMATION, hang, batch=True)) for _ in range(100)
    ]
    await asyncio.sleep(0.05)
    assert under_way == 2
    async with asyncio.timeout(1):
        assert await here.call(calls.QUERY_FOUR_INFORMATION, quick, batch=False) == "answer"
    for task in batch:
        task.cancel()
    await asyncio.gather(*batch, return_exceptions=True)
    async with asyncio.timeout(1):  # whoever was cancelled gave its line back
        assert await here.call(calls.QUERY_FOUR_INFORMATION, quick, batch=True) == "answer"


@in_virtual_time
async def test_a_long_batch_queue_is_no_failure() -> None:
    """Thirty batch calls of a tenth of the deadline each, one at a time: all are answered."""
    here = guard(concurrency=2, batch_concurrency=1, attempt_timeout_s=0.2, call_timeout_s=0.2)

    async def slow() -> str:
        await asyncio.sleep(0.02)
        return "answer"

    found = await asyncio.gather(
        *(here.call(calls.QUERY_FOUR_INFORMATION, slow, batch=True) for _ in range(30))
    )
    assert found == ["answer"] * 30


@in_virtual_time
async def test_a_batch_that_somebody_waits_for_ends_in_time() -> None:
    """Its calls wait for the share only as long as there is time for an attempt after it: what is sent is
    answered; what has no turn then was not sent, is no news for the breaker, and holds no line."""
    here = guard(concurrency=2, batch_concurrency=1, attempt_timeout_s=0.1, call_timeout_s=0.25)
    sent = 0

    async def slow() -> str:
        nonlocal sent
        sent += 1
        await asyncio.sleep(0.09)
        return "answer"

    async with asyncio.timeout(0.3):
        found = await asyncio.gather(
            *(here.call(calls.QUERY_FOUR_INFORMATION, slow, batch=True, awaited=True) for _ in range(30)),
            return_exceptions=True,
        )
    assert found[:2] == ["answer"] * 2
    codes = [one.code for one in found if isinstance(one, OutsideFailed)]
    assert codes == ["JLIS_NO_TURN"] * 28
    assert sent == 2
    assert here.state_of(Kind.FOUR_INFORMATION) is State.CLOSED
    assert await here.call(calls.QUERY_FOUR_INFORMATION, slow, batch=True) == "answer"


@in_virtual_time
async def test_no_line_within_the_deadline() -> None:
    """A caller waits for a line as long as its deadline, and is told that by a code of its own; J-LIS, which
    was not asked, is not to blame."""
    here = guard(
        concurrency=2, batch_concurrency=1, attempts=1, attempt_timeout_s=1.0, call_timeout_s=1.0, failures=3
    )
    long = [
        asyncio.create_task(here.call(calls.QUERY_FOUR_INFORMATION, never, batch=False)) for _ in range(2)
    ]
    await asyncio.sleep(0)
    quick = Guard(
        GatewaySettings("http://x", attempt_timeout_s=0.1, call_timeout_s=0.1), FixedClock(NOON), Told()
    )
    quick._turns = here._turns  # type: ignore[misc] - the same two lines
    started = asyncio.get_running_loop().time()
    with pytest.raises(OutsideFailed, match="JLIS_NO_TURN"):
        await quick.call(calls.QUERY_FOUR_INFORMATION, never, batch=False)
    assert 0.1 <= asyncio.get_running_loop().time() - started < 0.2
    assert quick.state_of(Kind.FOUR_INFORMATION) is State.CLOSED
    for task in long:
        task.cancel()
    await asyncio.gather(*long, return_exceptions=True)


@in_virtual_time
async def test_an_attempt_that_the_deadline_cuts_is_a_failure() -> None:
    """The last attempt has what is left of the call, and its time-out is the breaker's news."""
    here = guard(attempts=9, attempt_timeout_s=0.1, call_timeout_s=0.25, failures=3, retry_wait_s=0.001)
    started = asyncio.get_running_loop().time()
    with pytest.raises(OutsideFailed, match="JLIS_TIMEOUT"):
        await here.call(calls.QUERY_FOUR_INFORMATION, never, batch=False)
    assert asyncio.get_running_loop().time() - started == pytest.approx(0.25, abs=0.01)
    assert here.state_of(Kind.FOUR_INFORMATION) is State.OPEN


@in_virtual_time
async def test_a_call_ends_with_the_breaker() -> None:
    """The failure that opens it is the last attempt: nobody waits for more that are not sent."""
    here = guard(attempts=9, failures=1, retry_wait_s=0.3)
    sent = 0

    async def fail() -> None:
        nonlocal sent
        sent += 1
        raise down()

    started = asyncio.get_running_loop().time()
    with pytest.raises(OutsideFailed, match="JLIS_UNREACHABLE"):
        await here.call(calls.QUERY_FOUR_INFORMATION, fail, batch=False)
    assert sent == 1
    # One wait of 0.3 to 0.6 s before the pause is noticed; eight of them would take ten seconds.
    assert asyncio.get_running_loop().time() - started < 0.7


def test_every_call_says_what_sending_it_twice_does() -> None:
    """A sentence for each; only a signed application depends on J-LIS's knowing it again."""
    assert all(call.why_harmless for call in calls.CALLS)
    known_again = {call.name for call in calls.CALLS if call.twice is calls.Twice.KNOWN_AGAIN}
    assert known_again == {"submit_consent", "withdraw_consent"}
    assert len({call.name for call in calls.CALLS}) == len(calls.CALLS)
