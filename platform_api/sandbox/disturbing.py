"""What a switched-on fault does to an answer on its way: late, cut short, doubled, led astray, never sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from platform_api.sandbox.fault_kinds import OF_SIGNED, FaultKind
from platform_api.sandbox.faults import Fault

#: An address of the reserved .invalid domain: whoever follows it finds nobody.
ELSEWHERE: Final = "http://elsewhere.invalid"
_LONGEST_SILENCE_S: Final = 600.0
_LOOK_S: Final = 0.1


async def disturbed(
    request: web.Request, taken: list[Fault], produce: Callable[[Fault | None], Awaitable[web.Response]]
) -> web.StreamResponse:
    """The answer with its faults; ``produce`` gets the fault that replaces what is signed by another."""
    await asyncio.sleep(sum(fault.delay_s for fault in taken if fault.kind is FaultKind.DELAY))
    fault = next((found for found in taken if found.kind is not FaultKind.DELAY), None)
    if fault is None or fault.kind in OF_SIGNED:
        return await produce(fault)
    match fault.kind:
        case FaultKind.STATUS_5XX:
            body = b'{"code":"BUSY","message":"a fault that was asked for; try again later"}'
            return web.Response(status=fault.status, body=body, content_type="application/json")
        case FaultKind.GARBAGE:
            return web.Response(body=_garbage(), content_type="application/octet-stream")
        case FaultKind.REDIRECT:
            return web.Response(status=302, headers={"Location": ELSEWHERE + request.path})
        case FaultKind.TIMEOUT:
            return await _silence(request)
        case FaultKind.DUPLICATED:
            return _doubled(await produce(None))
        case _:
            return await _cut_short(request, await produce(None))


def _garbage() -> bytes:
    return b"".join(hashlib.sha256(b"garbage %d" % block).digest() for block in range(16))


def _octets(whole: web.Response) -> bytes:
    return whole.body if isinstance(whole.body, bytes) else b""


def _doubled(whole: web.Response) -> web.Response:
    return web.Response(status=whole.status, body=2 * _octets(whole), content_type=whole.content_type)


async def _silence(request: web.Request) -> web.StreamResponse:
    """Says nothing until the caller hangs up; ten minutes at most, so that no connection stays for ever."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + _LONGEST_SILENCE_S
    while loop.time() < ends and request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - a hang-up wakes nobody
        await asyncio.sleep(_LOOK_S)
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=504)


async def _cut_short(request: web.Request, whole: web.Response) -> web.StreamResponse:
    """Announces all, sends half, cuts: what a broken line looks like to the client."""
    octets = _octets(whole)
    response = web.StreamResponse(status=whole.status, headers={"Content-Type": whole.content_type})
    response.content_length = max(len(octets), 2)
    await response.prepare(request)
    await response.write(octets[: len(octets) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
