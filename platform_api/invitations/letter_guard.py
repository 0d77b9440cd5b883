"""Against guessing: how many unknown letters an address may try, how often one letter may be asked for.

192 random bits cannot be guessed; the limits keep who tries from costing us anything. Of addresses only
the connected one counts (``peers.py``). In memory, in each process, bounded.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from platform_api.peers import address_of

#: Requests of one letter in a minute: a page, its forms, the way back; and a customer who tries again.
LETTER_PER_MINUTE: Final = 60
_REMEMBERED: Final = 20_000
_MINUTE_S: Final = 60.0


class Buckets:
    """Token buckets by name; the ones not asked for the longest make room. Forgetting refills."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._monotonic = monotonic
        self._found: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def left(self, name: bytes) -> float:
        """How much this name has left now."""
        at = self._monotonic()
        left, since = self._found.get(name, (self._most, at))
        return min(self._most, left + (at - since) * self._most / _MINUTE_S)

    def take(self, name: bytes) -> bool:
        """True while there was one left."""
        left = self.left(name)
        allowed = left >= 1
        self._found[name] = (left - 1 if allowed else left, self._monotonic())
        self._found.move_to_end(name)
        while len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return allowed


class LetterGuard:
    """The limits of one process. ``misses_per_minute`` 0: no limit by address."""

    def __init__(self, misses_per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._misses = Buckets(misses_per_minute, monotonic) if misses_per_minute else None
        self._letters = Buckets(LETTER_PER_MINUTE, monotonic)

    def may_try(self, peer: str | None) -> bool:
        """May this address still name letters? A limit on misses alone would answer its hits."""
        return self._misses is None or self._misses.left(_network(peer)) >= 1

    def missed(self, peer: str | None) -> None:
        if self._misses is not None:
            self._misses.take(_network(peer))

    def may_ask(self, token_hash: bytes) -> bool:
        """May this letter be asked for once more in this minute?"""
        return self._letters.take(token_hash)


def _network(peer: str | None) -> bytes:
    """An IPv4 address, or the /64 that an IPv6 host has to itself (RFC 4291 section 2.5.4)."""
    address = None if peer is None else address_of(peer)
    if address is None:
        return b""
    if isinstance(address, ipaddress.IPv6Address):
        return address.packed[:8]
    return address.packed
