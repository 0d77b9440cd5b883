from collections.abc import Sequence

def count_kept(
    listed: memoryview,
    many: memoryview | bytes,
    kept: Sequence[bool],
    *,
    short_ones: bool,
    width: int,
    in_line: int,
) -> int: ...
