"""Searching the synthetic population, in bounded time whatever its size.

There is no index: people are looked at one after the other in the order of their ids, in slices of a fraction
of a second of the world's thread so that nobody else waits long, until the page is full or the time of the
search is over. Then ``next`` says where to go on: the same question with ``after`` looks at the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from platform_api.sandbox.known import certificates_of, items_now, kind_of, municipality_now, newest_valid
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.names import FourInformation
from platform_api.sandbox.register import Resident

if TYPE_CHECKING:
    from platform_api.sandbox.world import World

#: One turn in the world's thread, and all turns of one search together.
SLICE_S: Final = 0.1
SEARCH_S: Final = 2.0
LARGEST_PAGE: Final = 100
_LOOK_AT_CLOCK_EVERY: Final = 64


@dataclass(frozen=True, slots=True, repr=False)
class Wanted:
    """What somebody looks for; all of it must fit. Texts are parts of the certificate's spelling."""

    name: str = ""
    address: str = ""
    municipality_code: str = ""
    kind: str = ""
    has: str = ""


@dataclass(slots=True)
class Slice:
    """What one turn found, and the last id that it looked at."""

    found: list[dict[str, Any]]
    looked_at: int
    whole: bool


@dataclass(frozen=True, slots=True, repr=False)
class Candidate:
    """Somebody who is being looked at."""

    world: World
    resident: Resident
    now: datetime

    @property
    def items(self) -> FourInformation:
        return items_now(self.world, self.resident)

    def valid(self, *kinds: str) -> bool:
        return any(newest_valid(self.resident, kind, self.now) is not None for kind in kinds)


def _on_hold(one: Candidate) -> bool:
    return any(certificate.on_hold for certificate in certificates_of(one.resident))


def _consent(one: Candidate) -> bool:
    return any(given.withdrawn_from is None for given in one.world.consents.of(one.resident.number))


def _substitute(one: Candidate) -> bool:
    items = one.items
    return "1" in items.name_substitute_characters + items.address_substitute_characters


def _no_successor(one: Candidate) -> bool:
    """Revoked and not issued anew: who moved, perhaps, and has not gone to the counter."""
    return bool(one.resident.certificates) and not one.valid("card-sign")


#: What somebody may have or be: the word of the query, and the question.
HAS: Final[dict[str, Callable[[Candidate], bool]]] = {
    "card": lambda one: one.valid("card-sign", "card-auth"),
    "phone": lambda one: one.valid("mobile-sign", "mobile-auth"),
    # As those under 15 have it: a card that cannot sign.
    "authentication_only": lambda one: one.valid("card-auth") and not one.valid("card-sign"),
    "no_card": lambda one: not one.valid("card-sign", "card-auth"),
    "no_successor": _no_successor,
    "hold": _on_hold,
    "consent": _consent,
    "substitute_characters": _substitute,
    "former_surname": lambda one: getattr(one.resident.person, "former_surname", None) is not None,
    "moved_abroad": lambda one: getattr(one.items, "moved_abroad_on", None) is not None,
    "leap_day": lambda one: one.items.date_of_birth.endswith("0229"),
    "unknown_birth": lambda one: one.items.date_of_birth.endswith("00"),
    "struck": lambda one: one.resident.struck,
}


def look(world: World, wanted: Wanted, after: int, limit: int) -> Slice:
    """One turn: from the person after ``after`` on, until the page is full or the turn is over."""
    register, _ = world.begun()
    now = world.clock.now()
    ends = time.monotonic() + SLICE_S
    last = world.settings.residents
    found: list[dict[str, Any]] = []
    number = after
    while number < last and len(found) < limit:
        number += 1
        resident = register.residents[number]
        if _fits(world, resident, wanted, now):
            found.append(summary(world, resident, now))
        if number % _LOOK_AT_CLOCK_EVERY == 0 and time.monotonic() > ends:
            break
    return Slice(found, number, number >= last)


def _fits(world: World, resident: Resident, wanted: Wanted, now: datetime) -> bool:
    """The cheap questions first."""
    items = items_now(world, resident)
    if wanted.municipality_code and municipality_now(world, resident) != wanted.municipality_code:
        return False
    if wanted.name and wanted.name not in items.name.replace("\u3000", ""):
        return False
    if wanted.address and wanted.address not in items.address:
        return False
    if wanted.kind and newest_valid(resident, wanted.kind, now) is None:
        return False
    return not wanted.has or HAS[wanted.has](Candidate(world, resident, now))


def summary(world: World, resident: Resident, now: datetime) -> dict[str, Any]:
    """A row of the search."""
    items = items_now(world, resident)
    code = municipality_now(world, resident)
    return {
        "person_id": resident.resident_id,
        "name": items.name,
        "address": items.address,
        "date_of_birth": items.date_of_birth,
        "gender": items.gender,
        "municipality_code": code,
        "municipality": BY_CODE[code].prefecture + BY_CODE[code].name,
        "kinds": [kind_of(one) for one in certificates_of(resident) if one.valid(now)],
        "struck": resident.struck,
    }
