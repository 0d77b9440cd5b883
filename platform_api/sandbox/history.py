"""The past: who lives here when the sandbox begins, and thousands of certificates that are already revoked.

Drawn in two steps. ``draw_past`` uses the seed only, with ages instead of dates, so that the CA knows its own
serial numbers before the first day is played; ``settle`` puts the ages before the moment the world begins.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from platform_api.sandbox.ca import NEWEST, OLDEST
from platform_api.sandbox.dates import valid_until
from platform_api.sandbox.municipalities import BY_CODE, MUNICIPALITIES
from platform_api.sandbox.names import Person, draw_address, draw_family_name, draw_person
from platform_api.sandbox.register import HOLD, Due, IssuedCertificate, Register, Resident, Step

DAY: Final = 86_400
#: The second generation took over this long ago.
ROLL_AGE: Final = 730 * DAY
_OLDEST_AGE: Final = 1826 * DAY
_OLDEST_CURRENT_AGE: Final = 1552 * DAY
#: How earlier certificates ended: reasonCode and share (jpki.md section 2; 0 is never seen, 2 an incident).
_REASONS: Final = ((3, 0.52), (4, 0.26), (1, 0.06), (HOLD, 0.09), (5, 0.07))
#: How the newest certificate of somebody without a valid one ended.
_OPEN_REASONS: Final = ((3, 0.4), (HOLD, 0.3), (5, 0.2), (1, 0.1))
_WITHOUT_CARD: Final = 0.04
_DEPARTED_SHARE: Final = 0.15


@dataclass(frozen=True, slots=True)
class _AgedStep:
    age: int
    reason: int


@dataclass(frozen=True, slots=True, repr=False)
class _AgedCertificate:
    """A certificate as it will have been issued ``age`` seconds before the world begins."""

    age: int
    person: Person
    steps: tuple[_AgedStep, ...]


@dataclass(frozen=True, slots=True, repr=False)
class _PastOfOne:
    number: int
    person: Person
    struck: bool
    reissue_in: int | None
    certificates: tuple[_AgedCertificate, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Past:
    """Everybody's past, and the numbers it uses up."""

    people: tuple[_PastOfOne, ...]
    first_serial: int
    of_oldest: int
    of_newest: int

    @property
    def authority_serials(self) -> tuple[int, int]:
        """Each generation's own certificate takes the number before its first one: one counter for all."""
        return self.first_serial, self.first_serial + 1 + self.of_oldest

    @property
    def next_serial(self) -> int:
        return self.first_serial + 2 + self.of_oldest + self.of_newest


def draw_past(seed: int, residents: int) -> Past:
    departed = max(2, round(residents * _DEPARTED_SHARE))
    people = tuple(
        _draw_one(seed, number, departed=number > residents) for number in range(1, residents + departed + 1)
    )
    ages = sorted(-certificate.age for one in people for certificate in one.certificates)
    of_oldest = bisect_left(ages, -ROLL_AGE)
    # The counter crosses 8000 hex on its way, so that serial numbers with and without a sign octet occur.
    return Past(people, max(1, 0x8000 - residents), of_oldest, len(ages) - of_oldest)


def settle(past: Past, begins_at: datetime, serials: Iterator[int]) -> Register:
    """The register as it stands when the world begins; older certificates have smaller numbers."""
    register = Register(serials)
    issued: list[tuple[int, int, _AgedCertificate]] = []
    for one in past.people:
        register.residents[one.number] = Resident(one.number, one.person, struck=one.struck)
        if one.reissue_in is not None:
            register.due[one.number] = Due(begins_at + timedelta(seconds=one.reissue_in), "reissue")
        issued.extend((-aged.age, one.number, aged) for aged in one.certificates)
    issued.sort(key=lambda row: row[:2])
    for position, (negative_age, number, aged) in enumerate(issued):
        older = position < past.of_oldest
        at = begins_at + timedelta(seconds=negative_age)
        register.add(
            IssuedCertificate(
                serial=past.first_serial + 1 + position + (0 if older else 1),
                generation=OLDEST if older else NEWEST,
                resident=number,
                municipality_code=aged.person.municipality_code,
                items=aged.person.four_information(),
                not_before=at,
                not_after=valid_until(aged.person.born, at),
                steps=[Step(begins_at - timedelta(seconds=step.age), step.reason) for step in aged.steps],
            )
        )
    return register


def _draw_one(seed: int, number: int, *, departed: bool) -> _PastOfOne:
    random = Random(f"{seed}:person:{number}")
    person = draw_person(random, random.choice(MUNICIPALITIES))
    age = random.randrange(DAY, _OLDEST_CURRENT_AGE)
    certified = person
    steps: tuple[_AgedStep, ...] = ()
    reissue_in = None
    if departed:
        steps = (_AgedStep(random.randrange(1, age), 5),)
    elif random.random() < _WITHOUT_CARD:
        reason = _weighted(random, _OPEN_REASONS)
        steps = (_AgedStep(random.randrange(1, min(age, 200 * DAY)), reason),)
        if reason == 3:
            certified = _before_a_change(random, person)
            if random.random() < 0.5:
                reissue_in = random.randrange(DAY // 2, 30 * DAY)
    newest = _AgedCertificate(age, certified, steps)
    earlier = tuple(_draw_earlier(random, newest))
    return _PastOfOne(number, person, departed, reissue_in, (*reversed(earlier), newest))


def _draw_earlier(random: Random, newest: _AgedCertificate) -> Iterator[_AgedCertificate]:
    """Walks back in time: each earlier certificate ended when, or some days before, the next was issued."""
    following = newest
    for _ in range(random.choices((0, 1, 2, 3), (20, 35, 28, 17))[0]):
        ended = following.age + (0 if random.random() < 0.6 else random.randrange(3600, 20 * DAY))
        issued = ended + random.randrange(30 * DAY, 700 * DAY)
        if issued > _OLDEST_AGE:
            return
        reason = _weighted(random, _REASONS)
        steps = [_AgedStep(ended, reason)]
        if reason == HOLD and random.random() < 0.4:
            steps.append(_AgedStep(max(1, ended - random.randrange(DAY, 9 * DAY)), random.choice((1, 5))))
        certified = _before_a_change(random, following.person) if reason == 3 else following.person
        following = _AgedCertificate(issued, certified, tuple(steps))
        yield following


def _before_a_change(random: Random, person: Person) -> Person:
    """How the same person was certified before a move, or before a new family name."""
    if random.random() < 0.15:
        return replace(person, family_name=draw_family_name(random, other_than=person.family_name))
    if random.random() < 0.3:
        return replace(person, address=draw_address(random, BY_CODE[person.municipality_code]))
    place = random.choice(MUNICIPALITIES)
    return replace(person, address=draw_address(random, place), municipality_code=place.code)


def _weighted(random: Random, shares: tuple[tuple[int, float], ...]) -> int:
    return random.choices([reason for reason, _ in shares], [share for _, share in shares])[0]
