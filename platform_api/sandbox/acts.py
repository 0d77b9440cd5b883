"""What befalls a resident: each event changes the register, ends a certificate, and perhaps issues a new one.

The clock-driven life and the acts by hand go through the same functions, so that one truth covers both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final, Literal

from platform_api.sandbox.municipalities import MUNICIPALITIES, Municipality
from platform_api.sandbox.names import FourInformation, draw_address, draw_family_name
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.register import HOLD, Due, IssuedCertificate, Register, Resident

#: When the new card follows: in the same act, never, or after so many days.
Reissue = Literal["same_day", "never"] | int

KEY_COMPROMISE: Final = 1
AFFILIATION_CHANGED: Final = 3
SUPERSEDED: Final = 4
CESSATION_OF_OPERATION: Final = 5

#: Renewal opens three months before the end; who renews then keeps the rest: the sixth birthday counts.
_RENEWAL_WINDOW: Final = timedelta(days=92)


@dataclass(frozen=True, slots=True, repr=False)
class Options:
    """What may be said of an act; None leaves it to the event's own habit."""

    reissue: Reissue | None = None
    place: Municipality | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Lived:
    """One event as it happened."""

    at: datetime
    resident: Resident
    event: str
    ended: IssuedCertificate | None
    reason: int | None
    issued: IssuedCertificate | None
    items: FourInformation


Act = Callable[[Register, Resident, datetime, Random, Options], Lived]


def perform(
    event: str, register: Register, resident: Resident, at: datetime, random: Random, options: Options
) -> Lived:
    """Does one act; refuses, with nothing changed, what cannot befall this resident."""
    check(event, resident, at)
    register.due.pop(resident.number, None)
    resident.touched_at = at
    return ACTS[event](register, resident, at, random, options)


def check(event: str, resident: Resident, at: datetime) -> None:
    """Everything that can refuse an act; after it the act cannot fail and may be journalled."""
    if resident.struck:
        raise RequestRefused(
            409, "STRUCK", f"{resident.resident_id} is struck from the register; choose another resident"
        )
    if event in ("lose", "stop") and resident.open_certificate(at) is None:
        raise _no_card(resident)
    if event == "hold" and resident.valid_certificate(at) is None:
        raise _no_card(resident)


def _no_card(resident: Resident) -> RequestRefused:
    return RequestRefused(
        409, "NO_VALID_CARD", f"{resident.resident_id} has no valid card; renew it first or choose another"
    )


def _move(register: Register, resident: Resident, at: datetime, random: Random, options: Options) -> Lived:
    place = options.place or random.choice(MUNICIPALITIES)
    address = draw_address(random, place)
    resident.person = replace(resident.person, address=address, municipality_code=place.code)
    return _ended(register, resident, at, "move", AFFILIATION_CHANGED, options.reissue or "same_day")


def _rename(register: Register, resident: Resident, at: datetime, random: Random, options: Options) -> Lived:
    name = draw_family_name(random, other_than=resident.person.family_name)
    resident.person = replace(resident.person, family_name=name)
    return _ended(register, resident, at, "rename", AFFILIATION_CHANGED, options.reissue or "same_day")


def _renew(register: Register, resident: Resident, at: datetime, _: Random, __: Options) -> Lived:
    return _ended(register, resident, at, "renew", SUPERSEDED, "same_day")


def _lose(register: Register, resident: Resident, at: datetime, _: Random, options: Options) -> Lived:
    return _ended(register, resident, at, "lose", KEY_COMPROMISE, options.reissue or "never")


def _hold(register: Register, resident: Resident, at: datetime, _: Random, options: Options) -> Lived:
    return _ended(register, resident, at, "hold", HOLD, options.reissue or "never")


def _stop(register: Register, resident: Resident, at: datetime, _: Random, options: Options) -> Lived:
    return _ended(register, resident, at, "stop", CESSATION_OF_OPERATION, options.reissue or "never")


def _strike(register: Register, resident: Resident, at: datetime, _: Random, __: Options) -> Lived:
    resident.struck = True
    return _ended(register, resident, at, "strike", CESSATION_OF_OPERATION, "never")


def _reissue(register: Register, resident: Resident, at: datetime, _: Random, __: Options) -> Lived:
    return _ended(register, resident, at, "reissue", None, "same_day")


ACTS: Final[dict[str, Act]] = {
    "move": _move,
    "rename": _rename,
    "renew": _renew,
    "lose": _lose,
    "hold": _hold,
    "stop": _stop,
    "strike": _strike,
    "reissue": _reissue,
}


def _ended(
    register: Register,
    resident: Resident,
    at: datetime,
    event: str,
    reason: int | None,
    reissue: Reissue,
) -> Lived:
    """Ends what can still be ended, then issues now, later or never.

    An expired certificate is not revoked: expiry is not revocation, and J-LIS lists only what still ran.
    """
    ended = resident.open_certificate(at) if reason is not None else None
    birthdays = 5
    if ended is not None and reason is not None:
        if reason == SUPERSEDED and at >= ended.not_after - _RENEWAL_WINDOW:
            birthdays = 6
        register.revoke(ended, at, reason)
    issued = None
    if reissue == "same_day":
        issued = register.issue(resident, at, birthdays=birthdays)
    elif reissue != "never":
        register.due[resident.number] = Due(at + timedelta(days=reissue), "reissue")
    return Lived(
        at=at,
        resident=resident,
        event=event,
        ended=ended,
        reason=reason if ended is not None else None,
        issued=issued,
        items=resident.person.four_information(),
    )
