"""How many home lines a set gets: those of the set before while they fit, so that days compare as memory."""

from __future__ import annotations

from typing import Final, NamedTuple

from revocation.index import layout

#: Entries for each place of a home line. Above it look-ups run through full lines, below it space is wasted.
_LOAD: Final = 0.745
_LEAST_LOAD: Final = 0.735
_MOST_LOAD: Final = 0.79


class Geometry(NamedTuple):
    """Of the set before."""

    home_lines: int
    code_octets: int


def choose_home_lines(entries: int, code_octets: int, before: Geometry | None) -> int:
    """For so many short entries, or a few less."""
    if entries == 0:
        return 0
    in_line = layout.ENTRIES_IN_LINE[code_octets]
    if before is not None and before.home_lines and before.code_octets == code_octets:
        load = entries / (before.home_lines * in_line)
        if _LEAST_LOAD <= load <= _MOST_LOAD:
            return before.home_lines
    return max(1, -int(-entries // (in_line * _LOAD)))
