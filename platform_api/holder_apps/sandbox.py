"""The sandbox's app: a page of the sandbox process that plays card or phone."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

import aiohttp
import orjson

from platform_api.consents.receiving import SignedApplication
from platform_api.holder_apps.port import Departure, HolderAppFailed, Signed, SigningRequest

NAME: Final = "sandbox"
_DEADLINE_S: Final = 10.0
#: An answer holds an application, a signature and a certificate.
_MOST_OCTETS: Final = 64 * 1024


class SandboxApp:
    """Client of ``/app/v1``; an async context manager."""

    def __init__(self, url: str, *, browser_url: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._browser_url = (browser_url or url).rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_DEADLINE_S), trust_env=False
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def name(self) -> str:
        return NAME

    @property
    def usable(self) -> bool:
        return True

    @property
    def origin(self) -> str:
        parts = urlsplit(self._browser_url)
        return f"{parts.scheme}://{parts.netloc}"

    async def start(self, request: SigningRequest) -> Departure:
        answer = await self._post(
            "requests",
            {
                "state": request.state,
                "application": b64encode(request.application).decode(),
                "return_url": request.return_url,
                "language": request.language,
            },
        )
        try:
            query = urlencode({"request": _text(answer, "request_id")})
            return Departure(f"{self._browser_url}/app/sign?{query}", _text(answer, "ticket"))
        except ValueError:
            raise _failed("a request_id and a ticket", "another answer") from None

    async def finish(self, ticket: str, code: str) -> Signed:
        answer = await self._post("requests:redeem", {"ticket": ticket, "code": code})
        try:
            signed = SignedApplication(
                application=_octets(answer, "application"),
                signature=_octets(answer, "signature"),
                signature_algorithm=_text(answer, "signature_algorithm"),
                certificate=_octets(answer, "certificate"),
            )
            return Signed(signed, _text(answer, "ppid"))
        except ValueError:
            raise _failed("what was signed, and by whom", "another answer") from None

    async def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        if self._session is None:
            raise AssertionError("expected the sandbox app to be entered, got a closed one")
        try:
            async with self._session.post(
                f"{self._url}/app/v1/{path}",
                data=orjson.dumps(body),
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
            ) as response:
                octets = await response.content.read(_MOST_OCTETS + 1)
                if response.status not in (200, 201):
                    raise _failed("status 200 or 201", f"status {response.status}")
        except (aiohttp.ClientError, TimeoutError) as failure:
            raise _failed("an answer of the sandbox's app", type(failure).__name__) from None
        try:
            answer = orjson.loads(octets)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise _failed("one JSON object", "another answer")
        return answer


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= _MOST_OCTETS:
        raise ValueError(name)
    return value


def _octets(answer: dict[str, Any], name: str) -> bytes:
    try:
        return b64decode(_text(answer, name).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError(name) from None


def _failed(expected: str, got: str) -> HolderAppFailed:
    return HolderAppFailed(
        "HOLDER_APP_FAILED",
        expected=expected,
        got=got,
        remedy="see that the sandbox runs at sandbox_url, and begin to sign again",
    )
