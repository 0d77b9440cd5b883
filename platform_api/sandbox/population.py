"""Searching the synthetic population, in bounded time whatever its size.

There is no index: people are looked at one after the other in the order of their ids, in slices of a fraction
of a second of the world's thread so that nobody else waits long, until the page is full or the time of the
search is over. Then ``next`` says where to go on: the same question with ``after`` looks at the rest. Names
and addresses cost some 35 us of CPU a person, certificates six times as much: one search of two seconds looks
at 10,000 to 50,000 people by name, as busy as the machine is, and nobody else waits longer than a slice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from platform_api.sandbox.known import certificates_of, items_now, kind_of, municipality_now, newest_valid
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.name_tables import SUBSTITUTES
from platform_api.sandbox.names import Person, as_certified
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

    def valid(self, *kinds: str) -> bool:
        return any(newest_valid(self.resident, kind, self.now) is not None for kind in kinds)


def _on_hold(one: Candidate) -> bool:
    return any(certificate.on_hold for certificate in certificates_of(one.resident))


def _consent(one: Candidate) -> bool:
    return any(given.withdrawn_from is None for given in one.world.consents.of(one.resident.number))


def _no_successor(one: Candidate) -> bool:
    """Revoked and not issued anew: who moved, perhaps, and has not gone to the counter."""
    return bool(one.resident.certificates) and not one.valid("card-sign")


#: What somebody may be: the word of the query, and the question, which needs no certificate.
IS: Final[dict[str, Callable[[Person], bool]]] = {
    "substitute_characters": lambda one: any(
        character in SUBSTITUTES for character in one.name + one.address
    ),
    "former_surname": lambda one: one.former_surname is not None,
    "moved_abroad": lambda one: one.moved_abroad_on is not None,
    "leap_day": lambda one: one.birth.digits.endswith("0229"),
    "unknown_birth": lambda one: one.birth.digits.endswith("00"),
}
#: What somebody may have.
HAS: Final[dict[str, Callable[[Candidate], bool]]] = {
    "card": lambda one: one.valid("card-sign", "card-auth"),
    "phone": lambda one: one.valid("mobile-sign", "mobile-auth"),
    # As those under 15 have it: a card that cannot sign.
    "authentication_only": lambda one: one.valid("card-auth") and not one.valid("card-sign"),
    "no_card": lambda one: not one.valid("card-sign", "card-auth"),
    "no_successor": _no_successor,
    "hold": _on_hold,
    "consent": _consent,
    "struck": lambda one: one.resident.struck,
}
CONDITIONS: Final = (*HAS, *IS)


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
        person = register.present(register.residents.person(number))
        if _is_wanted(person, wanted):
            one = Candidate(world, register.residents[number], now)
            if _has_wanted(one, wanted):
                found.append(summary(world, one.resident, now))
        if number % _LOOK_AT_CLOCK_EVERY == 0 and time.monotonic() > ends:
            break
    return Slice(found, number, number >= last)


def _is_wanted(person: Person, wanted: Wanted) -> bool:
    """What can be said without drawing certificates, the cheap questions first."""
    if wanted.municipality_code and person.municipality_code != wanted.municipality_code:
        return False
    if wanted.name and not _in(wanted.name, person.name.replace("\u3000", ""), person.substitute):
        return False
    if wanted.address and not _in(wanted.address, person.address, 0):
        return False
    return wanted.has not in IS or IS[wanted.has](person)


def _in(part: str, spelling: str, substitute: int) -> bool:
    """As the register spells it, or as the certificate does."""
    return part in spelling or part in as_certified(spelling, substitute)[0]


def _has_wanted(one: Candidate, wanted: Wanted) -> bool:
    if wanted.kind and not one.valid(wanted.kind):
        return False
    return wanted.has not in HAS or HAS[wanted.has](one)


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
