"""How a call fails, as errors of the port: our codes, never a word of what was asked or answered."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from platform_api.jlis.gateway import GatewayClosed
from revocation.errors import OutsideFailed

_REMEDY: Final = "nothing was changed; ask again later, and look at J-LIS's notices if it lasts"


class CallFailed(OutsideFailed):
    """No answer of J-LIS. ``again``: the same question may be answered a moment later. ``undone``: J-LIS
    surely did nothing with it."""

    def __init__(
        self, code: str, *, expected: str, got: str, again: bool = False, undone: bool = False
    ) -> None:
        super().__init__(code, expected=expected, got=got, remedy=_REMEDY)
        self.again: Final = again
        self.undone: Final = undone


class Paused(OutsideFailed):
    """Nothing was sent."""


def timed_out() -> CallFailed:
    return CallFailed("JLIS_TIMEOUT", expected="an answer in time", got="none", again=True)


def no_turn() -> OutsideFailed:
    return OutsideFailed(
        "JLIS_NO_TURN",
        expected="a free line to J-LIS within the deadline",
        got="all in use",
        remedy="nothing was sent; ask again later, and raise jlis_concurrency if J-LIS allows it",
    )


def paused() -> Paused:
    return Paused(
        "JLIS_PAUSED",
        expected="calls of this kind to succeed",
        got="failures in a row, and a pause after them",
        remedy="nothing was sent; ask again later, and look at J-LIS's notices and the line",
    )


def closed_until(opens_at: datetime) -> GatewayClosed:
    return GatewayClosed(
        "JLIS_CLOSED",
        opens_at=opens_at,
        expected="a time within J-LIS's service hours",
        got="one outside",
        remedy=f"nothing was sent; ask from {opens_at.isoformat(timespec='minutes')} on",
    )


def malformed(expected: str) -> CallFailed:
    """Nothing of the answer is used. Not asked again at once: the form would be the same."""
    return CallFailed("JLIS_ANSWER_MALFORMED", expected=expected, got="another answer of J-LIS")


def retry_after(failed: OutsideFailed, now: datetime) -> dict[str, str]:
    """The header that tells a caller when asking again is worth it: a minute, or when J-LIS opens."""
    opens_at = failed.opens_at if isinstance(failed, GatewayClosed) else now
    return {"Retry-After": str(max(60, math.ceil((opens_at - now).total_seconds())))}
