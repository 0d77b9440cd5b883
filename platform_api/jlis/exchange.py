"""One attempt over HTTP: sent once, answered whole and in the agreed form, or not at all.

Errors carry codes and types of ours: what is sent and answered here names a person's certificate.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import aiohttp
import orjson

from platform_api.jlis.calls import JSON, Call
from platform_api.jlis.error_codes import MEANINGS, Reaction, ours
from platform_api.jlis.failures import CallFailed
from platform_api.jlis.gateway import GatewayRefused
from platform_api.jlis.settings import GatewaySettings
from platform_api.outgoing import octets_of, outgoing_session
from revocation.errors import OutsideFailed

#: Whoever wants to be left alone for longer is asked again by the caller's own schedule.
_SOON_S: Final = 2
#: Passed by something on the way, or by J-LIS before it did anything.
_SURELY_UNDONE: Final = frozenset({429, 503})


class Exchange:
    """One session for all calls; ``close`` when done."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings: Final = settings
        self._base: Final = settings.base_url.rstrip("/")
        self._session: Final = outgoing_session(
            concurrency=settings.concurrency, accept=JSON, one_exchange_each=True, tls=settings.tls
        )

    async def close(self) -> None:
        await self._session.close()

    async def send(self, call: Call, body: bytes | None, of: str) -> bytes:
        """The octets of the answer. ``of``: a CA's id at the end of the path, or nothing."""
        headers = {"Accept": call.answer_type}
        if body is not None:
            headers["Content-Type"] = call.media_type
        try:
            async with self._session.request(
                call.method,
                self._base + call.path + quote(of, safe=""),
                data=body,
                headers=headers,
                allow_redirects=False,
            ) as response:
                return await self._answer(call, response)
        except aiohttp.ClientSSLError:
            raise CallFailed("JLIS_TLS_REFUSED", expected="J-LIS behind TLS", got="another") from None
        except aiohttp.ClientConnectorError as error:
            raise _cut(error, undone=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise _cut(error, undone=False) from None

    async def _answer(self, call: Call, response: aiohttp.ClientResponse) -> bytes:
        settings, status = self._settings, response.status
        if 300 <= status < 400:
            raise CallFailed("JLIS_REDIRECTED", expected="an answer", got=f"status {status}")
        if status not in (200, 201):
            raise self._no_answer(response, await octets_of(response, 65_536))
        if response.content_type != call.answer_type or "Content-Encoding" in response.headers:
            raise CallFailed("JLIS_CONTENT_TYPE", expected=call.answer_type, got="another type or coding")
        most = settings.max_list_octets if call.long_answer else settings.max_answer_octets
        octets = await octets_of(response, most)
        if octets is None:
            raise CallFailed("JLIS_ANSWER_TOO_LARGE", expected=f"at most {most} octets", got="more")
        return octets

    def _no_answer(
        self, response: aiohttp.ClientResponse, octets: bytes | None
    ) -> OutsideFailed | GatewayRefused:
        """By the table, where J-LIS itself speaks; a page of something on the way is no refusal of it."""
        status = response.status
        theirs = _code_in(octets) if response.content_type == JSON else None
        code = None if theirs is None else ours(theirs, self._settings.error_codes)
        reaction = None if code is None else MEANINGS[code].reaction
        got = f"status {status}"
        if code is None or status < 400 or (status >= 500 and reaction is Reaction.REFUSED):
            again = (status >= 500 or status == 429) and _soon(response)
            return CallFailed(
                "JLIS_STATUS", expected="status 200", got=got, again=again, undone=status in _SURELY_UNDONE
            )
        if reaction is Reaction.REFUSED:
            return GatewayRefused(
                code,
                expected="acceptance by J-LIS",
                got=got,
                remedy="look at what was sent; the code is explained in platform_api/jlis/error_codes.py",
            )
        again = reaction is Reaction.AGAIN and _soon(response)
        return CallFailed(code, expected="status 200", got=got, again=again, undone=True)


def _soon(response: aiohttp.ClientResponse) -> bool:
    """Does it mind to be asked again within the call? A date is taken for later (RFC 9110 10.2.3)."""
    wanted = response.headers.get("Retry-After", "0").strip()
    return wanted.isascii() and wanted.isdigit() and int(wanted[:6]) <= _SOON_S


def _cut(error: Exception, *, undone: bool) -> CallFailed:
    return CallFailed(
        "JLIS_UNREACHABLE",
        expected="a whole answer of J-LIS",
        got=type(error).__name__,
        again=True,
        undone=undone,
    )


def _code_in(octets: bytes | None) -> str | None:
    try:
        found = orjson.loads(octets or b"")
    except orjson.JSONDecodeError:
        return None
    code = found.get("code") if isinstance(found, dict) else None
    return code if isinstance(code, str) and code else None
