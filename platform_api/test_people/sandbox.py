"""The sandbox's own side over HTTP, bounded in time and size; a refusal of its becomes a problem of ours.

Its texts are not passed on: a code of theirs is, in a sentence of ours.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import orjson

from platform_api.problems import Problem, not_found

_MOST_OCTETS: Final = 4 * 1024 * 1024
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,39}\Z")
#: For an answer that is looked up, and for one that publishes a day of up to a million residents.
SHORT_S: Final = 10.0
LONG_S: Final = 300.0


class SandboxPeople:
    """``/sandbox/v1`` of the sandbox whose clock we follow."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base = base_url.rstrip("/") + "/sandbox/v1"

    async def get(self, *path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        return await self._call("GET", path, query=query)

    async def post(
        self, *path: str, body: Mapping[str, Any], suffix: str = "", within_s: float = SHORT_S
    ) -> dict[str, Any]:
        """``suffix``: the verb behind the last part, ``:sign``."""
        return await self._call("POST", path, body=body, suffix=suffix, within_s=within_s)

    async def _call(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        suffix: str = "",
        within_s: float = SHORT_S,
    ) -> dict[str, Any]:
        url = "/".join((self._base, *(quote(part, safe=":") for part in path))) + suffix
        data = None if body is None else orjson.dumps(body)
        headers = {} if data is None else {"Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(within_s),
                self._session.request(
                    method, url, params=query, data=data, headers=headers, allow_redirects=False
                ) as response,
            ):
                octets = await _capped(response)
                status = response.status
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise _unreachable() from None
        try:
            answer = orjson.loads(octets)
        except orjson.JSONDecodeError:
            raise _unreachable() from None
        if not isinstance(answer, dict) or status >= 500:
            raise _unreachable()
        if status >= 300:
            raise _refused(status, answer.get("code"))
        return answer


async def _capped(response: aiohttp.ClientResponse) -> bytes:
    octets = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        octets += chunk
        if len(octets) > _MOST_OCTETS:
            raise aiohttp.ClientPayloadError
    return bytes(octets)


def _refused(status: int, code: object) -> Problem:
    """404 names nothing; the others are conflicts of the sandbox's world, by its code."""
    if status == 404:
        return not_found()
    known = code if isinstance(code, str) and _CODE.match(code) else "REFUSED"
    return Problem(
        409 if status == 409 else 422,
        f"SANDBOX_{known}",
        en=f"The sandbox refused this with {known}; look at the person and the clock, change the request.",
        ja=f"サンドボックスが{known}で拒否しました。人物と時計の状態を確認し、リクエストを変更してください。",
    )


def _unreachable() -> Problem:
    return Problem(
        503,
        "SANDBOX_UNREACHABLE",
        en="The sandbox gave no usable answer; start jpki sandbox, or ask again later.",
        ja="サンドボックスから有効な応答がありません。jpki sandboxを起動するか、後で再試行してください。",
        headers={"Retry-After": "5"},
    )


def missing() -> Problem:
    """This server follows no sandbox."""
    return Problem(
        503,
        "SANDBOX_NOT_SET",
        en="This server has no sandbox with people; the operator sets JPKI_SANDBOX_URL.",
        ja="このサーバーには人物のいるサンドボックスがありません。運営者がJPKI_SANDBOX_URLを設定します。",
    )
