"""Who asks OCSP, for both routes: from memory where it is known, else found out beside the loop.

The strongest of what was shown decides (``institutions/callers.py``): a key, a client certificate, a listed
network. A connection keeps the view it was given for half a second, and then asks again; ``Callers`` itself
remembers for ``caller_ttl_s``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from platform_api.institutions.model import Entitlement
from platform_api.institutions.remembered import Unavailable
from platform_api.ocsp._caller_view import CallerView
from platform_api.ocsp.permission import Permission, permission
from platform_api.peers import address_of

if TYPE_CHECKING:
    from platform_api.institutions.caller import Caller
    from platform_api.institutions.callers import Callers
    from platform_api.workers.part import Part
    from revocation.authorities import Authorities
    from revocation.identity import CertificateIdentity

_REFUSED: Final = 0
_UNAVAILABLE: Final = 1
_FIRST_CALLER: Final = 2

#: OCSPResponseStatus of what is not allowed.
_STATUS: Final = {Permission.TRY_LATER: 3, Permission.UNAUTHORIZED: 6}


class Identification:
    """The callers of one process; ``workers`` processes share each caller's rate."""

    def __init__(
        self,
        callers: Callers,
        part: Part,
        *,
        workers: int = 1,
    ) -> None:
        self.callers: Final = callers
        self._part: Final = part
        self._workers: Final = workers
        self._views: Final[dict[int, CallerView]] = {}
        nobody = memoryview(bytearray(32)).cast("Q")
        self._nobody: Final = {
            number: CallerView(None, number, registered_only=False, rate=0.0, burst=0.0, row=nobody)
            for number in (_REFUSED, _UNAVAILABLE)
        }

    def known(
        self, authorization: bytes, certificate: bytes | None, peer: str | None
    ) -> CallerView | asyncio.Future[CallerView]:
        """The caller of a connection that shows this; its ``caller`` is None where it is nobody.

        ``authorization``: the header's value, empty where there is none.
        """
        caller = None
        if authorization:
            caller = self.callers.known(authorization)
        elif certificate is not None:
            caller = self.callers.known_by_certificate(certificate)
        elif peer is None:
            return self._of_nobody(_REFUSED)
        elif (address := address_of(peer)) is not None:
            caller = self.callers.known_by_address(address)
        if caller is not None:
            return self.view(caller)
        return asyncio.ensure_future(self.identified(authorization, certificate, peer))

    async def identified(
        self, authorization: bytes, certificate: bytes | None, peer: str | None
    ) -> CallerView:
        """The same, asked of the database where memory does not know."""
        shown = authorization.decode("latin-1") if authorization else None
        caller = await self.callers.identify(shown, certificate, peer)
        if caller is None:
            return self._of_nobody(_REFUSED)
        if isinstance(caller, Unavailable):
            return self._of_nobody(_UNAVAILABLE)
        return self.view(caller)

    def view(self, caller: Caller) -> CallerView:
        """As long as nothing about a caller changes it is one object, and has one view."""
        view = self._views.get(caller.key_slot)
        if view is None or view.caller is not caller:
            principal = caller.principal
            view = CallerView(
                caller,
                _FIRST_CALLER + caller.slot,
                registered_only=principal.entitlement == Entitlement.REGISTERED,
                rate=caller.ocsp_rate_per_s / self._workers,
                burst=max(1.0, caller.ocsp_burst / self._workers),
                row=self._part.caller(principal.institution_id, principal.key_id),
            )
            self._views[caller.key_slot] = view
        return view

    async def refused(
        self, caller: Caller, identities: Sequence[CertificateIdentity | None], authorities: Authorities
    ) -> int | None:
        """The OCSPResponseStatus for a caller that may not hear of one of these; None: of all it may."""
        return _STATUS.get(await permission(self.callers, caller, identities, authorities))

    def _of_nobody(self, number: int) -> CallerView:
        return self._nobody[number]
