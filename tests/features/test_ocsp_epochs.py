"""Sets and authorities that change under the answers: what is found again, what never is."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import ocsp as asn1_ocsp

from platform_api.ocsp.warming import Warming
from platform_api.workers.counts import Count
from revocation.authorities import Authorities
from revocation.ocsp.policy import TrustMode
from revocation.ocsp.responder import Responder
from revocation.ocsp.signing import LocallyTrustedSigner
from tests import pki
from tests.base.eventually import eventually
from tests.features.edge_sockets import Answer, asked, wire
from tests.features.ocsp_face import FAST, ROUTES, Faces, faces
from tests.features.ocsp_routes import ERRORS, ScriptedKey, alike, another_set, get, post
from tests.forged_requests import nonce, request
from tests.revocation import ocsp_world
from tests.revocation.ocsp_world import HELD, NOW, REVOKED, World, cert_id
from tests.revocation.sets import DAY, record
from tests.revocation.signer_certificates import certificate

pytestmark = pytest.mark.timeout(120)

KNOWN = post(request(cert_id(REVOKED)))
NONCED = post(request(cert_id(REVOKED), extensions=(nonce(b"n" * 16),)))


def single(answer: Answer) -> Any:
    found = asn1_ocsp.OCSPResponse.load(answer.body)
    assert found["response_status"].native == "successful", answer
    return found["response_bytes"]["response"].parsed["tbs_response_data"]["responses"][0]


def since(answer: Answer) -> datetime:
    found = single(answer)["this_update"].native
    assert isinstance(found, datetime)
    return found


def word(answer: Answer) -> str:
    return str(single(answer)["cert_status"].name)


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[World, Faces]]:
    async with alike(tmp_path) as (world, made):
        yield world, made


async def publish(made: Faces, folder: Path, world: World, number: int, listing: bytes | None = None) -> None:
    snapshot = await asyncio.to_thread(another_set, folder, world, number, listing)
    await made.snapshots.prepare(snapshot, world.authorities)


@pytest.mark.parametrize("route", ROUTES)
async def test_a_new_set_is_answered_from_at_once(
    both: tuple[World, Faces], tmp_path: Path, route: str
) -> None:
    """faults.md, T48: nothing of the old set is found in memory, with a nonce or without, by any method."""
    world, made = both
    own = cert_id(4242)
    sent = [post(request(own)), get(request(own)), post(request(own, extensions=(nonce(b"n" * 16),)))]
    for _ in range(3):
        for octets in sent:
            assert word((await asked(made.ports[route], octets))[0]) == "good"
    await publish(made, tmp_path, world, 1, record(4242, 1))
    for octets in sent:
        (answer,) = await asked(made.ports[route], octets)
        assert word(answer) == "revoked"
        assert since(answer) == ocsp_world.THIS_UPDATE + timedelta(seconds=1)


@pytest.mark.parametrize("route", ROUTES)
async def test_behind_another_worker_nothing_is_said(both: tuple[World, Faces], route: str) -> None:
    """Where the word says that a newer set is answered from: tryLater, though the answer lies in memory."""
    _, made = both
    port = made.ports[route]
    for _ in range(2):
        await asked(port, KNOWN)
    made.place.shared.advance(made.epochs.epoch.set_seq + 1)
    for sent in (KNOWN, NONCED, get(request(cert_id(REVOKED)))):
        assert (await asked(port, sent))[0].body == ERRORS["later"]
    assert made.count(Count.BEHIND) == 3
    assert (await asked(port, post(b"no")))[0].body == ERRORS["malformed"]


@pytest.mark.parametrize("route", ROUTES)
async def test_t07_after_the_end_of_a_list_nothing_is_said(both: tuple[World, Faces], route: str) -> None:
    """faults.md, T07: no answer with nextUpdate before now, from memory neither; max-age never goes on."""
    world, made = both
    port = made.ports[route]
    (before,) = await asked(port, KNOWN)
    ends = single(before)["next_update"].native
    for left in (10, 3, 2, 1):
        world.clock.set(ends - timedelta(seconds=left))
        made.answers.tick()
        (answer,) = await asked(port, KNOWN)
        assert single(answer)["next_update"].native == ends
        assert str(answer.field("Cache-Control")).startswith(f"max-age={left - 1}, ")
    for over in (0, 1, 100_000):
        world.clock.set(ends + timedelta(seconds=over))
        made.answers.tick()
        for sent in (KNOWN, NONCED):
            assert (await asked(port, sent))[0].body == ERRORS["later"]


@pytest.mark.parametrize("route", ROUTES)
async def test_a_clock_that_steps_back_forgets(both: tuple[World, Faces], route: str) -> None:
    """What was kept by another time of day is not found any more: it is said anew."""
    world, made = both
    port = made.ports[route]
    world.clock.advance(timedelta(hours=1))
    made.answers.tick()
    for _ in range(2):
        await asked(port, KNOWN)
    number, signed = made.epochs.epoch.number, made.count(Count.SIGNATURES)
    world.clock.advance(timedelta(seconds=-1))  # the margin of the clock that is read each second
    made.answers.tick()
    await asked(port, KNOWN)
    assert (made.epochs.epoch.number, made.count(Count.SIGNATURES)) == (number, signed)
    world.clock.advance(timedelta(minutes=-59))
    made.answers.tick()
    (answer,) = await asked(port, KNOWN)
    assert made.epochs.epoch.number == number + 1
    assert made.count(Count.SIGNATURES) == signed + 1
    found = asn1_ocsp.OCSPResponse.load(answer.body)["response_bytes"]["response"].parsed
    assert found["tbs_response_data"]["produced_at"].native == world.clock.now()


@pytest.mark.parametrize("route", ROUTES)
async def test_authorities_that_change(both: tuple[World, Faces], route: str) -> None:
    """A CA that is ours no more is nobody's, though its answers are in memory."""
    _, made = both
    port = made.ports[route]
    for _ in range(2):
        await asked(port, KNOWN)
    followed = made.epochs._authorities
    none = Authorities([])
    made.epochs._authorities = none  # type: ignore[misc] # as FollowedAuthorities changes under its holder
    made.answers.tick()
    assert (await asked(port, KNOWN))[0].body == ERRORS["unauthorized"]
    made.epochs._authorities = followed  # type: ignore[misc] # back again
    made.answers.tick()
    assert word((await asked(port, KNOWN))[0]) == "revoked"


@pytest.mark.parametrize("route", ROUTES)
async def test_a_superseded_set_says_nothing_good(both: tuple[World, Faces], route: str) -> None:
    """A damaged set above ours: revoked stays revoked, good is not said, from memory neither."""
    world, made = both
    port = made.ports[route]
    good = post(request(cert_id(4242)))
    for _ in range(3):
        assert word((await asked(port, good))[0]) == "good"
    made.snapshots.adopt(world.snapshot.seen_as(superseded=True), world.authorities)
    assert (await asked(port, good))[0].body == ERRORS["later"]


async def test_what_was_warm_is_found_in_the_next_set(both: tuple[World, Faces], tmp_path: Path) -> None:
    """Whatever was asked for again and again needs no signature after a publish; the rest does; the words
    are the new set's."""
    world, made = both
    port = made.ports[FAST]
    hashes = ("sha1", "sha256", "sha384", "sha512")
    warm = [
        post(request(cert_id(serial, hash_name=name, parameters=parameters)), path=path)
        for serial in (HELD, 4242)
        for name in hashes
        for parameters in (b"", b"\x05\x00")
        for path in ("/ocsp", "/ocsp/delegated")
    ]
    for _ in range(4):
        await asked(port, b"".join(warm), methods=("POST",) * len(warm))
    for _ in range(2):
        await asked(port, post(request(cert_id(777))))
    await publish(made, tmp_path, world, 1, record(4242, 1))
    assert made.warming.signed >= len(warm)
    signed = made.count(Count.SIGNATURES)
    answers = await asked(port, b"".join(warm), methods=("POST",) * len(warm))
    assert made.count(Count.SIGNATURES) == signed
    assert [word(each) for each in answers] == ["revoked"] * 32
    assert {since(each) for each in answers} == {ocsp_world.THIS_UPDATE + timedelta(seconds=1)}
    ordinary = await asked(made.ports["ordinary"], b"".join(warm), methods=("POST",) * len(warm))
    assert ordinary == answers
    await asked(port, post(request(cert_id(999))))
    assert made.count(Count.SIGNATURES) == signed + 1


async def test_an_issuer_that_is_gone_is_not_warmed(both: tuple[World, Faces], tmp_path: Path) -> None:
    """Nothing is signed for a CA that the next authorities do not have."""
    world, made = both
    for _ in range(4):
        await asked(made.ports[FAST], KNOWN)
    snapshot = await asyncio.to_thread(another_set, tmp_path, world, 1)
    await made.warming.prepare(snapshot, Authorities([]))
    assert made.warming.signed == 0


async def test_warming_has_its_time_and_no_more(both: tuple[World, Faces], tmp_path: Path) -> None:
    """A publish waits so long and no longer, however much there is."""
    world, made = both
    many = b"".join(post(request(cert_id(20_000 + number))) for number in range(100))
    for _ in range(4):
        await asked(made.ports[FAST], many, methods=("POST",) * 100)
    snapshot = await asyncio.to_thread(another_set, tmp_path, world, 1)
    looked = iter(range(10**6))
    responders = dict.fromkeys(TrustMode, world.responder)
    warming = Warming(
        made.answers, made.epochs, made.cache, responders, most_s=10.5, monotonic=lambda: float(next(looked))
    )
    sleeps: list[float] = []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("platform_api.ocsp.warming.asyncio.sleep", sleep)
        await warming.prepare(snapshot, world.authorities)
    assert 4 <= warming.signed <= 40
    assert set(sleeps) == {0}  # after each signature the loop answers what has come


async def test_slow_keys_are_not_warmed(tmp_path: Path) -> None:
    """A key that takes long would hold up the loop: its answers are signed when they are asked for."""
    key = ScriptedKey(slow=True)
    async with alike(tmp_path, key=key) as (world, made):
        for _ in range(4):
            await asked(made.ports[FAST], KNOWN)
        signed = key.signed
        await publish(made, tmp_path, world, 1)
        assert key.signed == signed
        assert word((await asked(made.ports[FAST], KNOWN))[0]) == "revoked"


@pytest.mark.parametrize("route", ROUTES)
async def test_t09_after_a_rotation_answers_are_kept_again(tmp_path: Path, route: str) -> None:
    """faults.md, T09: an answer by a signer that has ended is not handed out; the new signer's is kept in
    its place, and not signed anew for everybody who asks."""
    world = await asyncio.to_thread(ocsp_world.make_world, tmp_path)
    old, new = pki.key("ed25519", 71), pki.key("ed25519", 72)
    ends = timedelta(hours=2)
    signer = LocallyTrustedSigner(
        certificate(old, start=NOW - DAY, life=DAY + ends),
        old,
        (certificate(new, start=NOW + timedelta(hours=1), life=30 * DAY), new),
    )
    responder = Responder(world.authorities, {TrustMode.LOCAL: signer}, world.clock)
    world = replace(world, responder=responder)
    async with faces({TrustMode.LOCAL: responder}, world.authorities, world.snapshot, world.clock) as made:
        port = made.ports[route]
        (first,) = await asked(port, KNOWN)
        world.clock.set(NOW + ends + timedelta(seconds=1))
        made.answers.tick()
        (second,) = await asked(port, KNOWN)
        assert first.body != second.body
        assert single(second)["next_update"].native > world.clock.now()
        signed = made.count(Count.SIGNATURES)
        for _ in range(5):
            assert await asked(port, KNOWN) == [second]
        assert made.count(Count.SIGNATURES) == signed


def held_open() -> tuple[int, int]:
    """Descriptors of this process, and its maps."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return len(list(Path("/proc/self/fd").iterdir())), len(maps)


async def test_t63_a_hundred_sets_under_load(both: tuple[World, Faces], tmp_path: Path) -> None:
    """faults.md, T63: 100 swaps while six connections ask without a pause, by both routes and all methods:
    no error, no answer from an older set than one given before it was asked; nothing is left open."""
    world, made = both
    newest = ocsp_world.THIS_UPDATE
    stopped = False
    answered = dict.fromkeys(ROUTES, 0)
    several = post(request(cert_id(REVOKED), cert_id(4242)))
    sent = [KNOWN, get(request(cert_id(HELD))), NONCED, several, post(request(cert_id(4242)))]

    async def ask(route: str, number: int) -> None:
        nonlocal newest
        async with wire(made.ports[route]) as one:
            while not stopped:
                before = newest
                octets = sent[(answered[route] + number) % len(sent)]
                await one.send(octets)
                answer = await one.answer()
                assert answer.status == 200
                found = since(answer)
                assert found >= before
                newest = max(newest, found)
                answered[route] += 1

    await publish(made, tmp_path, world, 1)
    gc.collect()
    opened = await asyncio.to_thread(held_open)
    asking = [asyncio.create_task(ask(route, number)) for number in range(3) for route in ROUTES]
    for number in range(2, 102):
        await publish(made, tmp_path, world, number)
        reached = dict(answered)
        await eventually(
            lambda reached=reached: (
                any(task.done() for task in asking)  # type: ignore[misc] # as it is now
                or all(answered[route] > reached[route] for route in ROUTES)
            )
        )
    stopped = True
    await asyncio.gather(*asking)
    assert newest == ocsp_world.THIS_UPDATE + timedelta(seconds=101)
    assert min(answered.values()) >= 100
    await eventually(lambda: made.server.connections == 0)
    for name in (Count.TRY_LATER, Count.INTERNAL_ERROR, Count.UNAUTHORIZED, Count.BEHIND, Count.OVERLOADED):
        assert made.count(name) == 0, name
    gc.collect()
    after = await asyncio.to_thread(held_open)
    assert after[0] <= opened[0] + 10
    assert after[1] <= opened[1] + 100  # the heap's own; 100 sets would be some hundreds more


async def test_t64_a_drain_under_load(both: tuple[World, Faces]) -> None:
    """faults.md, T64: while connections ask without a pause the server is drained: each is answered and told
    to close; no request is lost."""
    _, made = both

    async def ask() -> int:
        async with wire(made.ports[FAST]) as one:
            for answered in range(1, 10**6):
                await one.send(KNOWN)
                answer = await one.answer()
                assert word(answer) == "revoked"
                if answer.field("Connection") == "close":
                    await one.until_closed()
                    return answered
        raise AssertionError("expected to be told to close")

    asking = [asyncio.create_task(ask()) for _ in range(8)]
    await eventually(lambda: made.count(Count.POST) > 200)
    await made.server.drain(10.0)
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert made.server.connections == 0
    assert [each for each in found if not isinstance(each, int)] == []
