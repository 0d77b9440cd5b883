"""HTTP to the outside as a client: what names a person goes where it was sent, and an answer has its bounds.

No cookies, no proxy of the environment, no decompression; redirects are the caller's to refuse
(``allow_redirects=False`` at each request). Where an answer does not say which question it answers, one
connection carries one exchange: an answer that comes twice, late, waits in the socket of a kept connection
and would be taken for the answer to the next question, which is about another person.
"""

from __future__ import annotations

import ssl
from typing import Final

import aiohttp

_PIECE: Final = 16_384


def outgoing_session(
    *, concurrency: int, accept: str, one_exchange_each: bool, tls: ssl.SSLContext | None = None
) -> aiohttp.ClientSession:
    """Without a deadline of its own: the caller's counts for everything, also for the waiting for a turn."""
    connector = aiohttp.TCPConnector(
        limit=concurrency, ssl=True if tls is None else tls, force_close=one_exchange_each
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": accept, "Accept-Encoding": "identity"},
        auto_decompress=False,
        trust_env=False,
    )


async def octets_of(response: aiohttp.ClientResponse, most: int) -> bytes | None:
    """The whole body; None where it is longer than ``most``, and then the rest is not read."""
    octets = bytearray()
    async for piece in response.content.iter_chunked(_PIECE):
        octets += piece
        if len(octets) > most:
            return None
    return bytes(octets)
