"""Identified callers by both routes: who is answered, who is not, and with the same octets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import ocsp

from platform_api.institutions.caller import Caller
from platform_api.institutions.model import Entitlement
from platform_api.institutions.remembered import UNAVAILABLE, Unavailable
from platform_api.ocsp.answers import Answers
from platform_api.workers.counts import CallerCount, Count
from tests.base.eventually import eventually
from tests.features.edge_sockets import asked, pieces, wire
from tests.features.ocsp_callers import FakeCallers, caller, identified
from tests.features.ocsp_face import FAST, ROUTES
from tests.features.ocsp_routes import (
    ERRORS,
    Running,
    alike,
    another_set,
    both_running,
    both_until_closed,
    compared,
    get,
    post,
)
from tests.features.ocsp_transport import connected
from tests.features.request_heads import head
from tests.forged_requests import nonce, request, some_cert_id
from tests.revocation.ocsp_world import CEILING, HELD, REVOKED, THIS_UPDATE, cert_id

pytestmark = pytest.mark.timeout(120)

WATCHED, AWAY = 300, 301
ANY = caller(1)
CALLERS: dict[str, Caller | Unavailable] = {
    "any": ANY,
    "registered": caller(2, entitlement=Entitlement.REGISTERED),
    "presented": caller(3, entitlement=Entitlement.PRESENTED),
    "other kinds": caller(4, kinds=frozenset({"other"})),
    "away": UNAVAILABLE,
}
SHOWN: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "wrong": ("Authorization: Bearer wrong",),
    "basic": ("Authorization: Basic x",),
    **{name: (f"Authorization: Bearer {name}",) for name in CALLERS},
}
BODIES = {
    "revoked": request(cert_id(REVOKED)),
    "good": request(cert_id()),
    "watched": request(cert_id(WATCHED)),
    "away": request(cert_id(AWAY)),
    "watched, with a nonce": request(cert_id(WATCHED), extensions=(nonce(b"n" * 16),)),
    "never issued": request(cert_id(CEILING + 1)),
    "strange": request(some_cert_id()),
    "several": request(cert_id(WATCHED), cert_id(HELD)),
    "several, watched": request(cert_id(WATCHED), cert_id(WATCHED)),
    "several, one strange": request(cert_id(WATCHED), some_cert_id()),
    "several, one away": request(cert_id(WATCHED), cert_id(AWAY)),
    "malformed": b"no",
    "empty": b"",
}


def fake_callers() -> FakeCallers:
    made = FakeCallers({f"Bearer {name}": each for name, each in CALLERS.items()})
    made.watched = {WATCHED.to_bytes(2, "big"), bytes([REVOKED])}
    made.away = {AWAY.to_bytes(2, "big")}
    return made


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with both_running(tmp_path_factory.mktemp("sets"), identification=identified(fake_callers())) as running:
        yield running


CLOSING = get(BODIES["revoked"], "Connection: close")


def same(both: Running, *sent: bytes, heads: tuple[bool, ...] = ()) -> list[bytes]:
    fast, ordinary = both.run(both_until_closed(both.faces, [*sent, CLOSING], heads))
    assert fast == ordinary
    return fast


@pytest.mark.parametrize("body", list(BODIES))
@pytest.mark.parametrize("shown", list(SHOWN))
def test_every_caller_asks_everything(both: Running, shown: str, body: str) -> None:
    """Known, unknown, not allowed, nobody can tell; any certificate, a registered one, several, none."""
    octets, fields = BODIES[body], SHOWN[shown]
    for _ in range(3):
        found = same(both, post(octets, *fields))[0]
        for minor in (0, 1):
            kept = (*fields, "Connection: keep-alive")
            same(both, post(octets, *kept, path="/ocsp/delegated", minor=minor))
        if octets:
            assert same(both, get(octets, *fields))[0] == found
            same(both, get(octets, *fields, method="HEAD"), heads=(True, False))
            same(both, get(octets, "If-None-Match: *", *fields))


def test_answers_are_for_their_caller_alone(both: Running) -> None:
    """RFC 9111 section 5.2.2.7: what identified callers are told, no shared cache may keep."""
    for name in ("any", "registered"):
        found = same(both, get(BODIES["watched"], *SHOWN[name]))[0]
        assert b", private, no-transform, must-revalidate\r\n" in found
        assert b"public" not in found
    for name in ("nothing", "wrong", "presented", "other kinds"):
        assert same(both, post(BODIES["watched"], *SHOWN[name]))[0].endswith(ERRORS["unauthorized"])
    assert same(both, post(BODIES["watched"], *SHOWN["away"]))[0].endswith(ERRORS["later"])


def test_registered_callers_hear_of_their_own_alone(both: Running) -> None:
    """A certificate that no registration watches is unauthorized though its answer lies in memory."""
    for _ in range(3):
        assert not same(both, post(BODIES["good"], *SHOWN["any"]))[0].endswith(ERRORS["unauthorized"])
    for body in ("good", "several"):
        assert same(both, post(BODIES[body], *SHOWN["registered"]))[0].endswith(ERRORS["unauthorized"])
    for body in ("away", "several, one away"):
        assert same(both, post(BODIES[body], *SHOWN["registered"]))[0].endswith(ERRORS["later"])
    for body in ("watched", "several, watched", "revoked"):
        assert b"\r\nETag: " in same(both, post(BODIES[body], *SHOWN["registered"]))[0]


@pytest.mark.parametrize(
    "names", list(product(("any", "nothing", "registered", "wrong"), repeat=3)), ids="-".join
)
def test_one_connection_many_callers(both: Running, names: tuple[str, ...]) -> None:
    """Each request of a connection is its own caller's, pipelined and in pieces too."""
    octets = b"".join(post(BODIES["good"], *SHOWN[name]) for name in names)
    found = same(both, octets)
    for name, answer in zip(names, found[:-1], strict=True):
        assert answer.endswith(ERRORS["unauthorized"]) == (name != "any")
    assert same(both, *pieces(octets, range(0, len(octets), 37))) == found


async def test_a_registered_certificate_costs_one_token(tmp_path: Path) -> None:
    """A caller that may ask once at once is answered once, though its registrations are looked up first."""
    for route in ROUTES:
        once = caller(9, entitlement=Entitlement.REGISTERED, rate=1, burst=1)
        callers = FakeCallers({"Bearer once": once})
        callers.watched = {bytes([REVOKED])}
        async with alike(tmp_path / route, identification=identified(callers)) as (_, made):
            (answer,) = await asked(made.ports[route], post(BODIES["revoked"], "Authorization: Bearer once"))
            assert answer.field("ETag") is not None, route
            assert made.count(Count.RATE_LIMITED) == 0


@pytest.mark.parametrize("route", ROUTES)
async def test_a_new_set_meanwhile_costs_no_second_token(
    tmp_path: Path, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While its registrations are looked up another set comes: the caller is answered from that, for the one
    token it had."""
    callers = FakeCallers({"Bearer once": caller(9, entitlement=Entitlement.REGISTERED, rate=1, burst=1)})
    callers.watched = {bytes([REVOKED])}
    async with alike(tmp_path, identification=identified(callers)) as (world, made):
        finding_out, before = callers.entitled, made.epochs.epoch.set_seq

        async def entitled(*asked_for: Any) -> Any:
            if made.epochs.epoch.set_seq == before:
                snapshot = await asyncio.to_thread(another_set, tmp_path, world, 1)
                await made.snapshots.prepare(snapshot, world.authorities)
            return await finding_out(*asked_for)

        monkeypatch.setattr(callers, "entitled", entitled)
        (answer,) = await asked(made.ports[route], post(BODIES["revoked"], "Authorization: Bearer once"))
        assert made.epochs.epoch.set_seq > before
        found = ocsp.load_der_ocsp_response(answer.body)
        assert found.this_update_utc == THIS_UPDATE + timedelta(seconds=1)
        assert made.count(Count.RATE_LIMITED) == 0


@pytest.mark.parametrize("route", ROUTES)
async def test_who_asks_too_often_is_told_later(tmp_path: Path, route: str) -> None:
    """tryLater above the rate, at once; it is counted, and others are answered."""
    callers = FakeCallers({"Bearer two": caller(9, rate=1, burst=2), "Bearer any": caller(1)})
    async with alike(tmp_path, identification=identified(callers)) as (_, made):
        two = post(BODIES["revoked"], "Authorization: Bearer two")
        answers = await asked(made.ports[route], two * 10, methods=("POST",) * 10)
        refused = [each for each in answers if each.body == ERRORS["later"]]
        assert len(refused) >= 7
        assert answers[0].field("ETag") is not None
        assert made.count(Count.RATE_LIMITED) == len(refused)
        (other,) = await asked(made.ports[route], post(BODIES["revoked"], "Authorization: Bearer any"))
        assert other.field("ETag") is not None


async def test_t50_a_registered_caller_who_reads_nothing(tmp_path: Path) -> None:
    """faults.md, T50: where each certificate must be looked up, unread answers are bounded as well."""
    callers = FakeCallers({"Bearer registered": CALLERS["registered"]})
    async with alike(tmp_path, identification=identified(callers)) as (_, made):
        protocol, transport = connected(made, high=2000)
        fields = SHOWN["registered"]
        sent = [post(request(cert_id(1000 + number)), *fields) for number in range(1000)]
        protocol.data_received(b"".join(sent))
        await eventually(lambda: transport.writing_paused)
        for _ in range(5000):  # the loop's turns that all the look-ups would take
            await asyncio.sleep(0)
        assert len(transport.held) < 10_000
        assert not transport.is_reading()
        while transport.held:
            transport.read()
            for _ in range(100):
                await asyncio.sleep(0)
        found = compared(transport.said)
        assert len(found) == len(sent)
        assert {answer[-5:] for answer in found} == {ERRORS["unauthorized"]}
        transport.abort()


async def test_waiting_for_one_caller_holds_nobody_up(tmp_path: Path) -> None:
    """While the database is asked who somebody is, who is known is answered."""
    callers = fake_callers()
    async with alike(tmp_path, identification=identified(callers)) as (_, made):
        port = made.ports[FAST]
        known = post(BODIES["revoked"], *SHOWN["any"])
        (before,) = await asked(port, known)
        callers.answers.clear()
        async with wire(port) as waiting:
            await waiting.send(post(BODIES["revoked"], *SHOWN["registered"]))
            await eventually(lambda: callers.asked["identify"] == 2)
            assert await asked(port, known) == [before]
            callers.answers.set()
            assert (await waiting.answer()).body == before.body


async def test_a_client_that_goes_away_while_it_is_looked_up(tmp_path: Path) -> None:
    """Nothing is answered, nothing fails, and the next one is served."""
    callers = fake_callers()
    async with alike(tmp_path, identification=identified(callers)) as (_, made):
        port = made.ports[FAST]
        callers.answers.clear()
        async with wire(port) as gone:
            await gone.send(post(BODIES["revoked"], *SHOWN["any"]))
            await eventually(lambda: callers.asked["identify"] == 1)
        callers.answers.set()
        await eventually(lambda: made.server.connections == 0)
        (answer,) = await asked(port, post(BODIES["revoked"], *SHOWN["any"]))
        assert answer.field("ETag") is not None


async def test_a_fault_of_ours_while_it_is_looked_up_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is answered, the connection ends, the log tells the operator, and the next one is served."""
    callers, told = fake_callers(), list[Exception]()

    async def breaks(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(Answers, "broke", lambda _, error: told.append(error))
    async with alike(tmp_path, identification=identified(callers)) as (_, made):
        port, sent = made.ports[FAST], post(BODIES["revoked"], *SHOWN["any"])
        with monkeypatch.context() as broken:
            broken.setattr(callers, "identify", breaks)
            async with wire(port) as one:
                await one.send(sent)
                await one.until_closed()
                assert one.octets == b""
        assert [type(each) for each in told] == [LookupError]
        (answer,) = await asked(port, sent)
        assert answer.field("ETag") is not None


async def test_callers_are_counted(tmp_path: Path) -> None:
    """Each answer is counted in its caller's row by what it says, by both routes alike."""
    for route in ROUTES:
        callers = fake_callers()
        async with alike(tmp_path / route, identification=identified(callers)) as (_, made):
            names = ("revoked", "good", "never issued", "strange", "malformed")
            sent = b"".join(post(BODIES[name], *SHOWN["any"]) for name in names)
            await asked(made.ports[route], sent, methods=("POST",) * 5)
            principal = ANY.principal
            row = made.place.part.caller(principal.institution_id, principal.key_id)
            assert [row[each] for each in CallerCount] == [1, 1, 1, 2]
            assert made.count(Count.GOOD) == made.count(Count.REVOKED) == made.count(Count.UNKNOWN) == 1


async def test_odd_requests_of_a_known_caller(tmp_path: Path) -> None:
    """What goes to aiohttp is asked who it is there as well: an odd head lets nobody in."""
    callers = fake_callers()
    async with alike(tmp_path, identification=identified(callers)) as (_, made):
        body = BODIES["revoked"]
        odd = head("Content-Length: 00000000" + str(len(body)), "X: \xe9", start="POST /ocsp HTTP/1.1") + body
        known = post(body, *SHOWN["any"])
        found = await asked(made.ports[FAST], known + odd, methods=("POST", "POST"))
        assert found[0].field("ETag") is not None
        assert found[1].body == ERRORS["unauthorized"]
