"""Signing beside requests: its share of the loop, its threads, and what a flood of it leaves for the rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import ocsp as asn1_ocsp

from platform_api.ocsp.signing_share import SigningShare
from platform_api.ocsp.signing_threads import SigningThreads
from platform_api.workers.counts import Count
from revocation.errors import OutsideFailed, OwnFault
from tests.base.eventually import HANG_S, eventually
from tests.features.edge_sockets import Answer, asked, wire
from tests.features.ocsp_face import FAST, ROUTES, Faces
from tests.features.ocsp_routes import ERRORS, ScriptedKey, alike, post
from tests.forged_requests import nonce, request
from tests.revocation.ocsp_world import REVOKED, World, cert_id

pytestmark = pytest.mark.timeout(60)

KNOWN = post(request(cert_id(REVOKED)))


def with_nonce(number: int, serial: int = REVOKED) -> bytes:
    return post(request(cert_id(serial), extensions=(nonce(number.to_bytes(16, "big")),)))


def is_signed(answer: Answer) -> bool:
    return bool(asn1_ocsp.OCSPResponse.load(answer.body)["response_status"].native == "successful")


@dataclass
class Hand:
    """A monotonic clock that the test moves."""

    at: float = 1000.0
    read: int = field(default=0)

    def __call__(self) -> float:
        self.read += 1
        return self.at


def test_a_share_is_paid_by_what_signing_took() -> None:
    """50 ms at once; then so much of each second as the share says, and never more than 50 ms saved."""
    now = Hand()
    share = SigningShare(0.5, now)
    assert not share.spent()
    share.paid(now.at, now.at)
    for _ in range(4):
        assert not share.spent()
        began = now.at
        now.at += 0.02  # half of which comes back meanwhile
        share.paid(began, now.at)
    began = now.at
    now.at += 0.02
    share.paid(began, now.at)
    assert share.spent()
    now.at += 0.021
    assert not share.spent()
    now.at += 3600
    began = now.at
    now.at += 0.2
    share.paid(began, now.at)
    assert share.spent()
    now.at += 0.2
    assert share.spent()
    now.at += 0.1001
    assert not share.spent()


@pytest.mark.parametrize("share", [0, -1, 1.01, float("nan")])
def test_a_share_that_is_none(share: float) -> None:
    """Above 0 and at most 1."""
    with pytest.raises(ValueError, match="share"):
        SigningShare(share, Hand())


def _after(held: threading.Event, number: int = 0) -> int:
    """The number, once a test lets go."""
    assert held.wait(HANG_S)
    return number


@pytest.fixture
async def threads() -> AsyncIterator[SigningThreads]:
    made = SigningThreads(asyncio.get_running_loop(), threads=2, most_waiting=3)
    yield made
    await asyncio.to_thread(made.close)


async def test_threads_take_no_more_than_they_may(threads: SigningThreads) -> None:
    """What waits is bounded, above it nothing is taken; when one is done there is room again."""
    held = threading.Event()
    begun = [threads.submit(partial(_after, held, n), lambda n: (n, threading.get_ident())) for n in range(3)]
    assert None not in begun
    assert threads.submit(lambda: 1, lambda n: n) is None
    held.set()
    found = [await each for each in begun if each is not None]
    assert found == [(number, threading.get_ident()) for number in range(3)]  # then() runs on the loop
    again = threads.submit(lambda: 5, lambda n: n + 1)
    assert again is not None
    assert await again == 6


async def test_what_fails_in_a_thread_is_its_futures(threads: SigningThreads) -> None:
    """Whether signing fails or what is made of it; the threads go on."""

    def fail(*_given: Any) -> int:
        raise OutsideFailed("TOKEN_AWAY", expected="a", got="b", remedy="c")

    for sign, then in ((fail, lambda n: n), (lambda: 1, fail)):
        future = threads.submit(sign, then)
        assert future is not None
        with pytest.raises(OutsideFailed):
            await future
    later = threads.submit(lambda: 1, lambda n: n)
    assert later is not None
    assert await later == 1


async def test_nobody_waits_for_what_was_cancelled(threads: SigningThreads) -> None:
    """A cancelled one gives its place back, and is not made anything of."""
    held = threading.Event()
    made: list[bool] = []
    futures = [threads.submit(lambda: held.wait(HANG_S), made.append) for _ in range(3)]
    assert futures[0] is not None
    futures[0].cancel()
    held.set()
    for each in futures[1:]:
        assert each is not None
        await each
    await eventually(lambda: threads._waiting == 0)
    assert len(made) == 2


async def test_threads_that_are_closed() -> None:
    """Nothing more is taken; what was taken is done; closing twice, or before anything, does nothing."""
    threads = SigningThreads(asyncio.get_running_loop(), threads=2, most_waiting=10)
    future = threads.submit(lambda: 1, lambda n: n)
    await asyncio.to_thread(threads.close)
    assert future is not None
    assert await future == 1
    assert threads.submit(lambda: 1, lambda n: n) is None
    await asyncio.to_thread(threads.close)
    never = SigningThreads(asyncio.get_running_loop(), threads=2, most_waiting=10)
    await asyncio.to_thread(never.close)
    assert never.submit(lambda: 1, lambda n: n) is None


async def test_t47_a_flood_of_nonces_leaves_room(tmp_path: Path) -> None:
    """faults.md, T47: nonces have a share of their own: above it tryLater at once; what is in memory is
    answered as before, what nobody asked before is signed, and after a while nonces are as well."""
    for route in ROUTES:
        now, key = Hand(), ScriptedKey()
        async with alike(tmp_path / route, key=key, monotonic=now, share=0.5) as (_, made):
            port = made.ports[route]
            (before,) = await asked(port, KNOWN)

            def costs(now: Hand = now) -> None:
                now.at += 0.03

            key.before = costs
            flood = b"".join(with_nonce(number) for number in range(200))
            answers = await asked(port, flood, methods=("POST",) * 200)
            signed = [is_signed(each) for each in answers]
            assert 2 <= sum(signed) <= 8
            assert not any(signed[10:])
            assert {each.body for each in answers[10:]} == {ERRORS["later"]}
            assert made.count(Count.OVERLOADED) == 200 - sum(signed)
            assert await asked(port, KNOWN) == [before]
            assert not is_signed((await asked(port, with_nonce(999)))[0])
            assert is_signed((await asked(port, post(request(cert_id(4242)))))[0])
            now.at += 1.0
            assert is_signed((await asked(port, with_nonce(1000)))[0])


@pytest.mark.parametrize("route", ROUTES)
async def test_item_45_signing_for_new_questions_has_a_share_too(tmp_path: Path, route: str) -> None:
    """bad-inputs.md, item 45: a flood of serials that nobody asked before is told tryLater above its share,
    memory stays bounded, and what is in memory is answered."""
    now, key = Hand(), ScriptedKey()
    async with alike(tmp_path, key=key, monotonic=now, share=0.5) as (_, made):
        port = made.ports[route]
        (before,) = await asked(port, KNOWN)

        def costs() -> None:
            now.at += 0.03

        key.before = costs
        flood = b"".join(post(request(cert_id(10_000 + number))) for number in range(300))
        answers = await asked(port, flood, methods=("POST",) * 300)
        assert 2 <= sum(is_signed(each) for each in answers) <= 10
        assert {each.body for each in answers[20:]} == {ERRORS["later"]}
        assert made.cache.octets < 10_000
        assert await asked(port, KNOWN) == [before]


async def served_beside(world: World, made: Faces, route: str, key: ScriptedKey) -> None:
    """While signatures are made in threads, the loop answers what is in memory."""
    port = made.ports[route]
    (before,) = await asked(port, KNOWN)
    held = threading.Event()
    key.before = partial(_after, held)
    assert world.responder is not None
    async with wire(port) as waiting:
        await waiting.send(post(request(cert_id(4242))) + KNOWN)
        await eventually(lambda: made.count(Count.CACHE_MISS) == 2)
        for _ in range(20):
            assert await asked(port, KNOWN) == [before]
        held.set()
        assert is_signed(await waiting.answer())
        assert await waiting.answer() == before  # in order


@pytest.mark.parametrize("route", ROUTES)
async def test_a_slow_key_signs_beside_the_loop(tmp_path: Path, route: str) -> None:
    """RSA off the loop: others are answered meanwhile; answers of one connection keep their order."""
    key = ScriptedKey(slow=True)
    async with alike(tmp_path, key=key) as (world, made):
        await served_beside(world, made, route, key)


@pytest.mark.parametrize("route", ROUTES)
async def test_too_many_signatures_wait(tmp_path: Path, route: str) -> None:
    """Where the queue of a slow key is full: tryLater at once, with a nonce or without."""
    key = ScriptedKey(slow=True)
    async with alike(tmp_path, key=key, most_waiting=2) as (_, made):
        port = made.ports[route]
        await asked(port, KNOWN)
        held = threading.Event()
        key.before = partial(_after, held)
        async with wire(port) as first, wire(port) as second:
            await first.send(post(request(cert_id(4242))))
            await second.send(with_nonce(1))
            await eventually(lambda: made.answers._threads._waiting == 2)
            for sent in (post(request(cert_id(4243))), with_nonce(2)):
                assert (await asked(port, sent))[0].body == ERRORS["later"]
            assert (await asked(port, KNOWN))[0].field("ETag") is not None
            assert made.count(Count.OVERLOADED) == 2
            held.set()
            assert is_signed(await first.answer())
            assert is_signed(await second.answer())


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("route", ROUTES)
async def test_a_key_that_cannot_sign(tmp_path: Path, route: str, slow: bool) -> None:
    """A token that is away: tryLater. A fault of ours: internalError. Never a broken connection."""
    key = ScriptedKey(slow=slow)
    async with alike(tmp_path, key=key) as (_, made):
        port = made.ports[route]
        await asked(port, KNOWN)
        for error, octets in (
            (OutsideFailed("TOKEN_AWAY", expected="a", got="b", remedy="c"), ERRORS["later"]),
            (OwnFault("KEY_BROKEN", expected="a", got="b", remedy="c"), ERRORS["internal"]),
        ):

            def fail(error: Exception = error) -> None:
                raise error

            key.before = fail
            sent = post(request(cert_id(4242))) + with_nonce(1) + KNOWN
            answers = await asked(port, sent, methods=("POST",) * 3)
            assert [each.body for each in answers[:2]] == [octets, octets]
            assert answers[2].field("ETag") is not None


@pytest.mark.parametrize("slow", [False, True])
async def test_a_fault_that_nobody_foresaw(tmp_path: Path, slow: bool) -> None:
    """An exception of no family: internalError by both routes, and the connection goes on."""
    key = ScriptedKey(slow=slow)
    async with alike(tmp_path, key=key) as (_, made):
        for route in ROUTES:
            port = made.ports[route]
            await asked(port, KNOWN)

            def fail() -> None:
                raise RuntimeError("expected to fail")

            key.before = fail
            sent = post(request(cert_id(4242))) + with_nonce(1) + KNOWN
            answers = await asked(port, sent, methods=("POST",) * 3)
            assert [each.body for each in answers[:2]] == [ERRORS["internal"]] * 2, route
            assert answers[2].field("ETag") is not None


async def test_a_client_that_goes_away_while_it_is_signed_for(tmp_path: Path) -> None:
    """Its signature is thrown away, nobody else gets it, and the queue has room again."""
    key = ScriptedKey(slow=True)
    async with alike(tmp_path, key=key, most_waiting=1) as (_, made):
        port = made.ports[FAST]
        (before,) = await asked(port, KNOWN)
        held = threading.Event()
        key.before = partial(_after, held)
        async with wire(port) as gone:
            await gone.send(with_nonce(1))
            await eventually(lambda: made.answers._threads._waiting == 1)
        held.set()
        await eventually(lambda: made.server.connections == 0)
        assert await asked(port, KNOWN) == [before]
        assert is_signed((await asked(port, with_nonce(2)))[0])
