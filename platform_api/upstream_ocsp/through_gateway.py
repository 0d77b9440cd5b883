"""OCSP questions by the gateway to J-LIS instead of an address: its hours, lines, breaker and deadline count.

What is believed of an answer, how long it is kept and who may ask how often stay the client's own rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from platform_api.jlis.gateway import Gateway, GatewayRefused
from revocation.errors import OutsideFailed

if TYPE_CHECKING:
    from platform_api.upstream_ocsp.asking import Carrier

#: Before a CA's id, in the place of an address.
SCHEME: Final = "jlis:"


class ThroughGateway:
    """``Carrier``: what begins with ``SCHEME`` goes through the gateway, all else by HTTP."""

    def __init__(self, by_http: Carrier, gateway: Gateway) -> None:
        self._by_http: Final = by_http
        self._gateway: Final = gateway

    async def exchange(self, url: str, request_der: bytes) -> bytes:
        if not url.startswith(SCHEME):
            return await self._by_http.exchange(url, request_der)
        try:
            return await self._gateway.ask_ocsp(url.removeprefix(SCHEME), request_der)
        except GatewayRefused as refused:
            # Of our question, not of the certificate: no word, as from a responder that fails.
            raise OutsideFailed(
                refused.code, expected=refused.expected, got=refused.got, remedy=refused.remedy
            ) from None
