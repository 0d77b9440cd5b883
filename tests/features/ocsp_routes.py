"""The same octets sent to both routes, and what came back compared: the tools of the equivalence tests.

A route's words are compared octet by octet. Left out of that is only what is no answer to OCSP: interim
responses, the request id and the real time of a problem+json, and the wording of aiohttp's own refusals.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from revocation.ocsp.policy import ResponderPolicy, TrustMode
from revocation.ocsp.responder import Responder
from revocation.ocsp.signing import DelegatedSigners, LocallyTrustedSigner
from revocation.ocsp.signing_keys import signing_key
from revocation.snapshot.current import Snapshot
from tests import pki
from tests.features.edge_sockets import BOUND_S, Wire, pieces, wire
from tests.features.ocsp_face import FAST, ORDINARY, ROUTES, Faces, faces
from tests.features.request_heads import head
from tests.revocation import ocsp_world
from tests.revocation.sets import DAY, accepted, ca, record, scope, store

T = TypeVar("T")

ERRORS: Final = {
    "malformed": bytes.fromhex("30030a0101"),
    "internal": bytes.fromhex("30030a0102"),
    "later": bytes.fromhex("30030a0103"),
    "unauthorized": bytes.fromhex("30030a0106"),
}

#: How long both may say nothing more before what they said is taken for all.
_QUIET_S: Final = 0.02


def post(body: bytes, *fields: str, path: str = "/ocsp", minor: int = 1) -> bytes:
    """A POST with its length."""
    lines = (f"Content-Length: {len(body)}", *fields)
    return head(*lines, start=f"POST {path} HTTP/1.{minor}") + body


def chunked(body: bytes, *sizes: int, fields: Sequence[str] = (), path: str = "/ocsp") -> bytes:
    """A POST in chunks of these sizes, the last taking what is left."""
    octets, at = head("Transfer-Encoding: chunked", *fields, start=f"POST {path} HTTP/1.1"), 0
    for size in (*sizes, len(body)):
        if piece := body[at : at + size]:
            octets += b"%x\r\n%s\r\n" % (len(piece), piece)
            at += size
    return octets + b"0\r\n\r\n"


def text_of(body: bytes) -> str:
    """RFC 6960 appendix A.1."""
    return quote(b64encode(body).decode(), safe="")


def get(body: bytes | str, *fields: str, path: str = "/ocsp", minor: int = 1, method: str = "GET") -> bytes:
    """A GET; a text stands in the path as it is."""
    text = body if isinstance(body, str) else text_of(body)
    return head(*fields, start=f"{method} {path}/{text} HTTP/1.{minor}")


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop for tests that are called many times, as those of hypothesis are."""
    loop = asyncio.new_event_loop()
    try:
        yield loop
    finally:
        left = asyncio.all_tasks(loop)  # aiohttp's, of connections that have just ended
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=BOUND_S))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def signed_alike(world: ocsp_world.World, key: Any = None, **policy: Any) -> ocsp_world.World:
    """The world with a responder whose signatures are always the same (Ed25519), at one clock.

    ``key``: signs instead of that key, and as if it were that one.
    """
    own = pki.key("ed25519", 70)
    key = own if key is None else key
    local = pki.ca_certificate(
        own, (("CN", "responder"),), ocsp_world.NOW - DAY, ca=False, crl_sign=None, ski=False
    )
    delegated = {g.key_id: ocsp_world.responder_certificate(own, g) for g in ca().generations}
    responder = Responder(
        world.authorities,
        {
            TrustMode.LOCAL: LocallyTrustedSigner(local, key),
            TrustMode.DELEGATED: DelegatedSigners({k: (c, key) for k, c in delegated.items()}),
        },
        world.clock,
        policy=ResponderPolicy(**policy),
    )
    return replace(world, responder=responder, local=local, delegated=delegated)


@asynccontextmanager
async def alike(
    folder: Path, *, policy: dict[str, Any] | None = None, key: Any = None, **options: Any
) -> AsyncIterator[tuple[ocsp_world.World, Faces]]:
    """``world_faces`` with signatures that are always the same."""
    made_world = await asyncio.to_thread(ocsp_world.make_world, folder)
    world = signed_alike(made_world, key, **(policy or {}))
    responders = dict.fromkeys(TrustMode, world.responder)
    async with faces(responders, world.authorities, world.snapshot, world.clock, **options) as made:
        yield world, made


class ScriptedKey:
    """An Ed25519 key that does what a test says before it signs."""

    def __init__(self, *, slow: bool = False) -> None:
        self._key = signing_key(pki.key("ed25519", 70))
        self.slow = slow
        self.algorithm = self._key.algorithm
        self.before: Callable[[], object] = lambda: None
        self.signed = 0

    def public_key(self) -> Any:
        return self._key.public_key()

    def sign(self, data: bytes) -> bytes:
        self.before()
        self.signed += 1
        return self._key.sign(data)


def another_set(folder: Path, world: ocsp_world.World, number: int, listing: bytes | None = None) -> Snapshot:
    """The set after ``number`` others: each list is newer by so many seconds. ``listing``: records of the
    first partition; None: as in the world at its beginning, but for the odd entries."""
    if listing is None:
        listing = record(ocsp_world.REVOKED, 3) + record(ocsp_world.HELD, 6)
    at = ocsp_world.THIS_UPDATE + timedelta(seconds=number)
    every = {
        each: accepted({}, number=number + 1, this_update=at, lives=DAY)
        for each in world.authority.expected_lists()
    }
    every[scope(world.authority, 1)] = accepted(listing, number=number + 1, this_update=at, lives=DAY)
    return store(folder).publish(every, world.authorities, now=ocsp_world.NOW + timedelta(seconds=number))


@dataclass(frozen=True)
class Running:
    """Both routes on a loop of their own."""

    loop: asyncio.AbstractEventLoop
    world: ocsp_world.World
    faces: Faces

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(what, 4 * BOUND_S))


@contextmanager
def both_running(folder: Path, **options: Any) -> Iterator[Running]:
    with running_loop() as loop:
        opened = alike(folder, **options)
        world, made = loop.run_until_complete(opened.__aenter__())
        try:
            yield Running(loop, world, made)
        finally:
            loop.run_until_complete(opened.__aexit__(None, None, None))


_RESPONSE = re.compile(rb"HTTP/\d\.\d (\d{3}) [^\r]*\r\n(?:[^\r\n]+\r\n)*\r\n")
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)
_OF_THE_MOMENT = re.compile(rb"(\r\n(?:Date|X-Request-Id): )[^\r]*", re.IGNORECASE)
_REQUEST_ID = re.compile(rb'("request_id": ?")[0-9a-f]*')


def compared(octets: bytes, heads: Sequence[bool] = ()) -> list[bytes]:
    """The responses in what a route said, as far as they are compared; ``heads``: which answer HEAD."""
    found, at, number = [], 0, 0
    while at < len(octets):
        match = _RESPONSE.match(octets, at)
        if match is None:
            found.append(octets[at:])
            break
        status, whole = int(match[1]), match[0]
        at = match.end()
        length = _LENGTH.search(whole)
        if status == 100:
            continue
        is_head = number < len(heads) and heads[number]
        number += 1
        body = b""
        if length is not None and status != 304 and not is_head:
            body = octets[at : at + int(length[1])]
            at += int(length[1])
        if b"application/ocsp-response" not in whole and status != 304:
            # Not an answer to OCSP: aiohttp wrote it, on both ports, at different moments.
            whole = _OF_THE_MOMENT.sub(rb"\1", whole)
            if b"problem+json" not in whole:
                whole, body = b"%d" % status, b""  # a refusal by aiohttp's parser tells where it stood
            else:
                body = _REQUEST_ID.sub(rb"\1", body)
        found.append(whole + body)
    return found


def agree(fast: tuple[list[bytes], bool], ordinary: tuple[list[bytes], bool]) -> bool:
    """The same responses and the same end.

    aiohttp's parser drops what it has read together with a request that it refuses; the fast path answers
    whatever stood before that one. A refusal itself may be lost to a client that goes on sending (a reset).
    And aiohttp refuses at the first octet that no request can have, where the fast path waits for the end of
    the head, within the time of a request; while of a body that came in pieces and went wrong in the middle
    aiohttp alone says nothing before its handler's time is over, and all at once, handed over, it is refused.
    """
    if fast == ordinary:
        return True
    (first, ended), (second, ended_too) = fast, ordinary
    refused = [b"400"]
    if not (ended_too and second[-1:] == refused) and not (ended and first[-1:] == refused):
        return False
    answered, those = ([each for each in said if each != b"400"] for said in (first, second))
    return answered[: len(those)] == those


async def said_by_both(
    made: Faces, sent: Sequence[bytes], heads: Sequence[bool] = ()
) -> dict[str, tuple[list[bytes], bool]]:
    """(responses, has the connection ended) of each route, once they are the same and nothing more comes.

    Where they do not become the same they are what they were when the time was over.
    """
    async with wire(made.ports[FAST]) as fast, wire(made.ports[ORDINARY]) as ordinary:
        ended = dict.fromkeys(ROUTES, False)
        said: dict[str, tuple[list[bytes], bool]] = {}
        wires: dict[str, Wire] = {FAST: fast, ORDINARY: ordinary}
        for route, one in wires.items():
            try:
                await one.send(*sent)
            except ConnectionError:
                ended[route] = True  # it said what it had to say, and ended
        alike_before, before = False, -1
        async with asyncio.timeout(BOUND_S):
            for number in range(100):
                for route, one in wires.items():
                    ended[route] = await one.is_closed_within(_QUIET_S)
                said = {route: (compared(one.octets, heads), ended[route]) for route, one in wires.items()}
                size = len(fast.octets) + len(ordinary.octets)
                # Each is given its time to say the very same before less is enough.
                alike_now = said[FAST] == said[ORDINARY] or (
                    number > 15 and agree(said[FAST], said[ORDINARY])
                )
                if alike_now and (all(ended.values()) or (alike_before and size == before)):
                    break
                alike_before, before = alike_now, size
        return said


async def until_closed(made: Faces, route: str, sent: Sequence[bytes]) -> bytes:
    """All that a route says to these pieces, the last of which asks it to end the connection."""
    async with wire(made.ports[route]) as one:
        await one.send(*sent)
        return await one.until_closed()


async def both_until_closed(
    made: Faces, sent: Sequence[bytes], heads: Sequence[bool] = ()
) -> tuple[list[bytes], list[bytes]]:
    fast, ordinary = [compared(await until_closed(made, route, sent), heads) for route in ROUTES]
    return fast, ordinary


def cut(octets: bytes, *places: int) -> list[bytes]:
    return pieces(octets, places)
