"""All residents by number, drawn when somebody asks; kept are those touched, and some thousands more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from platform_api.sandbox.certificate_rows import Resident
from platform_api.sandbox.history import Past
from platform_api.sandbox.names import Person
from platform_api.sandbox.numbering import Numbering
from platform_api.sandbox.people import draw_versions

_KEPT: Final = 4096


class Residents(Mapping[int, Resident]):
    """Also those long gone, whose numbers lie beyond the residents': their cards stand in the lists."""

    def __init__(self, numbering: Numbering, draw: Callable[[Resident, Past], None]) -> None:
        self._numbering = numbering
        self._draw = draw
        self._drawn: dict[int, Resident] = {}
        #: Whom something befell since the beginning: only they differ from what is drawn.
        self._touched: dict[int, Resident] = {}

    def __len__(self) -> int:
        return self._numbering.people

    def __iter__(self) -> Iterator[int]:
        return iter(range(1, self._numbering.people + 1))

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and 1 <= number <= self._numbering.people

    def __getitem__(self, number: int) -> Resident:
        found = self._touched.get(number) or self._drawn.get(number)
        if found is None:
            if number not in self:
                raise KeyError("no such resident")
            past = self._numbering.past(number)
            found = Resident(
                number,
                partial(draw_versions, self._numbering.seed, number, past),
                struck=number > self._numbering.residents,
            )
            self._draw(found, past)
            if len(self._drawn) >= _KEPT:
                self._drawn.pop(next(iter(self._drawn)))
            self._drawn[number] = found
        return found

    def person(self, number: int) -> Person:
        """Who they are, without drawing their certificates: five times cheaper, for a search."""
        found = self._touched.get(number) or self._drawn.get(number)
        if found is not None:
            return found.person
        return draw_versions(self._numbering.seed, number, self._numbering.past(number))[0]

    def pin(self, resident: Resident) -> None:
        """From now on this very object is the resident."""
        self._touched[resident.number] = resident
        self._drawn.pop(resident.number, None)
