from mmap import mmap

class EntryWalk:
    def __init__(
        self,
        data: bytes | bytearray | memoryview | mmap,
        start: int,
        end: int,
        extensions_allowed: bool,
        explicit_default: bool,
        generalized_before_2050: bool,
        certificate_issuers: bool = False,
    ) -> None: ...
    @property
    def at(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def refusal(self) -> tuple[int, int, int, int] | None: ...

class PackedRecords:
    @property
    def count(self) -> int: ...
    def fill(self, entries: EntryWalk, limit: int) -> bool: ...
    def take(self) -> bytes: ...
