"""The table of codes of a new set: the rows of the set before, where they were, then what is new, sorted.

Codes keep their numbers from set to set, so that an entry that did not change is the same octets in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Final

from revocation.index import layout
from revocation.index.layout import Code

#: (reason, flags, date high), as a harvest knows them: its list's partition is not its business.
ListCode = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class CodeTable:
    """Every code that entries of the new set may have."""

    rows: tuple[Code, ...]
    positions: Mapping[tuple[int, int, int, int], int]
    #: For each code of the set before, its number here.
    of_before: tuple[int, ...]
    #: The rows, as they are written.
    packed: bytes

    @property
    def width(self) -> int:
        """Octets of a code in a line."""
        return 1 if len(self.rows) <= 1 << 8 else 2 if len(self.rows) <= 1 << 16 else 4

    def numbers(self, partition: int, codes: Sequence[ListCode]) -> list[int]:
        """The rows for a list's own codes."""
        # A plain tuple finds what a ``Code`` of the same is there for.
        return [self.positions[(partition, *code)] for code in codes]


def code_table(lists: Mapping[int, Sequence[ListCode]], before: Sequence[Code]) -> CodeTable:
    """``lists``: the codes of each new list by partition; ``before``: the rows of the set before."""
    wanted = {Code(partition, *code) for partition, codes in lists.items() for code in codes}
    wanted |= _with_other_dates(wanted.union(before))
    rows: Final = [*before, *sorted(wanted.difference(before))]
    return CodeTable(
        rows=tuple(rows),
        positions={row: number for number, row in enumerate(rows)},
        of_before=tuple(range(len(before))),
        packed=b"".join(starmap(layout.CODE.pack, rows)),
    )


def _with_other_dates(rows: set[Code]) -> set[Code]:
    """An entry may get the date of another list's for the same serial: so each upper half with every row."""
    highs = {row.date_high for row in rows}
    if len(highs) == 1:
        return set()
    return {row._replace(date_high=high) for row in rows for high in highs}
