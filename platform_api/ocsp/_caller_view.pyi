from typing import Final

from platform_api.institutions.caller import Caller

class CallerView:
    caller: Final[Caller | None]
    number: Final[int]
    registered_only: Final[bool]
    rate: float
    burst: float
    def __init__(
        self,
        caller: Caller | None,
        number: int,
        *,
        registered_only: bool,
        rate: float,
        burst: float,
        row: memoryview,
    ) -> None: ...
    def permit(self, issuer: int, allowed: bool) -> None: ...
    def within_rate(self, now: float) -> bool: ...
    def counted(self, position: int) -> None: ...

class Entitlements:
    def __init__(self, bits: int) -> None: ...
    def remember(self, question: int, allowed: bool | None, until: int) -> None: ...
