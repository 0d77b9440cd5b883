"""One person's past: which certificates they had, how each ended; drawn from the seed and their number.

Ages in seconds instead of dates, so that every CA knows its own serial numbers before the first day is
played. Cheap (ten microseconds or so), because it is drawn for everybody at the start and again whenever
somebody is looked at; names and addresses are drawn only then (``people.py``).
"""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

from platform_api.sandbox.births import Birth, drawn_birth
from platform_api.sandbox.kinds import CARD_AUTH, CARD_SIGN, MOBILE_AUTH, MOBILE_SIGN
from platform_api.sandbox.municipalities import MUNICIPALITIES

DAY: Final = 86_400
HOLD: Final = 6
#: The second generation took over this long ago.
ROLL_AGE: Final = 730 * DAY
_OLDEST_AGE: Final = 1826 * DAY
_OLDEST_CURRENT_AGE: Final = 1552 * DAY
#: A card begun longer ago is not used on: whoever got a new signing certificate since got a new card.
_CARD_AGE: Final = 1400 * DAY
#: How earlier certificates ended: reasonCode and share, added up (0 is never seen, 2 an incident).
_REASONS: Final = ((3, 0.52), (4, 0.78), (1, 0.84), (HOLD, 0.93), (5, 1.0))
#: How the newest certificate of somebody without a valid one ended.
_OPEN_REASONS: Final = ((3, 0.4), (HOLD, 0.7), (5, 0.9), (1, 1.0))
_EARLIER: Final = ((0, 0.20), (1, 0.55), (2, 0.83), (3, 1.0))
_WITHOUT_CARD: Final = 0.04
_CHILDREN: Final = 0.05
_WITH_PHONE: Final = 0.45
#: Every so many people have a phone on hold when the world begins, so that one can be found on day 1.
_HELD_PHONE_EACH: Final = 30
_PLACES: Final = len(MUNICIPALITIES)

AgedStep = tuple[int, int]
"""(age, reasonCode)."""


class Aged(NamedTuple):
    """A certificate as it will have been issued ``age`` seconds before the world begins.

    ``version`` says how the person was certified: 0 as they are now, n as before their n-th last change.
    """

    age: int
    version: int
    steps: tuple[AgedStep, ...]


class Change(NamedTuple):
    """What an earlier version of a person differs in: the name, the house, or the municipality."""

    what: str
    place: int


class Past(NamedTuple):
    """``places[version]`` is where the person was certified; ``certificates`` by kind, the oldest first."""

    birth: Birth
    child: bool
    places: tuple[int, ...]
    changes: tuple[Change, ...]
    reissue_in: int | None
    certificates: dict[str, list[Aged]]


def draw_past(random: Random, seed: int, number: int, *, departed: bool) -> Past:
    """Everything that befell person ``number`` before the world began."""
    random.seed((seed << 1 ^ (-1 if seed < 0 else 0)) << 24 | number)
    draw = random.random
    one = draw()
    child = not departed and draw() < _CHILDREN
    birth = drawn_birth(one, draw(), child=child)
    places, changes = [int(draw() * _PLACES)], []
    age = DAY + int(draw() * (_OLDEST_CURRENT_AGE - DAY))
    if child:
        ended = ((1 + int(draw() * (age - 1)), 5),) if draw() < _WITHOUT_CARD else ()
        return Past(birth, True, tuple(places), (), None, {CARD_AUTH: [Aged(age, 0, ended)]})

    steps: tuple[AgedStep, ...] = ()
    reissue_in = None
    if departed:
        steps = ((1 + int(draw() * (age - 1)), 5),)
    elif draw() < _WITHOUT_CARD:
        reason = _weighted(draw(), _OPEN_REASONS)
        steps = ((1 + int(draw() * (min(age, 200 * DAY) - 1)), reason),)
        if reason == 3:
            changes.append(_change(random, places))
            if draw() < 0.5:
                reissue_in = DAY // 2 + int(draw() * 29.5 * DAY)
    signing = [Aged(age, len(changes), steps)]
    for _ in range(_weighted(draw(), _EARLIER)):
        following = signing[0]
        ended_at = following.age + (0 if draw() < 0.6 else 3600 + int(draw() * 20 * DAY))
        issued = ended_at + 30 * DAY + int(draw() * 670 * DAY)
        if issued > _OLDEST_AGE:
            break
        reason = _weighted(draw(), _REASONS)
        steps = ((ended_at, reason),)
        if reason == HOLD and draw() < 0.4:
            final = max(1, ended_at - DAY - int(draw() * 8 * DAY))
            steps = (*steps, (final, 1 if draw() < 0.5 else 5))
        if reason == 3:
            changes.append(_change(random, places))
        signing.insert(0, Aged(issued, len(changes), steps))
    certificates = {CARD_SIGN: signing, CARD_AUTH: _authentication(signing)}
    _phones(random, certificates, held=number % _HELD_PHONE_EACH == 7 and not departed)
    return Past(birth, False, tuple(places), tuple(changes), reissue_in, certificates)


def _change(random: Random, places: list[int]) -> Change:
    """How the same person was certified before a move, or before a new family name."""
    kind = random.random()
    if kind < 0.15:
        change = Change("name", places[-1])
    elif kind < 0.4:
        change = Change("house", places[-1])
    else:
        change = Change("move", int(random.random() * _PLACES))
    places.append(change.place)
    return change


def _authentication(signing: list[Aged]) -> list[Aged]:
    """The card's other certificate outlives every change of the four items; else both end together."""
    found: list[Aged] = []
    begun: Aged | None = None
    for position, certificate in enumerate(signing):
        if begun is None or begun.age > _CARD_AGE:
            if begun is not None:
                found.append(begun._replace(steps=((certificate.age, 4),)))
            begun = certificate._replace(steps=())
        if certificate.steps and certificate.steps[0][1] != 3:
            found.append(begun._replace(steps=certificate.steps))
            begun = None
        elif position == len(signing) - 1:
            found.append(begun)
    return found


def _phones(random: Random, certificates: dict[str, list[Aged]], *, held: bool) -> None:
    """A phone's certificates hang upon the card's: each ends with its own, at the latest."""
    draw = random.random
    signing, authentication = certificates[CARD_SIGN], certificates[CARD_AUTH]
    if draw() > _WITH_PHONE and not held:
        return
    found: dict[str, list[Aged]] = {MOBILE_SIGN: [], MOBILE_AUTH: []}
    if len(signing) > 1 and draw() < 0.5:
        before = signing[-2]
        ended_at, reason = before.steps[0]
        _carry(found, ended_at + 1 + int(draw() * (before.age - ended_at - 1)), before.version, before.steps)
        if reason == 3:  # The phone was not set up again: its authentication was given up with the signing.
            found[MOBILE_AUTH][-1] = found[MOBILE_AUTH][-1]._replace(steps=((ended_at, 5),))
    newest, card = signing[-1], authentication[-1]
    ends = newest.steps[0][0] if newest.steps else 0
    age = ends + 1 + int(draw() * (newest.age - ends - 1))
    own: tuple[AgedStep, ...] = ()
    fate = draw()
    if held and not ends:
        own = ((max(1, int(age * draw())), HOLD),)
    elif fate < 0.10:  # Sold or handed on: the owner had it revoked.
        own = ((ends + 1 + int(draw() * (age - ends - 1)), 5),) if age - ends > 1 else ()
    elif fate < 0.20 and age - ends > 2:  # A new phone took over.
        taken_over = ends + 1 + int(draw() * (age - ends - 1))
        _carry(found, age, newest.version, ((taken_over, 4),))
        age = taken_over
    _carry(found, age, newest.version, own or dependent(newest.steps))
    if not own and newest.steps and not card.steps:
        found[MOBILE_AUTH][-1] = found[MOBILE_AUTH][-1]._replace(steps=())
    certificates.update(found)


def _carry(found: dict[str, list[Aged]], age: int, version: int, steps: tuple[AgedStep, ...]) -> None:
    for certificates in found.values():
        certificates.append(Aged(age, version, dependent(steps)))


def dependent(steps: tuple[AgedStep, ...]) -> tuple[AgedStep, ...]:
    return tuple((age, dependent_reason(reason)) for age, reason in steps)


def dependent_reason(reason: int) -> int:
    """The code for the phone's certificate when the card's ends: a stolen card is no stolen phone."""
    return 5 if reason == 1 else reason


def _weighted(drawn: float, shares: tuple[tuple[int, float], ...]) -> int:
    for value, share in shares:
        if drawn < share:
            return value
    return shares[-1][0]
