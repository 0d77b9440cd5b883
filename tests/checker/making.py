"""A world under construction: authorities, what they certify, and lists that cover those certificates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tests.checker.names import below, common_name, directory, full_name, uri
from tests.checker.written import (
    CERT_SIGN,
    CRL_SIGN,
    DIGITAL_SIGNATURE,
    Entry,
    Key,
    certificate,
    certificate_list,
    distribution_point,
    issuing_point,
    signing_key,
)
from tests.der_writer import T0

T = TypeVar("T")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class ListTold:
    """What was drawn for one list of the certificate that is looked at closely."""

    scope: tuple[bytes | None, bool]  # the issuingDistributionPoint, and whether it has an AKI
    base: int | None
    number: int | None
    this_update: datetime
    lapsed: bool
    flaw: str
    says: str  # the reason it gives for the certificate, "no reason", or nothing
    odd_entry: bool  # an entry with an unknown critical extension
    freshest: bool


@dataclass(frozen=True)
class SlotTold:
    """What was drawn for one distribution point and its lists."""

    has_point: bool
    point_named: bool
    list_issuer: bool  # the point has a cRLIssuer
    list_named: str  # "", "point", "other" or "issuer"
    fits: bool  # user, CA and attribute scopes
    apart: bool  # the lists' issuer is not the certificate's
    indirect: bool
    point_reasons: frozenset[str] | None
    list_reasons: frozenset[str] | None
    lists: tuple[ListTold, ...]


@dataclass(frozen=True)
class World:
    """One question for a checker, and what it is made of."""

    trust: tuple[bytes, ...]
    others: tuple[bytes, ...]  # intermediates and the certificates of list signers
    lists: tuple[bytes, ...]
    certificate: bytes
    path: tuple[bytes, ...]  # the path meant, from the certificate's issuer up, without the anchor
    at: datetime
    parts: frozenset[str]  # names of what it has
    slots: tuple[SlotTold, ...]
    told: tuple[str, ...]  # the same for a reader, in order

    def __repr__(self) -> str:
        return "World of\n  " + "\n  ".join(self.told)


@dataclass(frozen=True)
class Authority:
    """A name with the key its certificate from above has."""

    text: str
    name: bytes
    key: Key
    above: Authority | None


class Making:
    """Gathers certificates and lists; two octets decide each choice, and zeros choose what is harmless.

    Single draws of Hypothesis for each choice would be mutated one into another, which makes most worlds of
    a run near copies of a few. Octets in one piece are not, and they still shrink to zeros.
    """

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._used = 0
        self.trust: list[bytes] = []
        self.others: list[bytes] = []
        self.lists: list[bytes] = []
        self.path: list[bytes] = []
        self.parts: set[str] = set()
        self.slots: list[SlotTold] = []
        self.scopes: set[bytes | None] = set()  # of lists drawn already
        self.wholly: dict[bytes, Authority] = {}  # who has a list of all it issued
        self._revoked: dict[bytes, list[int]] = {}
        self.told: list[str] = []
        self._serial = 100
        self._key = 0

    def pick(self, *choices: tuple[T, int]) -> T:
        """One of the choices, as often as its weight says."""
        left = self._number() % sum(weight for _, weight in choices)
        for value, weight in choices:
            if left < weight:
                return value
            left -= weight
        raise AssertionError("the weights were summed wrongly")

    def _number(self) -> int:
        self._used += 2
        return int.from_bytes(self._octets[self._used - 2 : self._used], "big")

    def rarely(self, percent: int, *parts: str) -> bool:
        """True in about so many of a hundred worlds, and then these parts are noted."""
        chosen = self.pick((False, 100 - percent), (True, percent))
        if chosen:
            self.note(*parts)
        return chosen

    def order(self, items: Sequence[T]) -> list[T]:
        left, ordered = list(items), []
        while left:
            ordered.append(left.pop(self._number() % len(left)))
        return ordered

    def note(self, *parts: str) -> None:
        self.parts.update(parts)

    def serial(self) -> int:
        self._serial += 1
        return self._serial

    def key(self) -> Key:
        self._key += 1
        return signing_key(self._key)

    def anchor(self, text: str) -> Authority:
        """A self-signed root that is trusted; OpenSSL 3.0 wants a list for it too, so it gets one."""
        root = Authority(text, common_name(text), self.key(), None)
        self.trust.append(self.certify(root, root.name, root.key, role="anchor"))
        return root

    def certify(
        self,
        issuer: Authority,
        subject: bytes,
        key: Key,
        *,
        role: str,
        whole: bool = False,
        revoked: bool = False,
        listed: bool = True,
        usage: Sequence[int] | None = None,
        signed_by: Key | None = None,
        points: Sequence[bytes] | None = None,
        **written: Any,
    ) -> bytes:
        """A certificate that is not looked at closely: one current list of its issuer's covers it.

        The list is of a partition of its own, so that it says nothing of the issuer's other certificates;
        ``whole`` is a list without an issuingDistributionPoint instead.
        """
        written.setdefault("ca", True)
        if usage is None:
            usage = (CERT_SIGN, CRL_SIGN) if written["ca"] else (DIGITAL_SIGNATURE,)
        serial = self.serial()
        place = full_name(directory(below(issuer.name, f"part-{serial}")))
        if not whole and self.rarely(30):
            place = full_name(uri(f"http://lists.test/part-{serial}.crl"))
        if points is None:
            points = () if whole else (distribution_point(place),)
        der = certificate(
            serial=serial,
            issuer=issuer.name,
            signed_by=signed_by or issuer.key,
            subject=subject,
            key=key,
            usage=usage,
            points=points,
            **written,
        )
        if revoked:
            self._revoked.setdefault(issuer.name, []).append(serial)
        if whole and listed:
            self.wholly[issuer.name] = issuer
        elif listed:
            self.lists.append(_current(issuer, [serial] if revoked else [], issuing_point(place)))
        said = f"{role}: serial {serial} by {issuer.text}, key {key.number}"
        said += f" signed with key {(signed_by or issuer.key).number}"
        said += (", REVOKED" if revoked else "") + ("" if listed else ", on no list")
        self.told.append(said)
        return der

    def decoy(self, other: Authority, serial: int) -> None:
        """A list of another authority that revokes a certificate of this serial: not the one meant."""
        self.wholly[other.name] = other
        self._revoked.setdefault(other.name, []).append(serial)
        self.told.append(f"a list of {other.text} has serial {serial} of its own")

    def finished(self, target: bytes) -> World:
        self.lists += [_current(one, self._revoked.get(name, []), None) for name, one in self.wholly.items()]
        return World(
            trust=tuple(self.trust),
            others=tuple(self.order(self.others)),
            lists=tuple(self.order(self.lists)),
            certificate=target,
            path=tuple(self.path),
            at=T0,
            parts=frozenset(self.parts),
            slots=tuple(self.slots),
            told=(*self.told, "parts: " + ", ".join(sorted(self.parts))),
        )


def _current(issuer: Authority, serials: Sequence[int], idp: bytes | None) -> bytes:
    """A complete list that holds now, of a certificate that is not looked at closely."""
    return certificate_list(
        issuer=issuer.name,
        signed_by=issuer.key,
        number=1,
        this_update=T0 - DAY,
        next_update=T0 + DAY,
        entries=[Entry(9000), *(Entry(serial, "keyCompromise") for serial in serials)],
        idp=idp,
    )
