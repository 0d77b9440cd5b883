from typing_extensions import Buffer

class EntryComparison:
    def __init__(
        self,
        new: Buffer,
        new_start: int,
        new_end: int,
        old: Buffer,
        old_start: int,
        old_end: int,
        most: int,
    ) -> None: ...
    def advance(self, octets: int) -> bool | None: ...
    @property
    def new_at(self) -> int: ...
    @property
    def old_at(self) -> int: ...
    @property
    def added(self) -> bytes: ...
    @property
    def removed(self) -> bytes: ...
