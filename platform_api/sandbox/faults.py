"""Faults on demand: what the outside can do to its client, switched on by a test and off again.

They live in memory only: a restarted sandbox is a healthy one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from aiohttp import web

from platform_api.sandbox.refusals import RequestRefused

_MOST_FAULTS: Final = 1000


class FaultKind(StrEnum):
    BAD_SIGNATURE = "bad_signature"  # the list's last octet is flipped
    STALE = "stale"  # the newest list whose nextUpdate has passed
    OLDER = "older"  # the list of the publication before
    TRUNCATED = "truncated"  # the whole length announced, half of it sent, then the connection is cut
    STATUS_5XX = "status_5xx"
    DELAY = "delay"
    GARBAGE = "garbage"  # 200 with octets that are nothing


class Target(StrEnum):
    CRL = "crl"
    FOUR_INFORMATION = "four_information"
    CONSENTS = "consents"
    WITHDRAWALS = "withdrawals"
    LINKAGE = "linkage"
    OCSP = "ocsp"
    AUTHORITIES = "authorities"
    ALL = "all"


#: These replace a list by another one; they make no sense elsewhere.
OF_LISTS_ONLY: Final = frozenset({FaultKind.BAD_SIGNATURE, FaultKind.STALE, FaultKind.OLDER})


@dataclass(slots=True)
class Fault:
    """One switched-on fault; ``times`` counts down, None lasts until it is deleted."""

    fault_id: int
    kind: FaultKind
    target: Target
    municipality_code: str | None
    generation: str | None
    status: int
    delay_s: float
    times: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "fault_id": self.fault_id,
            "kind": self.kind.value,
            "target": self.target.value,
            "municipality_code": self.municipality_code,
            "generation": self.generation,
            "status": self.status,
            "delay_s": self.delay_s,
            "times": self.times,
        }

    def hits(self, target: Target, municipality_code: str | None, generation: str | None) -> bool:
        """Whether it disturbs this request; a fault for one list leaves the list of partitions alone."""
        if self.kind in OF_LISTS_ONLY and municipality_code is None:
            return False
        return (
            self.target in (Target.ALL, target)
            and self.municipality_code in (None, municipality_code)
            and self.generation in (None, generation)
        )


class Faults:
    """All faults that are on, in the order in which they came."""

    def __init__(self) -> None:
        self._on: list[Fault] = []
        self._count = 0

    def add(
        self,
        kind: FaultKind,
        target: Target,
        *,
        municipality_code: str | None = None,
        generation: str | None = None,
        status: int = 503,
        delay_s: float = 1.0,
        times: int | None = None,
    ) -> Fault:
        of_one_list = kind in OF_LISTS_ONLY or municipality_code is not None or generation is not None
        if of_one_list and target is not Target.CRL:
            raise RequestRefused(
                422, "FAULT_NOT_APPLICABLE", "expected target crl for a fault of lists; correct the target"
            )
        if len(self._on) >= _MOST_FAULTS:
            raise RequestRefused(409, "TOO_MANY_FAULTS", "DELETE /sandbox/v1/faults first")
        self._count += 1
        fault = Fault(self._count, kind, target, municipality_code, generation, status, delay_s, times)
        self._on.append(fault)
        return fault

    def all(self) -> list[Fault]:
        return list(self._on)

    def clear(self) -> None:
        self._on.clear()

    def take(
        self, target: Target, municipality_code: str | None = None, generation: str | None = None
    ) -> list[Fault]:
        """What disturbs this request: all delays, and the first of the others; each is used once."""
        taken: list[Fault] = []
        for fault in self._on:
            another = any(found.kind is not FaultKind.DELAY for found in taken)
            if fault.hits(target, municipality_code, generation) and (
                fault.kind is FaultKind.DELAY or not another
            ):
                taken.append(fault)
        for fault in taken:
            if fault.times is not None:
                fault.times -= 1
        self._on = [fault for fault in self._on if fault.times is None or fault.times > 0]
        return taken


async def disturbed(
    request: web.Request, taken: list[Fault], produce: Callable[[Fault | None], Awaitable[web.Response]]
) -> web.StreamResponse:
    """The answer with its faults; ``produce`` gets the fault that replaces a list by another."""
    await asyncio.sleep(sum(fault.delay_s for fault in taken if fault.kind is FaultKind.DELAY))
    fault = next((found for found in taken if found.kind is not FaultKind.DELAY), None)
    if fault is None or fault.kind in OF_LISTS_ONLY:
        return await produce(fault)
    if fault.kind is FaultKind.STATUS_5XX:
        body = b'{"code":"BUSY","message":"a fault that was asked for; try again later"}'
        return web.Response(status=fault.status, body=body, content_type="application/json")
    if fault.kind is FaultKind.GARBAGE:
        return web.Response(body=_garbage(), content_type="application/octet-stream")
    return await _cut_short(request, await produce(None))


def _garbage() -> bytes:
    return b"".join(hashlib.sha256(b"garbage %d" % block).digest() for block in range(16))


async def _cut_short(request: web.Request, whole: web.Response) -> web.StreamResponse:
    """Announces all, sends half, cuts: what a broken line looks like to the client."""
    body = whole.body
    octets = body if isinstance(body, bytes) else b""
    response = web.StreamResponse(status=whole.status, headers={"Content-Type": whole.content_type})
    response.content_length = max(len(octets), 2)
    await response.prepare(request)
    await response.write(octets[: len(octets) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
