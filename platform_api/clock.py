"""The service's clock: real time, or in sandbox mode real time plus the sandbox's offset (never positive).

The offset is asked for once before the first answer and then followed by a long poll. When the sandbox
does not answer, the last offset stays: time goes on at real speed, and readiness says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from revocation.clock import Clock, OffsetClock, SystemClock
from revocation.errors import OutsideFailed

if TYPE_CHECKING:
    from platform_api.logs import Log

_PATH: Final = "/sandbox/v1/clock"
_POLL_S: Final = 20
_FIRST_S: Final = 10.0
_RETRY_S: Final = 1.0
_MAX_ANSWER: Final = 4096


class _ClockAnswer(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    version: Annotated[int, Field(ge=0)]
    offset_us: Annotated[int, Field(le=0)]


class FollowedClock(OffsetClock):
    """A clock whose offset the sandbox decides."""

    def __init__(self, base: Clock) -> None:
        super().__init__(base)
        self.version = -1
        #: False while the sandbox does not answer.
        self.followed = False


@asynccontextmanager
async def service_clock(sandbox_url: str | None, *, log: Log | None = None) -> AsyncIterator[Clock]:
    """The clock of one process; in sandbox mode set before the first use and kept as long as the context."""
    if sandbox_url is None:
        yield SystemClock()
        return
    clock = FollowedClock(SystemClock())
    timeout = aiohttp.ClientTimeout(total=_POLL_S + 10, sock_connect=5)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        await _first(session, sandbox_url, clock)
        task = asyncio.create_task(_follow(session, sandbox_url, clock, log))
        try:
            yield clock
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _first(session: aiohttp.ClientSession, url: str, clock: FollowedClock) -> None:
    """A sandbox that is just starting gets some seconds; serving with an unknown time would be worse."""
    deadline = asyncio.get_running_loop().time() + _FIRST_S
    while True:
        try:
            async with asyncio.timeout(5):
                await refresh(session, url, clock, wait_s=0)
            return
        except (aiohttp.ClientError, OSError, TimeoutError, OutsideFailed):
            if asyncio.get_running_loop().time() > deadline:
                raise OutsideFailed(
                    "SANDBOX_CLOCK_UNREACHABLE",
                    expected="the sandbox to tell the time",
                    got=f"no answer within {_FIRST_S:.0f} s",
                    remedy="start jpki sandbox first, or correct JPKI_SANDBOX_URL",
                ) from None
        await asyncio.sleep(0.1)


async def _follow(session: aiohttp.ClientSession, url: str, clock: FollowedClock, log: Log | None) -> None:
    while True:
        try:
            await refresh(session, url, clock, wait_s=_POLL_S)
        except (aiohttp.ClientError, OSError, TimeoutError, OutsideFailed):
            if clock.followed and log is not None:
                log.warning("clock.lost", code="SANDBOX_CLOCK_UNREACHABLE")
            clock.followed = False
            await asyncio.sleep(_RETRY_S)


async def refresh(session: aiohttp.ClientSession, url: str, clock: FollowedClock, *, wait_s: int) -> None:
    """Ask once; with ``wait_s`` the sandbox answers when its clock has moved, or after that long."""
    query = {"after": str(clock.version), "wait": str(wait_s)} if clock.version >= 0 else {}
    async with session.get(url.rstrip("/") + _PATH, params=query, allow_redirects=False) as response:
        octets = await response.content.read(_MAX_ANSWER)
        if response.status != 200:
            raise _bad_answer(f"status {response.status}")
    try:
        answer = _ClockAnswer.model_validate_json(octets)
    except ValidationError:
        raise _bad_answer("another content") from None
    clock.set_offset(timedelta(microseconds=answer.offset_us))
    clock.version = answer.version
    clock.followed = True


def _bad_answer(got: str) -> OutsideFailed:
    return OutsideFailed(
        "SANDBOX_CLOCK_REFUSED",
        expected="a clock answer with version and an offset of zero or less",
        got=got,
        remedy="check that JPKI_SANDBOX_URL is the address of jpki sandbox",
    )
