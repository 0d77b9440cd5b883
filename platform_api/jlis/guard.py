"""What stands between a caller and one attempt: service hours, turns, deadlines, breaker, retries.

Interactive callers and batches have separate shares of the lines: a nightly batch holds ``batch_concurrency``
of them at most, so a customer at a counter finds one free. The deadline of a call counts its waiting for a
line; that of a batch's call begins when its share has room, so that a long queue is no failure of J-LIS; but
not of a batch that a request waits for, which ends before the lease of its Idempotency-Key.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final, Protocol, TypeVar

import stamina

from platform_api.breaker import Breaker, State
from platform_api.jlis.calls import Call, Kind, Twice
from platform_api.jlis.failures import CallFailed, Paused, closed_until, no_turn, paused, timed_out
from platform_api.jlis.gateway import GatewayRefused
from platform_api.jlis.settings import GatewaySettings
from revocation.clock import Clock
from revocation.errors import OutsideFailed, RevocationError

Answer = TypeVar("Answer")

#: Of kinds without a breaker: the lists are asked for by the night alone, a few calls in each round, and a
#: pause after J-LIS came back could cost a CA its night.
_NEVER: Final = sys.maxsize
#: An attempt ends by itself at the deadline of its call; this is for what waits for its turn.
_SLACK_S: Final = 0.05


class Observer(Protocol):
    """Told how calls end, in words of ours only."""

    def call_ended(self, call: Call, error: BaseException | None, seconds: float) -> None: ...

    def left_alone(self, kind: Kind, *, is_so: bool) -> None: ...


class Nobody:
    """For processes that tell nobody."""

    def call_ended(self, call: Call, error: BaseException | None, seconds: float) -> None: ...

    def left_alone(self, kind: Kind, *, is_so: bool) -> None: ...


class Guard:
    """For all calls of one process."""

    def __init__(
        self,
        settings: GatewaySettings,
        clock: Clock,
        observer: Observer,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings: Final = settings
        self._clock: Final = clock
        self._observer: Final = observer
        self._monotonic: Final = monotonic
        self._turns: Final = asyncio.Semaphore(settings.concurrency)
        self._batches: Final = asyncio.Semaphore(settings.batch_concurrency)
        self._breakers: Final = {
            kind: Breaker(
                failures=_NEVER if kind is Kind.LISTS else settings.failures,
                pause_s=settings.pause_s,
                monotonic=monotonic,
            )
            for kind in Kind
        }
        for kind in Kind:  # a dead process before this one may have left another word
            observer.left_alone(kind, is_so=False)

    def state_of(self, kind: Kind) -> State:
        return self._breakers[kind].state

    async def call(
        self, call: Call, attempt: Callable[[], Awaitable[Answer]], *, batch: bool, awaited: bool = False
    ) -> Answer:
        """The answer, or how it failed, within the deadline; ``awaited``: of a batch, too, from now on."""
        began = self._monotonic()
        ended: BaseException | None = None
        try:
            async with AsyncExitStack() as held:
                self._require_open(call)
                deadline = asyncio.get_running_loop().time() + self._settings.call_timeout_s
                if batch:
                    # What is sent has the time of an attempt left: cut off it would be paid for, and would
                    # tell the breaker of a J-LIS that is slow, though we were.
                    await self._share(held, deadline - self._settings.attempt_timeout_s if awaited else None)
                if batch and not awaited:
                    deadline = asyncio.get_running_loop().time() + self._settings.call_timeout_s
                return await self._within_deadline(call, attempt, deadline)
        except BaseException as error:
            ended = error
            raise
        finally:
            self._observer.call_ended(call, ended, self._monotonic() - began)

    async def _share(self, held: AsyncExitStack, deadline: float | None) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await held.enter_async_context(self._batches)
        except TimeoutError:
            raise no_turn() from None

    async def _within_deadline(
        self, call: Call, attempt: Callable[[], Awaitable[Answer]], deadline: float
    ) -> Answer:
        settings = self._settings
        failed: OutsideFailed | None = None
        rests = False

        def worth_another(error: Exception) -> bool:
            return not rests and self._worth_another(call, error)

        try:
            async with asyncio.timeout_at(deadline + _SLACK_S):
                # retry_context, not the decorator: stamina tells hooks of a decorated call's arguments.
                async for one in stamina.retry_context(
                    on=worth_another,
                    attempts=settings.attempts,
                    timeout=settings.call_timeout_s,
                    wait_initial=settings.retry_wait_s,
                    wait_max=2.0,
                    wait_jitter=settings.retry_wait_s,
                ):
                    with one:
                        try:
                            return await self._attempt(call, attempt, deadline)
                        except Paused as now_paused:
                            # The failure that opened the breaker says more than the pause after it.
                            rests = True
                            raise failed or now_paused from None
                        except OutsideFailed as error:
                            failed = error
                            raise
        except TimeoutError:
            raise failed or no_turn() from None
        raise AssertionError("expected an answer or an error from the last attempt, got neither")

    async def _attempt(self, call: Call, attempt: Callable[[], Awaitable[Answer]], deadline: float) -> Answer:
        """One attempt; its outcome is the breaker's news. A refusal is: J-LIS answers."""
        async with self._turns:
            self._require_open(call)  # it may have closed while this one waited
            breaker = self._breakers[call.kind]
            passage = breaker.enter()
            if passage is None:
                raise paused()
            ends = min(deadline, asyncio.get_running_loop().time() + self._settings.attempt_timeout_s)
            try:
                try:
                    async with asyncio.timeout_at(ends):
                        answer = await attempt()
                except TimeoutError:
                    raise timed_out() from None
            except OutsideFailed:
                breaker.failed(passage)
                raise
            except GatewayRefused:
                breaker.succeeded(passage)
                raise
            except BaseException:  # cancelled, or a fault of ours: J-LIS is not to blame
                breaker.left(passage)
                raise
            else:
                breaker.succeeded(passage)
                return answer
            finally:
                self._observer.left_alone(call.kind, is_so=breaker.state is not State.CLOSED)

    def _worth_another(self, call: Call, error: Exception) -> bool:
        if not isinstance(error, CallFailed) or not error.again:
            return False
        return call.twice is Twice.NOTHING or self._settings.resubmit or error.undone

    def _require_open(self, call: Call) -> None:
        if call.kind not in self._settings.open_always:
            opens_at = self._settings.hours.opens_at(self._clock.now())
            if opens_at is not None:
                raise closed_until(opens_at)


def code_of(error: BaseException | None) -> str:
    """How a call ended, from a closed set: ``OK``, a code of ours, or that the caller gave it up."""
    if error is None:
        return "OK"
    return error.code if isinstance(error, RevocationError) else "GIVEN_UP"
