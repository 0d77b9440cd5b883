"""Which other certificate belongs to the person behind this one (law art. 18(4), 18(5); old to new)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from platform_api.sandbox.dates import wire
from platform_api.sandbox.known import SIGNING, as_answered, holder_of, kind_of, newest_valid
from platform_api.sandbox.register import IssuedCertificate

if TYPE_CHECKING:
    from platform_api.sandbox.world import World

Relation = Literal["successor", "card", "mobile", "authentication"]
RELATIONS: Final = ("successor", "card", "mobile", "authentication")


def link(
    world: World, asked: IssuedCertificate | None, relation: Relation, *, agreed: bool, now: datetime
) -> dict[str, Any]:
    """An outcome, and the certificate with LINKED. Without the customer's agreement nothing is looked up."""
    if not agreed:
        return {"outcome": "NOT_AGREED"}
    if asked is None:
        return {"outcome": "CERTIFICATE_UNKNOWN"}
    resident = holder_of(world, asked)
    for kind in _kinds(kind_of(asked), relation, valid=asked.valid(now)):
        found = newest_valid(resident, kind, now)
        if found is not None and found is not asked:
            return {"outcome": "LINKED", "certificate": as_answered(world, found), "as_of": wire(now)}
    return {"outcome": "NONE", "as_of": wire(now)}


def _kinds(own: str, relation: Relation, *, valid: bool) -> tuple[str, ...]:
    """The kinds to look at, in order. What is in force has no successor; the authentication certificate is
    that of the same card or phone."""
    device = own.partition("-")[0]
    match relation:
        case "card":
            return ("card-sign",)
        case "mobile":
            return ("mobile-sign",)
        case "authentication":
            return (f"{device}-auth",)
        case "successor":
            if valid:
                return ()
            if own in SIGNING:
                return (own, *(other for other in SIGNING if other != own))
            return (own,)
