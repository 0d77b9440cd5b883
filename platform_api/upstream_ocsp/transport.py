"""OCSP over HTTP as a client (RFC 6960 appendix A, RFC 9919 section 5): one exchange, bounded in every way.

Neither addresses nor bodies are logged or put into errors: both name a certificate.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from platform_api.outgoing import octets_of, outgoing_session
from revocation.errors import OutsideFailed
from revocation.ocsp.upstream_answer import MAX_RESPONSE_OCTETS

#: RFC 9919 section 5: a request that has more, once encoded, is sent by POST.
MOST_GET_OCTETS: Final = 255

_REQUEST_TYPE: Final = "application/ocsp-request"
#: What responders call an answer; aiohttp reads a missing type as the second. HTML is none.
_RESPONSE_TYPES: Final = frozenset({"application/ocsp-response", "application/octet-stream"})


class OcspTransport:
    """One aiohttp session for all responders; ``async with``."""

    def __init__(self, *, concurrency: int, timeout_s: float, prefer_get: bool) -> None:
        self._prefer_get: Final = prefer_get
        self._timeout_s: Final = timeout_s
        self._turns: Final = asyncio.Semaphore(concurrency)
        self._session: Final = outgoing_session(
            concurrency=concurrency,
            accept="application/ocsp-response",
            # An answer names its certificate, and its nonce: one for another question is refused.
            one_exchange_each=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def exchange(self, url: str, request_der: bytes) -> bytes:
        """The response's octets, not looked into; ``OutsideFailed`` within the deadline otherwise."""
        try:
            async with asyncio.timeout(self._timeout_s), self._turns:
                return await self._exchange(url, request_der)
        except TimeoutError:
            raise no_answer_in(self._timeout_s) from None
        except aiohttp.ClientError as error:
            raise _failed("UNREACHABLE", "a whole answer of the responder", type(error).__name__) from None

    async def _exchange(self, url: str, request_der: bytes) -> bytes:
        path = quote(b64encode(request_der), safe="") if self._prefer_get else ""
        if 0 < len(path) <= MOST_GET_OCTETS:
            # As it is written: "%2F" must not become a slash, nor "%2B" a plus (RFC 6960 appendix A.1).
            address = URL(f"{url.rstrip('/')}/{path}", encoded=True)
            asked = self._session.get(address, allow_redirects=False)
        else:
            asked = self._session.post(
                url, data=request_der, headers={"Content-Type": _REQUEST_TYPE}, allow_redirects=False
            )
        async with asked as response:
            if response.status != 200:
                # Also a redirect: what names a certificate goes to the address that was set and nowhere else.
                raise _failed("STATUS", "status 200", f"status {response.status}")
            if response.content_type.lower() not in _RESPONSE_TYPES:
                raise _failed("CONTENT_TYPE", "application/ocsp-response", "another type")
            octets = await octets_of(response, MAX_RESPONSE_OCTETS)
            if octets is None:
                raise _failed("TOO_LARGE", f"at most {MAX_RESPONSE_OCTETS} octets", "more")
            return octets


def no_answer_in(seconds: float) -> OutsideFailed:
    """The deadline is over."""
    return _failed("TIMEOUT", f"an answer within {seconds:g} s", "none")


def _failed(code: str, expected: str, got: str) -> OutsideFailed:
    return OutsideFailed(
        f"UPSTREAM_{code}",
        expected=expected,
        got=got,
        remedy="the lists go on answering; look at the responder if it lasts",
    )
