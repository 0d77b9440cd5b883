"""What befalls a resident: each event changes the register, ends certificates, and perhaps issues new ones.

The clock-driven life and the acts by hand go through the same functions, so that one truth covers both.
A phone's certificate dies with the card's that it hangs upon: a move ends the signing certificates of card
and phone and neither authentication certificate; a lost or renewed card ends all four.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Final, Literal

from platform_api.sandbox.history import dependent_reason
from platform_api.sandbox.kinds import CARD, CARD_SIGN, OF_PHONE, SIGNING
from platform_api.sandbox.municipalities import Municipality
from platform_api.sandbox.names import FourInformation
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.register import Due, IssuedCertificate, Register, Resident

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
    day: date | None = None


@dataclass(slots=True, repr=False)
class Lived:
    """One event as it happens: what it ended with which reason, released from hold, and issued."""

    at: datetime
    resident: Resident
    event: str
    ended: list[tuple[IssuedCertificate, int]] = field(default_factory=list)
    released: list[IssuedCertificate] = field(default_factory=list)
    issued: list[IssuedCertificate] = field(default_factory=list)
    items: FourInformation | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Scene:
    """Where an act plays: everything that an event's function needs."""

    register: Register
    resident: Resident
    at: datetime
    random: Random
    options: Options
    lived: Lived

    def change(self, **fields: object) -> None:
        person = self.register.present(self.resident.person)
        self.resident.person = replace(person, **fields)  # type: ignore[arg-type]

    def end(self, kinds: Iterable[str], reason: int) -> None:
        """Ends what can still be ended, and what on the phone hangs upon it.

        An expired certificate is not revoked: expiry is not revocation, and J-LIS lists only what still ran.
        """
        for kind in kinds:
            found = self.resident.open(kind, self.at)
            if found is not None and not (found.on_hold and reason == 6):
                self.register.revoke(found, self.at, reason)
                self.lived.ended.append((found, reason))
            if kind in OF_PHONE:
                self.end((OF_PHONE[kind],), dependent_reason(reason))

    def issue_card(self, *, birthdays: int | None = None) -> None:
        """What the card lacks; nobody under fifteen gets a signing certificate."""
        child = self.resident.person.birth.under_fifteen(self.at)
        for kind in reversed(CARD):
            if kind not in self.register.kinds or (child and kind in SIGNING):
                continue
            if self.resident.valid(kind, self.at) is None:
                self.lived.issued.append(
                    self.register.issue(self.resident, kind, self.at, birthdays=birthdays)
                )

    def reissue(self, habit: Reissue) -> None:
        wanted = self.options.reissue or habit
        if wanted == "same_day":
            self.issue_card()
        elif wanted != "never":
            self.register.due[self.resident.number] = Due(self.at + timedelta(days=wanted), "reissue")


Act = Callable[[Scene], None]


def need_open_card(_: Register, resident: Resident, at: datetime) -> None:
    if not any(resident.open(kind, at) for kind in CARD):
        raise _no_card(resident)


def need_valid_card(_: Register, resident: Resident, at: datetime) -> None:
    if not any(resident.valid(kind, at) for kind in CARD):
        raise _no_card(resident)


def _no_card(resident: Resident) -> RequestRefused:
    return RequestRefused(
        409, "NO_VALID_CARD", f"{resident.resident_id} has no valid card; renew it first or choose another"
    )


def renewed_birthdays(resident: Resident, at: datetime) -> int | None:
    """The sixth birthday where the renewal opened already, else None: the ordinary one."""
    ended = resident.newest(CARD_SIGN)
    if ended is None or at < ended.not_after - _RENEWAL_WINDOW or at > ended.not_after:
        return None
    ordinary = round((ended.not_after - ended.not_before) / timedelta(days=365.25))
    return 11 if ordinary > 6 else 6
