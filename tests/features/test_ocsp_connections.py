"""One connection of the fast path: what it does when something fails, when nobody reads, when it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from platform_api.ocsp.server import Limits
from platform_api.workers.counts import Count
from tests.base.eventually import eventually
from tests.features.edge_sockets import asked, wire
from tests.features.ocsp_face import FAST, ROUTES, Faces
from tests.features.ocsp_routes import ERRORS, alike, compared, get, post
from tests.features.ocsp_transport import connected
from tests.features.request_heads import head
from tests.forged_requests import request
from tests.revocation.ocsp_world import REVOKED, cert_id

pytestmark = pytest.mark.timeout(120)

KNOWN = post(request(cert_id(REVOKED)))
PUT = head("Content-Length: 3", start="PUT /ocsp HTTP/1.1")


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Faces]:
    async with alike(tmp_path) as (_, faces):
        await asked(faces.ports[FAST], KNOWN)
        yield faces


async def test_what_fails_for_one_is_never_told_another(
    made: Faces, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that was laid out before a failure goes to nobody else's connection."""

    def fail(*_given: Any) -> None:
        raise RuntimeError("expected to fail")

    (before,) = await asked(made.ports[FAST], KNOWN)
    with monkeypatch.context() as patched, caplog.at_level(logging.CRITICAL, logger="asyncio"):
        patched.setattr(made.answers, "ask", fail)
        async with wire(made.ports[FAST]) as failing:
            await failing.send(KNOWN + post(request(cert_id(4711))))
            assert await failing.answer() == before
            assert (await failing.answer()).body == ERRORS["internal"]
    found = await asked(made.ports[FAST], post(b""), KNOWN, methods=("POST", "POST"))
    assert found[0].body == ERRORS["malformed"]
    assert found[1] == before


async def test_the_rest_of_a_connection_is_aiohttps_even_where_nobody_reads(made: Faces) -> None:
    """An odd request behind unread answers: when they are read, it is answered, and what follows it."""
    protocol, transport = connected(made, high=100)
    protocol.data_received(KNOWN * 3 + PUT)
    assert transport.protocol is not protocol
    assert transport.writing_paused
    transport.read()
    assert transport.is_reading()
    transport.protocol.data_received(b"abc")
    await eventually(lambda: b" 405 " in transport.said)
    transport.abort()


async def test_the_clients_end_is_handed_over_as_well(made: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the client has sent all it will, aiohttp does not wait for more of it."""
    waited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(made.answers, "ask", lambda *_given: waited)
    protocol, transport = connected(made)
    protocol.data_received(post(request(cert_id(4711))) + PUT + b"abc")
    assert protocol.eof_received()
    waited.set_result(3)
    await eventually(lambda: transport.protocol is not protocol)
    await eventually(lambda: transport.is_closing(), seconds=5.0)


async def test_t50_answers_that_nobody_reads_are_not_added_to(made: Faces) -> None:
    """faults.md, T50: 10,000 requests and no reads: what was read at once is held, no more is read."""
    protocol, transport = connected(made, high=65_536)
    for _ in range(10_000):
        if not transport.is_reading():
            break
        protocol.data_received(KNOWN * 20)
    assert not transport.is_reading()
    held = len(transport.held)
    assert held < 4 * 65_536
    answered = 0
    while transport.held:
        answered += len(compared(transport.held))
        transport.read()
    assert transport.is_reading()
    assert answered == len(compared(transport.said))
    assert answered >= 20
    transport.abort()


async def test_too_many_connections(tmp_path: Path) -> None:
    """One more than may be is closed as it comes, and counted; the others are served."""
    async with alike(tmp_path, limits=Limits(connections=2)) as (_, made):
        port = made.ports[FAST]
        async with wire(port) as first, wire(port) as second:
            for each in (first, second):
                await each.send(KNOWN)
                assert (await each.answer()).status == 200
            async with wire(port) as third:
                assert await third.until_closed() == b""
            assert made.count(Count.CONNECTIONS_REFUSED) == 1
            assert made.count(Count.CONNECTIONS_OPEN) == 2
            await first.send(KNOWN)
            assert (await first.answer()).status == 200
        await eventually(lambda: made.server.connections == 0)
        assert made.count(Count.CONNECTIONS_OPEN) == 0


SLOW = {
    "nothing at all": b"",
    "a head that is not whole": KNOWN[:20],
    "a body that is not whole": KNOWN[:-1],
    "a body of which nothing comes": KNOWN[: KNOWN.index(b"\r\n\r\n") + 4],
    "chunks that do not end": head("Transfer-Encoding: chunked") + b"5\r\n01",
    "an answer, and half a request": KNOWN + KNOWN[:30],
}


@pytest.mark.parametrize("name", list(SLOW))
async def test_t45_slow_clients_are_ended(tmp_path: Path, name: str) -> None:
    """faults.md, T45; bad-inputs.md, item 43: whatever is not whole in its time is ended; others go on."""
    async with alike(tmp_path, limits=Limits(request_s=0.2, idle_s=60.0)) as (_, made):
        async with wire(made.ports[FAST]) as slow:
            await slow.send(SLOW[name])
            if SLOW[name].startswith(KNOWN):
                await slow.answer()
            assert (await asked(made.ports[FAST], KNOWN))[0].status == 200
            await slow.until_closed()
        assert made.count(Count.TIMEOUTS) == 1
        assert (await asked(made.ports[FAST], KNOWN))[0].status == 200


async def test_t45_a_drip_gets_no_more_time_for_each_drop(made: Faces) -> None:
    """faults.md, T45: the time of a request is set once, when its first octet comes, not with each."""
    protocol, transport = connected(made)
    begun = protocol.deadline
    protocol.data_received(KNOWN[:1])
    first = protocol.deadline
    for octet in KNOWN[1:-1]:
        protocol.data_received(bytes([octet]))
        assert protocol.deadline == first
    assert first >= begun
    protocol.data_received(KNOWN[-1:])
    assert transport.said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert protocol.deadline > first + 30  # idle_s from now
    protocol.data_received(KNOWN[:1])
    assert protocol.deadline < first + 30
    transport.abort()


async def test_an_idle_connection_ends_quietly(tmp_path: Path) -> None:
    """Between two requests the end is an ordinary one, and no client that was too slow."""
    async with alike(tmp_path, limits=Limits(request_s=60.0, idle_s=0.2)) as (_, made):
        async with wire(made.ports[FAST]) as idle:
            await idle.send(KNOWN)
            await idle.answer()
            await idle.until_closed()
        assert made.count(Count.TIMEOUTS) == 0


async def test_answers_that_are_not_read_in_time(tmp_path: Path) -> None:
    """A client that leaves its answers unread has so long, and no longer."""
    async with alike(tmp_path, limits=Limits(stalled_s=0.2)) as (_, made):
        protocol, transport = connected(made, high=100)
        protocol.data_received(KNOWN * 3)
        await eventually(lambda: transport.aborted)
        assert made.count(Count.TIMEOUTS) == 1


async def test_what_is_asked_before_the_end_is_answered(made: Faces) -> None:
    """A client that asks and says at once that it asks no more, hears its answer."""
    async with wire(made.ports[FAST]) as one:
        await one.send(KNOWN)
        one.end_sending()
        assert len(compared(await one.until_closed())) == 1


async def test_a_drain_ends_idle_ones_and_answers_the_rest(
    made: Faces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the process stops: idle connections end at once, who waits is answered and told to close, a
    request that is coming may still come; nobody new is let in."""
    waited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    port = made.ports[FAST]
    async with wire(port) as idle, wire(port) as waiting, wire(port) as coming:
        await idle.send(KNOWN)
        await idle.answer()
        monkeypatch.setattr(made.answers, "ask", lambda *_given: waited)
        await waiting.send(post(request(cert_id(4711))))
        await coming.send(KNOWN[:30])
        await eventually(lambda: made.count(Count.POST) == 3 and made.server.connections == 3)
        await eventually(lambda: made.count(Count.CACHE_MISS) >= 2)
        draining = asyncio.create_task(made.server.drain(20.0))
        await idle.until_closed()
        with pytest.raises(ConnectionError):
            async with wire(port):
                pass
        waited.set_result(3)
        for one, rest in ((waiting, b""), (coming, KNOWN[30:])):
            await one.send(rest)
            answer = await one.answer()
            assert answer.field("Connection") == "close"
            await one.until_closed()
        await draining
        assert made.server.connections == 0


async def test_a_drain_does_not_wait_for_ever(made: Faces) -> None:
    """Whoever is in the middle when the time is over is ended."""
    async with wire(made.ports[FAST]) as coming:
        await coming.send(KNOWN[:30])
        await eventually(lambda: made.server.connections == 1)
        await made.server.drain(0.05)
        await coming.until_closed()
        await eventually(lambda: made.server.connections == 0)


async def test_get_in_absolute_form(made: Faces) -> None:
    """RFC 9112 section 3.2.2: a server must take the absolute form, by whatever method."""
    body = request(cert_id(REVOKED))
    for route in ROUTES:
        (expected,) = await asked(made.ports[route], KNOWN)
        target = get(body).split(b" ")[1].decode()
        for start, rest in (
            (f"GET http://ocsp.example.jp{target} HTTP/1.1", b""),
            ("POST http://ocsp.example.jp/ocsp HTTP/1.1", body),
        ):
            fields = [f"Content-Length: {len(rest)}"] if rest else []
            (found,) = await asked(made.ports[route], head(*fields, start=start) + rest)
            assert found == expected, start


async def test_a_failure_in_the_sweep_ends_no_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in one second, the next looks at slow connections again."""
    async with alike(tmp_path, limits=Limits(request_s=0.2)) as (_, made):
        failed = asyncio.Event()
        tick = made.answers.tick

        def fail_once() -> None:
            if not failed.is_set():
                failed.set()
                raise RuntimeError("expected to fail")
            tick()

        monkeypatch.setattr(made.answers, "tick", fail_once)
        async with asyncio.timeout(10):
            await failed.wait()
        protocol, transport = connected(made)
        protocol.data_received(KNOWN[:20])
        await eventually(lambda: transport.aborted, seconds=5.0)
