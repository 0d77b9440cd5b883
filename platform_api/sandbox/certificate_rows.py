"""A certificate as the register keeps it, and the resident who holds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from platform_api.sandbox.kinds import CARD_SIGN
from platform_api.sandbox.names import FourInformation, Person
from platform_api.sandbox.revoked import REMOVED

HOLD: Final = 6


class Step(NamedTuple):
    """From ``at`` on the certificate is listed with this reasonCode; ``REMOVED``: no longer."""

    at: datetime
    reason: int


@dataclass(slots=True, repr=False, eq=False)
class IssuedCertificate:
    """One certificate: what it says, and how it fared since.

    What a signing certificate says of its holder is drawn when somebody asks; authentication says nothing.
    """

    kind: str
    ca_id: str
    serial: int
    generation: int
    resident: int
    municipality_code: str
    says: Callable[[], FourInformation] | None
    not_before: datetime
    not_after: datetime
    steps: list[Step] = field(default_factory=list)
    _items: FourInformation | None = None

    @property
    def items(self) -> FourInformation | None:
        if self._items is None and self.says is not None:
            self._items = self.says()
        return self._items

    def step_at(self, moment: datetime) -> Step | None:
        """What a list of that moment says of it; None: not listed.

        The date stays that of the first step since it was listed: where a hold is replaced by a final
        reason, the revocation date is that of the hold (X.509 on certificateHold).
        """
        listed: Step | None = None
        for step in self.steps:
            if step.at > moment:
                break
            if step.reason == REMOVED:
                listed = None
            else:
                listed = Step(step.at if listed is None else listed.at, step.reason)
        return listed

    @property
    def revoked(self) -> bool:
        """Revoked or on hold."""
        return bool(self.steps) and self.steps[-1].reason != REMOVED

    @property
    def on_hold(self) -> bool:
        return bool(self.steps) and self.steps[-1].reason == HOLD

    @property
    def listed_since(self) -> datetime:
        """The revocationDate of its entry."""
        found = self.step_at(self.steps[-1].at)
        return self.steps[-1].at if found is None else found.at

    def valid(self, now: datetime) -> bool:
        return not self.revoked and now <= self.not_after


class Resident:
    """One person; ``number`` is the id on the wire as r-000001."""

    __slots__ = ("_draw", "_kinds", "_person", "_versions", "number", "struck", "touched_at")

    def __init__(self, number: int, draw: Callable[[], Sequence[Person]], *, struck: bool) -> None:
        self.number = number
        self.struck = struck
        self._draw = draw
        self._versions: Sequence[Person] | None = None
        self._person: Person | None = None
        self.touched_at: datetime | None = None
        self._kinds: dict[str, list[IssuedCertificate]] = {}

    @property
    def versions(self) -> Sequence[Person]:
        """As they were, then as they were before each change of the past, the newest first."""
        if self._versions is None:
            self._versions = self._draw()
        return self._versions

    @property
    def person(self) -> Person:
        return self.versions[0] if self._person is None else self._person

    @person.setter
    def person(self, person: Person) -> None:
        self._person = person

    @property
    def resident_id(self) -> str:
        return f"r-{self.number:06d}"

    @property
    def certificates(self) -> Sequence[IssuedCertificate]:
        """Of the card's signing kind, the oldest first."""
        return self.of_kind(CARD_SIGN)

    def of_kind(self, kind: str) -> Sequence[IssuedCertificate]:
        return self._kinds.get(kind, ())

    def add(self, certificate: IssuedCertificate) -> None:
        self._kinds.setdefault(certificate.kind, []).append(certificate)

    def newest(self, kind: str) -> IssuedCertificate | None:
        found = self._kinds.get(kind)
        return found[-1] if found else None

    def last_before(self, kind: str, at: datetime) -> IssuedCertificate | None:
        """The last certificate of a kind issued by then, unless it had ended."""
        for certificate in reversed(self.of_kind(kind)):
            if certificate.not_before <= at:
                listed = certificate.step_at(at)
                return certificate if listed is None and at <= certificate.not_after else None
        return None

    def valid(self, kind: str, now: datetime) -> IssuedCertificate | None:
        newest = self.newest(kind)
        return newest if newest is not None and newest.valid(now) else None

    def open(self, kind: str, now: datetime) -> IssuedCertificate | None:
        """The certificate that an event can still end: valid, or on hold with the final reason to come."""
        newest = self.newest(kind)
        if newest is None or now > newest.not_after or (newest.revoked and not newest.on_hold):
            return None
        return newest

    def valid_certificate(self, now: datetime) -> IssuedCertificate | None:
        return self.valid(CARD_SIGN, now)
