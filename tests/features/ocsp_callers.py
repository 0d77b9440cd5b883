"""Callers without a database, which hold whoever asks to what ``institutions/callers.py`` promises."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

from platform_api.institutions.administration import ALL_PURPOSES, ALL_SCOPES
from platform_api.institutions.caller import Caller
from platform_api.institutions.model import Entitlement, Principal
from platform_api.institutions.remembered import UNAVAILABLE, Unavailable
from platform_api.ocsp.identification import Identification
from revocation.authorities import Authority
from revocation.identity import CertificateIdentity

KINDS = frozenset({"card-sign"})


def caller(
    number: int,
    *,
    entitlement: Entitlement = Entitlement.ANY,
    kinds: frozenset[str] = KINDS,
    rate: int = 1_000_000,
    burst: int = 1_000_000,
) -> Caller:
    principal = Principal(
        UUID(int=number), UUID(int=1000 + number), ALL_SCOPES, ALL_PURPOSES, kinds, entitlement, "live"
    )
    return Caller(
        principal,
        "current_status_check",
        ocsp_rate_per_s=rate,
        ocsp_burst=burst,
        slot=number,
        key_slot=number,
        may_ask=entitlement != Entitlement.PRESENTED,
        of_any=entitlement == Entitlement.ANY,
        institution_octets=principal.institution_id.bytes,
        ends_at=None,
    )


class FakeCallers:
    """``by_header``: whom an Authorization names; None is nobody, ``UNAVAILABLE`` nobody can tell.

    ``watched``: serials that every institution's registrations watch; ``away``: whether one does cannot be
    found out. Nothing is remembered until it was asked for.
    """

    def __init__(self, by_header: dict[str, Caller | Unavailable]) -> None:
        self.by_header = by_header
        self.by_peer: dict[str, Caller] = {}
        self.watched: set[bytes] = set()
        self.away: set[bytes] = set()
        self.asked: Counter[str] = Counter()
        self._remembered: dict[str, Caller] = {}
        #: Asking takes until this is set.
        self.answers = asyncio.Event()
        self.answers.set()

    def known(self, authorization: bytes) -> Caller | None:
        assert authorization, "expected to be asked only about a header that is there"
        self.asked["known"] += 1
        return self._remembered.get(authorization.decode("latin-1"))

    async def identify(
        self, authorization: str | None, certificate_sha256: bytes | None = None, peer: str | None = None
    ) -> Caller | Unavailable | None:
        assert authorization is None or isinstance(authorization, str)
        assert certificate_sha256 is None or len(certificate_sha256) == 32
        self.asked["identify"] += 1
        await asyncio.sleep(0)
        await self.answers.wait()
        if authorization is None:
            return None if peer is None else self.by_peer.get(peer)
        found = self.by_header.get(authorization)
        if isinstance(found, Caller):
            self._remembered[authorization] = found
        return found

    def may_ask(self, caller: Caller, authority: Authority | None) -> bool:
        self.asked["may_ask"] += 1
        return caller.may_ask and (
            authority is None or caller.principal.kinds.issuperset(authority.kinds.values())
        )

    def entitled_now(self, caller: Caller, _identity: CertificateIdentity) -> bool | None:
        if not caller.may_ask:
            return False
        return True if caller.of_any else None

    async def entitled(self, caller: Caller, identity: CertificateIdentity) -> bool | Unavailable:
        if (decided := self.entitled_now(caller, identity)) is not None:
            return decided
        self.asked["entitled"] += 1
        await asyncio.sleep(0)
        await self.answers.wait()
        return UNAVAILABLE if identity.serial in self.away else identity.serial in self.watched


def identified(callers: Any, **options: Any) -> Any:
    """What ``faces`` takes as ``identification``."""
    return lambda part: Identification(callers, part, **options)
