from collections.abc import Callable, Iterator, Mapping, Sequence

from revocation.index._harvest import Harvest

class Place:
    """One class of serials. Take ``listed``, then ``gone``, to their ends; the rest is in attributes."""

    entries: int
    repeated: int
    conflicting: int
    def __init__(
        self,
        *,
        short_ones: bool,
        new: Harvest | None,
        numbers: Sequence[int],
        rows: bytes,
        ranks: Mapping[int, int],
        width: int,
        in_line: int,
        home_lines: int,
        directory_bits: int,
        base_listed: memoryview | None = None,
        base_gone: memoryview | None = None,
        base_many: memoryview | None = None,
        base_numbers: Sequence[int] = (),
        base_kept: Sequence[bool] = (),
        base_width: int = 1,
        base_in_line: int = 7,
        base_home_lines: int = 0,
        left: Harvest | None = None,
        left_numbers: Sequence[int] = (),
        last_seq: int = 0,
        release_holds: bool = False,
    ) -> None: ...
    def listed(self, check: Callable[[int, int], int]) -> Iterator[memoryview]: ...
    @property
    def gone_count(self) -> int: ...
    def gone(self, bits: int) -> Iterator[memoryview]: ...
    def directory(self, bits: int) -> bytes: ...
    @property
    def many_section(self) -> bytes: ...
