from asyncio import BaseProtocol, Event
from collections.abc import Callable, Iterable
from typing import Any, Final

from platform_api.ocsp._caller_view import Entitlements
from platform_api.ocsp._epoch import Epoch
from platform_api.ocsp._protocol import FastProtocol
from revocation.ocsp.cache import AnswerCache

class FastPath:
    epoch: Final[Epoch]
    cache: Final[AnswerCache]
    entitlements: Final[Entitlements]
    connections: Final[set[FastProtocol]]
    draining: bool
    emptied: Final[Event]
    def __init__(
        self,
        answers: Any,
        cache: AnswerCache,
        factory: Callable[[], BaseProtocol],
        *,
        paths: Iterable[tuple[bytes, int]],
        counts: memoryview,
        serving: memoryview,
        anonymous: bool,
        shared_caches: bool,
        ask_peer: bool,
        nonces: bool,
        signatures_matter: bool,
        most_connections: int,
        request_s: float,
        idle_s: float,
        stalled_s: float,
    ) -> None: ...
    def adopt(self, epoch: Epoch) -> None: ...
    def tick(self, now: int, date: bytes, monotonic: float) -> None: ...
