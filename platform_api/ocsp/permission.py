"""May this caller hear the answer to this OCSP request? Decided before anything is signed (design 10).

All or nothing: one CertID that the caller may not ask about closes the whole request, since an OCSPResponse
has one status. A server that answers anonymously (the sandbox, ``jpki responder``) asks nothing of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from platform_api.institutions.caller import Caller
from platform_api.institutions.remembered import Unavailable

if TYPE_CHECKING:
    from platform_api.institutions.callers import Callers
    from revocation.authorities import Authorities
    from revocation.identity import CertificateIdentity


class Permission(StrEnum):
    """``UNAUTHORIZED`` and ``TRY_LATER`` are unsigned answers (RFC 6960 section 2.3), nobody's to keep."""

    ALLOWED = "allowed"
    UNAUTHORIZED = "unauthorized"
    TRY_LATER = "try_later"


def permission_now(
    callers: Callers,
    caller: Caller | Unavailable | None,
    identities: Sequence[CertificateIdentity | None],
    authorities: Authorities,
) -> Permission | None:
    """The decision from memory alone, without I/O; None where ``permission`` must be awaited.

    ``identities`` are the certificates asked about, None for a CertID of no CA of ours. Such a request has no
    certificate to protect: the responder itself answers it unauthorized.
    """
    if caller is None:
        return Permission.UNAUTHORIZED
    if isinstance(caller, Unavailable):
        return Permission.TRY_LATER
    undecided = False
    for identity in identities or (None,):
        authority = None if identity is None else authorities.by_id(identity.ca_id)
        if not callers.may_ask(caller, authority):
            return Permission.UNAUTHORIZED
        if identity is None:
            continue
        entitled = callers.entitled_now(caller, identity)
        if entitled is False:
            return Permission.UNAUTHORIZED
        undecided = undecided or entitled is None
    return None if undecided else Permission.ALLOWED


async def permission(
    callers: Callers,
    caller: Caller | Unavailable | None,
    identities: Sequence[CertificateIdentity | None],
    authorities: Authorities,
) -> Permission:
    """The decision; asks the database where ``permission_now`` does not know."""
    if (decided := permission_now(callers, caller, identities, authorities)) is not None:
        return decided
    assert isinstance(caller, Caller)  # noqa: S101 - everything else was decided
    for identity in identities:
        if identity is None:
            continue
        entitled = await callers.entitled(caller, identity)
        if entitled is False:
            return Permission.UNAUTHORIZED
        if not entitled:
            return Permission.TRY_LATER
    return Permission.ALLOWED
