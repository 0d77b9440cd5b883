from array import array
from collections.abc import Sequence

from typing_extensions import Buffer

def grouped(
    serials: array[int],
    states: Buffer,
    reasons: Buffer,
    partitions: Buffer,
    dates: Buffer,
    highest: int | None,
    left_out: bytes,
) -> tuple[array[int], Sequence[int], Sequence[int]]: ...
