"""The app that plays card or phone: signing requests, each for one state, one signature and one code.

A service announces what is to be signed and where the browser shall come back to; the page
(``holder_page.py``) shows it to a person, who signs; the browser goes back with a code, for which the
service fetches the signature. Everything is in memory and short-lived: a restart forgets what was under way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from platform_api.sandbox.app import SANDBOX
from platform_api.sandbox.applications import Application, parse_application
from platform_api.sandbox.handlers_sandbox import sign_with
from platform_api.sandbox.kinds import CARD_SIGN, MOBILE_SIGN
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.requests import Encoded, body_of, decoded, json_response
from platform_api.sandbox.world import World

#: In this simulated world everybody chose the same one; the page says so.
PIN: Final = "ABC123"
#: A real signing certificate is locked after five wrong ones.
MOST_WRONG_PINS: Final = 5
KINDS: Final = (CARD_SIGN, MOBILE_SIGN)

_LIVES_S: Final = 20 * 60.0
_CODE_LIVES_S: Final = 120.0
_MOST: Final = 1_000
#: Where a browser may be sent back to: this machine, and what the operator lists here, separated by commas.
ALLOWED: Final = "JPKI_SANDBOX_RETURN_URLS"
_LOOPBACK: Final = frozenset(("127.0.0.1", "localhost", "::1"))
_RETURN_PATH: Final = "/c/callback/sandbox"


class SigningRequest(BaseModel):
    """What a service announces."""

    model_config = ConfigDict(extra="forbid", strict=True)

    state: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,128}$")]
    application: Encoded
    return_url: Annotated[str, Field(max_length=500)]
    language: Literal["ja", "en"] = "ja"


class Redeem(BaseModel):
    """The code that the browser brought back, and the ticket that only the service has."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ticket: Annotated[str, Field(max_length=128)]
    code: Annotated[str, Field(max_length=128)]


@dataclass(slots=True, repr=False)
class Pending:
    """One request under way."""

    request_id: str
    state: str
    octets: bytes
    application: Application
    return_url: str
    language: str
    ticket: str
    since: float
    wrong_pins: int = 0
    code: str | None = None
    code_since: float = 0.0
    signed: dict[str, str] = field(default_factory=dict)

    def back(self, **query: str) -> str:
        """Where the browser goes, with the state that it came with."""
        return f"{self.return_url}?{urlencode({'state': self.state, **query})}"

    @property
    def origin(self) -> str:
        parts = urlsplit(self.return_url)
        return f"{parts.scheme}://{parts.netloc}"


class HolderRequests:
    """Those under way, the oldest first; a state is taken once."""

    def __init__(self, allowed: Collection[str], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._allowed = frozenset(allowed)
        self._monotonic = monotonic
        self._pending: OrderedDict[str, Pending] = OrderedDict()
        self._states: OrderedDict[str, None] = OrderedDict()

    def add(self, body: SigningRequest) -> Pending:
        self._forget()
        if not self.may_return(body.return_url):
            raise RequestRefused(
                422,
                "RETURN_URL_NOT_ALLOWED",
                f"expected {_RETURN_PATH} on this machine, or an address listed in {ALLOWED}",
            )
        if body.state in self._states:
            raise RequestRefused(409, "STATE_USED", "expected a state that is new; begin again at the letter")
        octets = decoded("application", body.application)
        pending = Pending(
            request_id=secrets.token_urlsafe(24),
            state=body.state,
            octets=octets,
            application=parse_application(octets),
            return_url=body.return_url,
            language=body.language,
            ticket=secrets.token_urlsafe(24),
            since=self._monotonic(),
        )
        self._states[body.state] = None
        while len(self._states) > 10 * _MOST:
            self._states.popitem(last=False)
        self._pending[pending.request_id] = pending
        return pending

    def may_return(self, url: str) -> bool:
        """Exactly a listed address; or ours on this machine, whatever the port."""
        if url in self._allowed:
            return True
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return False
        return (
            parts.scheme in ("http", "https")
            and parts.hostname in _LOOPBACK
            and (port is None or port > 0)
            and parts.username is None
            and parts.path == _RETURN_PATH
            and "?" not in url
            and "#" not in url
        )

    def find(self, request_id: str) -> Pending:
        """The request, while nobody has signed or given up."""
        self._forget()
        pending = self._pending.get(request_id)
        if pending is None or pending.code is not None:
            raise RequestRefused(404, "NO_SUCH_REQUEST", "expected a request under way; begin at the letter")
        return pending

    def end(self, pending: Pending) -> None:
        self._pending.pop(pending.request_id, None)

    def done(self, pending: Pending, signed: dict[str, str]) -> str:
        """Keeps what was signed until it is fetched; gives the code."""
        pending.code = code = secrets.token_urlsafe(24)
        pending.code_since, pending.signed = self._monotonic(), signed
        return code

    def redeem(self, body: Redeem) -> dict[str, str]:
        """Once, soon, and only by who announced the request."""
        self._forget()
        for pending in self._pending.values():
            if (
                pending.code is not None
                and hmac.compare_digest(pending.code.encode(), body.code.encode())
                and hmac.compare_digest(pending.ticket.encode(), body.ticket.encode())
            ):
                self.end(pending)
                return pending.signed
        raise RequestRefused(404, "NO_SUCH_CODE", "expected a code and its ticket, once; begin at the letter")

    def _forget(self) -> None:
        now = self._monotonic()
        for pending in list(self._pending.values()):
            old = now - pending.since >= _LIVES_S
            if old or (pending.code is not None and now - pending.code_since >= _CODE_LIVES_S):
                self.end(pending)
        while len(self._pending) >= _MOST:
            self._pending.popitem(last=False)


REQUESTS: Final = web.AppKey("holder_requests", HolderRequests)


def add_routes(app: web.Application) -> None:
    listed = os.environ.get(ALLOWED, "")
    app[REQUESTS] = HolderRequests([url.strip() for url in listed.split(",") if url.strip()])
    app.router.add_post("/app/v1/requests", post_request)
    app.router.add_post("/app/v1/requests:redeem", post_redeem)


async def post_request(request: web.Request) -> web.Response:
    pending = request.app[REQUESTS].add(await body_of(request, SigningRequest))
    return json_response({"request_id": pending.request_id, "ticket": pending.ticket}, 201)


async def post_redeem(request: web.Request) -> web.Response:
    return json_response(request.app[REQUESTS].redeem(await body_of(request, Redeem)))


async def sign(request: web.Request, pending: Pending, resident_id: str, kind: str) -> dict[str, str]:
    """What the service fetches; the very octets that it announced."""
    sandbox = request.app[SANDBOX]
    signed = await sandbox.ask(sign_with, sandbox.world, resident_id, kind, pending.octets)
    ppid = await sandbox.ask(_pairwise_id, sandbox.world, resident_id, pending.application)
    return signed | {"application": base64.b64encode(pending.octets).decode("ascii"), "ppid": ppid}


def _pairwise_id(world: World, resident_id: str, application: Application) -> str:
    """The same person at the same service, whichever card or phone: the same; at another service, another."""
    key = bytes.fromhex(world.settings.keys_sha256)
    parts = (str(world.resident(resident_id).number), application.institution_code, application.service_code)
    return hmac.new(key, "\n".join(parts).encode(), hashlib.sha256).hexdigest()
